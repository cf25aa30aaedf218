from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runsemble.errors import PlaceholderError
from runsemble.launch.placeholders import _PATH_PARTS, Template

#: Shares no letter with the names below, so that nothing in it can be a misspelling of them.
STRANGE = "{}:.<>01 $\n'\"xyz_é"
NAMES = ("beta", "gamma", "run_id")

values = st.fixed_dictionaries({name: st.integers() | st.floats() | st.text() for name in NAMES})


@given(st.text(alphabet=STRANGE), values)
def test_text_that_names_no_parameter_survives_untouched(text: str, filled: dict[str, Any]) -> None:
    assert Template(text).fill(filled) == text


#: Written part -> what it becomes, with "%s" where a value goes in.
literal = st.text(alphabet=STRANGE.replace("{", "").replace("}", "")).map(lambda text: (text, text, ""))
placeholder = st.sampled_from(NAMES).map(lambda name: ("{" + name + "}", None, name))
doubled = st.sampled_from(NAMES).map(lambda name: ("{{" + name + "}}", "{" + name + "}", ""))
foreign = st.sampled_from(["{print $1}", "{}", "{x}", "{x:y}", '{"a": [1]}', "{beta.real}", "{beta!r}", "{0}"]).map(
    lambda text: (text, text, "")
)


@given(st.lists(literal | placeholder | doubled | foreign), values)
def test_each_part_of_a_template_is_filled_on_its_own(
    parts: list[tuple[str, str | None, str]], filled: dict[str, Any]
) -> None:
    expected = "".join(str(filled[name]) if text is None else text for _, text, name in parts)
    assert Template("".join(written for written, _, _ in parts)).fill(filled) == expected


def format_or_none(value: Any, spec: str) -> str | None:
    try:
        return format(value, spec)
    except (ValueError, TypeError, OverflowError):
        return None


@given(
    st.text(alphabet="<>=^+-# 0,_.19%dxXobcseEfFgGn", max_size=5),
    st.integers() | st.floats() | st.text() | st.none() | st.dates() | st.just(10**400),
)
def test_any_format_is_the_values_own_or_an_error(spec: str, value: Any) -> None:
    path_part = _PATH_PARTS.get(spec) if type(value) in (str, int, float) else None
    expected = format_or_none(value, spec) if path_part is None else path_part(str(value))
    template = Template("[{beta:" + spec + "}]")
    if expected is None:
        with pytest.raises(PlaceholderError):
            template.fill({"beta": value})
    else:
        assert template.fill({"beta": value}) == f"[{expected}]"


def misspelt_name(text: str, filled: dict[str, Any]) -> str | None:
    try:
        Template(text).fill(filled)
    except PlaceholderError as error:
        return error.name
    return None


@given(st.text(alphabet=STRANGE + "beta"), values)
def test_whatever_is_refused_stands_in_single_braces(text: str, filled: dict[str, Any]) -> None:
    name = misspelt_name(text, filled)
    assert name is None or "{" + name in text


@given(st.text(alphabet="beta{}", max_size=8), values)
def test_what_is_refused_survives_with_doubled_braces(name: str, filled: dict[str, Any]) -> None:
    written = "{" + name + "}"
    if misspelt_name(written, filled) == name:
        assert Template("{" + written + "}").fill(filled) == written
