import inspect

import pytest

from runsemble import errors
from runsemble.errors import ParameterError, RunsembleError, UsageError

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
