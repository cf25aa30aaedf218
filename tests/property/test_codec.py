import json
import os
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from runsemble.codec import decode, encode

# in whole seconds: `fromisoformat` takes an offset of +00:00:00.000001 for UTC, so such a value is refused
zones = st.none() | st.integers(-86399, 86399).map(lambda offset_s: timezone(timedelta(seconds=offset_s)))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(0, 4200).map(lambda digits: -(10**digits)),
    st.floats(),
    st.complex_numbers(),
    st.text(),
    st.binary(),
    st.binary().map(os.fsdecode),
    st.decimals(allow_nan=False),
    st.dates(),
    st.times(timezones=zones).map(lambda t: t.replace(fold=0)),
    st.datetimes(timezones=zones).map(lambda t: t.replace(fold=0)),
    st.timedeltas(),
    st.text(st.characters(exclude_characters="\0", codec="utf-8")).map(Path),
)
hashables = st.recursive(
    scalars, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4), max_leaves=5
)
names = st.text(max_size=5) | st.sampled_from(["__type__", "value"])
values = st.recursive(
    scalars | st.sets(hashables, max_size=4) | st.frozensets(hashables, max_size=4),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(names, inner, max_size=4),
        st.dictionaries(hashables, inner, max_size=4),
    ),
    max_leaves=10,
)


def canonical(value: Any) -> Any:
    """Return something that is equal for two values if, and only if, these are the same in every type."""
    kind = type(value)
    if kind is list or kind is tuple:
        return kind, [canonical(item) for item in value]
    if kind is set or kind is frozenset:
        return kind, sorted(repr(canonical(item)) for item in value)
    if kind is dict:
        return kind, [(canonical(key), canonical(item)) for key, item in value.items()]
    return kind, repr(value)


@given(values)
@example({"__type__": "tuple", "value": [1, 2]})
@example({"__type__": {"__type__": "pickle", "value": "gASVAA=="}})
@example([float("nan"), -0.0, 0.0, complex(float("nan"), -0.0)])
@example({1: "a", (1, 2.0): "b", None: "c", "1": "d"})
def test_every_value_comes_back_as_it_was(value: Any) -> None:
    assert canonical(decode(encode(value))) == canonical(value)


@given(values)
def test_the_text_is_one_line_of_ascii(value: Any) -> None:
    text = encode(value)
    assert text.isascii()
    assert "\n" not in text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)
containers = st.sampled_from(["dict", "tuple", "set", "frozenset"])
leaves = st.sampled_from(["float", "complex", "bytes", "Decimal", "Path", "date", "time", "datetime", "timedelta"])
tags = containers | leaves | st.sampled_from(["pickle", "unknown", ""])


def outcome(text: str | bytes) -> str:
    try:
        decode(text)
    except ValueError:
        return "malformed"
    except PermissionError:
        return "pickle"
    return "value"


@given(tags, json_values)
def test_a_tag_around_anything_is_a_value_or_malformed(tag: str, body: Any) -> None:
    allowed = {"malformed", "pickle"} if tag == "pickle" else {"malformed", "value"}
    assert outcome(json.dumps({"__type__": tag, "value": body})) in allowed


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_value_or_malformed(data: bytes) -> None:
    assert outcome(data) in {"malformed", "value"}
