from datetime import date
from typing import Any

import pytest

from runsemble.errors import PlaceholderError
from runsemble.launch.placeholders import AsWritten, ShellText, Template

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


@pytest.mark.parametrize("text", ["", "{beta}", "{{beta}}", "{beta:.3f}", "{bata}", "${beta}", "{}"])
def test_a_literal_text_is_taken_as_it_is(text: str) -> None:
    template = Template(text, is_literal=True)
    assert template.fill(VALUES, known={"bata"}) == text
    assert (template.is_constant, template.names, template.is_only("beta")) == (True, [], False)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("a {b c}", []),
        ("{x}", ["x"]),
        ("{y}{x}{y:.3f}", ["y", "x", "y"]),
        ("{{x}} {y}", ["y"]),
        ("{größe}", ["größe"]),
        ("{0} {} {x.y} {x!r}", []),
    ],
)
def test_a_template_knows_the_names_in_single_braces(text: str, names: list[str]) -> None:
    assert Template(text).names == names


@pytest.mark.parametrize(
    ("spec", "filled"),
    [("", "0.10"), (":.3f", "0.100"), (":>6", "   0.1"), (":.0%", "10%"), (":+", "+0.1")],
)
def test_a_value_that_was_read_appears_as_written_unless_it_has_a_format(spec: str, filled: str) -> None:
    assert Template(f"{{x{spec}}}").fill({"x": AsWritten(0.1, "0.10")}) == filled


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("d/a.tar.gz", ["d/a.tar", "a.tar.gz", "d", "a.tar"]),
        ("/a.c", ["/a", "a.c", "/", "a"]),
        ("a.c", ["a", "a.c", ".", "a"]),
        ("a", ["a", "a", ".", "a"]),
        ("d.d/a", ["d.d/a", "a", "d.d", "a"]),
        ("./a.c", ["./a", "a.c", ".", "a"]),
        ("a b/c d.e f", ["a b/c d", "c d.e f", "a b", "c d"]),
        ("", ["", "", ".", ""]),
        ("0.10", ["0", "0.10", ".", "0"]),
    ],
)
def test_a_value_that_was_read_has_the_parts_of_a_path(text: str, parts: list[str]) -> None:
    values = {"x": AsWritten(text, text)}
    assert [Template(braces).fill(values) for braces in ("{x:.}", "{x:/}", "{x://}", "{x:/.}")] == parts


def test_the_parts_of_a_path_are_those_of_the_text() -> None:
    assert Template("{x:.}").fill({"x": AsWritten(0.1, "0.10")}) == "0"


@pytest.mark.parametrize("spec", ["d", "..", "///", "./"])
def test_a_format_that_does_not_suit_a_value_that_was_read_is_an_error(spec: str) -> None:
    with pytest.raises(PlaceholderError, match="does not suit 'a'"):
        Template(f"{{x:{spec}}}").fill({"x": AsWritten("a", "a")})


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("plain", "echo plain"),
        (0.5, "echo 0.5"),
        ("", "echo ''"),
        ("a b", "echo 'a b'"),
        ("it's", "echo 'it'\"'\"'s'"),
        ('$(id); `id` | \\ & "', "echo '$(id); `id` | \\ & \"'"),
        ("a\nb", "echo 'a\nb'"),
        ("*", "echo '*'"),
        ("~", "echo '~'"),
        ("{x}", "echo {x}"),
        (AsWritten(0.1, "0.1 0"), "echo '0.1 0'"),
    ],
)
def test_what_is_filled_into_a_text_for_a_shell_is_one_word_of_it(value: Any, filled: str) -> None:
    assert Template(ShellText("echo {x}")).fill({"x": value}) == filled


@pytest.mark.parametrize(
    "text", ["echo ${x}", 'echo "${x}"', "echo ${x:3}", "echo $x", "awk '{print $1}'", "echo {unrelated}", "${x}${x}"]
)
def test_what_is_no_placeholder_of_a_text_for_a_shell_stays(text: str) -> None:
    template = Template(ShellText(text))
    assert template.fill({"x": "a b"}) == text
    assert "x" not in template.names


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{x}}", "{x}"),
        ('echo "{{x}}" {x}', "echo \"{x}\" 'a b'"),
        ("awk '{{x}}'", "awk '{x}'"),
        ("{{x:>3}}", "{x:>3}"),
    ],
)
def test_doubled_braces_in_a_text_for_a_shell_stand_for_single_ones(text: str, filled: str) -> None:
    assert Template(ShellText(text)).fill({"x": "a b"}) == filled


def test_what_looks_like_a_slip_can_be_kept_in_a_text_for_a_shell_too() -> None:
    with pytest.raises(PlaceholderError, match=r"write \{\{bata\}\} to keep the braces"):
        Template(ShellText('echo "{bata}"')).fill(VALUES)
    assert Template(ShellText('echo "{{bata}}"')).fill(VALUES) == 'echo "{bata}"'


def test_a_format_in_a_text_for_a_shell_comes_before_the_quotes() -> None:
    assert Template(ShellText("echo {x:>5} {x:/}")).fill({"x": AsWritten("d/a", "d/a")}) == "echo '  d/a' a"


def test_outside_a_text_for_a_shell_nothing_is_quoted() -> None:
    assert Template("echo {x} ${x}").fill({"x": "a b"}) == "echo a b $a b"
