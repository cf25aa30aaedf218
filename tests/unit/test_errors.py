import inspect

import pytest

from runsemble import errors
from runsemble.errors import ParameterError, RunsembleError, UsageError, quote

FAMILY = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, RunsembleError)
]  # fmt: skip


@pytest.mark.parametrize("kind", FAMILY)
def test_the_docstring_is_the_default_message(kind: type[RunsembleError]) -> None:
    assert str(kind()) == kind.__doc__


@pytest.mark.parametrize("kind", FAMILY)
def test_every_error_has_a_docstring_of_its_own(kind: type[RunsembleError]) -> None:
    assert kind.__dict__["__doc__"]


def test_context_travels_in_attributes() -> None:
    error = ParameterError("runs[3] is no mapping", index=3)
    assert error.index == 3
    assert str(error) == "runs[3] is no mapping"


@pytest.mark.parametrize("kind", [k for k in FAMILY if issubclass(k, UsageError)])
def test_a_usage_error_is_a_value_error(kind: type[UsageError]) -> None:
    assert issubclass(kind, ValueError)


@pytest.mark.parametrize(
    ("text", "at", "quoted"),
    [
        ("a\0b", 1, "'a\\x00b'"),
        ("x" * 60, 59, repr("x" * 60)),
        ("x" * 61, 0, repr("x" * 60) + "... (61 characters)"),
        ("x" * 60 + "\0", 60, "..." + repr("x" * 59 + "\0") + " (61 characters)"),
        ("x" * 100 + "\0" + "y" * 100, 100, "..." + repr("x" * 30 + "\0" + "y" * 29) + "... (201 characters)"),
        ("x" * 61, -1, repr("x" * 60) + "... (61 characters)"),
    ],
)
def test_a_quotation_shows_what_matters_and_no_more(text: str, at: int, quoted: str) -> None:
    assert quote(text, at) == quoted
