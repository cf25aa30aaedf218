from datetime import date
from typing import Any

import pytest

from runsemble.errors import PlaceholderError
from runsemble.launch.placeholders import Template

VALUES = {"beta": 0.12345, "name": "run", "run_id": 7, "größe": 3}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{beta}", "0.12345"),
        ("--beta={beta:.3f}", "--beta=0.123"),
        ("{name}-{run_id:04d}", "run-0007"),
        ("{run_id}{run_id}", "77"),
        ("{größe}", "3"),
        ("{beta:}", "0.12345"),
        ("", ""),
    ],
)
def test_a_known_name_is_replaced(text: str, filled: str) -> None:
    assert Template(text).fill(VALUES) == filled


@pytest.mark.parametrize(
    "text",
    [
        "{print $1}",
        "{print}",
        "${HOME}",
        '{"a": 1}',
        "{}",
        "{0}",
        "{ beta }",
        "{beta!r}",
        "{beta.real}",
        "{beta[0]}",
        "{unrelated:>3}",
        "{{unrelated}}",
        "{",
        "}",
        "{beta",
        "beta}",
        "}{",
    ],
)
def test_any_other_brace_stays(text: str) -> None:
    assert Template(text).fill(VALUES) == text


@pytest.mark.parametrize(
    ("text", "filled"),
    [("{{beta}}", "{beta}"), ("{{beta:.3f}}", "{beta:.3f}"), ("{{beta}}={beta:.1f}", "{beta}=0.1")],
)
def test_doubled_braces_stand_for_single_ones(text: str, filled: str) -> None:
    assert Template(text).fill(VALUES) == filled


@pytest.mark.parametrize(
    ("written", "meant"), [("{bata}", "beta"), ("{Beta}", "beta"), ("{runid}", "run_id"), ("{nam:>3}", "name")]
)
def test_a_slip_of_the_pen_is_an_error_that_names_what_was_meant(written: str, meant: str) -> None:
    with pytest.raises(PlaceholderError, match=f"did you mean {{{meant}}}"):
        Template(written).fill(VALUES)


def test_the_error_carries_the_name() -> None:
    with pytest.raises(PlaceholderError) as caught:
        Template("x{bata:.3f}").fill(VALUES)
    assert caught.value.name == "bata"


def test_what_looks_like_a_slip_can_be_kept_as_the_error_says() -> None:
    with pytest.raises(PlaceholderError, match=r"write \{\{bata\}\} to keep the braces"):
        Template("{bata}").fill(VALUES)
    assert Template("{{bata}}").fill(VALUES) == "{bata}"


def test_a_name_that_only_other_runs_know_is_an_error() -> None:
    with pytest.raises(PlaceholderError, match="this run has no parameter 'gamma'"):
        Template("{gamma}").fill(VALUES, known={"gamma"})


def test_a_name_near_one_that_only_other_runs_know_is_an_error() -> None:
    with pytest.raises(PlaceholderError, match=r"did you mean \{gamma\}"):
        Template("{gama}").fill(VALUES, known={"gamma"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{x:d}", 0.5),
        ("{x:.3f}", "a"),
        ("{x:.3f}", None),
        ("{x:%}", [1]),
        ("{x:nonsense}", 1),
        pytest.param("{x:.3f}", 10**400, id="401 digits"),
        ("{x:c}", 2**40),
    ],
)
def test_a_format_that_does_not_suit_the_value_is_an_error(text: str, value: Any) -> None:
    with pytest.raises(PlaceholderError, match="does not suit") as caught:
        Template(text).fill({"x": value})
    assert caught.value.name == "x"


def test_the_format_is_the_values_own() -> None:
    assert Template("{day:%Y/%m}").fill({"day": date(1978, 1, 22)}) == "1978/01"


def test_what_is_put_in_is_not_looked_at_again() -> None:
    assert Template("{a}{b}").fill({"a": "{b}", "b": 1}) == "{b}1"


@pytest.mark.parametrize(
    ("text", "only"), [("{id}", True), ("{id:04d}", True), ("{id}{x}", False), ("x{id}", False), ("{other}", False)]
)
def test_a_template_knows_whether_it_is_one_placeholder_and_nothing_else(text: str, only: bool) -> None:
    assert Template(text).is_only("id") is only


@pytest.mark.parametrize(("text", "constant"), [("a {b c}", True), ("{b}", False), ("{{b}}", False)])
def test_a_template_without_placeholders_is_constant(text: str, constant: bool) -> None:
    assert Template(text).is_constant is constant
