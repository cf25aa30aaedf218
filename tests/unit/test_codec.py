import json
from datetime import datetime, time, timedelta, timezone
from decimal import Context, Decimal
from enum import IntEnum
from pathlib import Path, PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from runsemble.codec import CannotEncode, decode, encode, is_same


class Colour(IntEnum):
    RED = 1


class Metres(float):
    pass


LONGEST = pytest.param(10**5000, id="5001 digits")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (0.1, "0.1"),
        ("é", '"\\u00e9"'),
        ([1, "a"], '[1,"a"]'),
        ({"beta": 0.1}, '{"beta":0.1}'),
    ],
)
def test_what_json_can_hold_is_ordinary_json(value: Any, text: str) -> None:
    assert encode(value) == text


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ((1, 2), "tuple"),
        ({1}, "set"),
        (frozenset({1}), "frozenset"),
        (b"\xff\x00", "bytes"),
        (1 + 2j, "complex"),
        (float("nan"), "float"),
        (float("-inf"), "float"),
        ({1: "a"}, "dict"),
        ({"__type__": "tuple", "value": [1]}, "dict"),
        (Decimal("1.00"), "Decimal"),
        (datetime(2024, 2, 29, 12, tzinfo=timezone(timedelta(hours=-3, seconds=7))), "datetime"),
        (datetime(2024, 2, 29).date(), "date"),
        (time(1, 2, 3, 4), "time"),
        (timedelta(days=-1, microseconds=5), "timedelta"),
        (Path("a/b"), "Path"),
    ],
)
def test_what_json_cannot_hold_is_tagged(value: Any, tag: str) -> None:
    text = encode(value)
    assert json.loads(text)["__type__"] == tag
    assert is_same(decode(text), value)


@pytest.mark.parametrize(
    "value",
    [
        Colour.RED,
        Metres(0.5),
        PurePosixPath("a"),
        datetime(2024, 10, 27, 2, 30, fold=1),
        datetime(2024, 1, 1, tzinfo=ZoneInfo("UTC")),
        object(),
        [{"deep": (object(),)}],
        {Colour.RED: 1},
        {object: 1},
        "\ud83d\ude00",
        {"a": "\ud83d\ude00"},
        {"\ud83d\ude00": 1},
        LONGEST,
    ],
)
def test_a_value_without_exact_form_is_refused(value: Any) -> None:
    with pytest.raises(CannotEncode):
        encode(value)


def test_an_offset_that_python_cannot_read_back_is_never_stored_as_another_one() -> None:
    value = datetime(2024, 1, 1, tzinfo=timezone(timedelta(microseconds=1)))
    if datetime.fromisoformat(value.isoformat()) == value:  # CPython from some version on
        assert decode(encode(value)) == value
    else:
        with pytest.raises(CannotEncode, match="round trip"):
            encode(value)


def test_a_list_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(CannotEncode):
        encode(endless)


def test_the_refusal_names_the_type() -> None:
    with pytest.raises(CannotEncode, match=r"decimal\.Context has no exact JSON form"):
        encode({"context": Context()})


@pytest.mark.parametrize("value", [Colour.RED, Metres(0.5), [PurePosixPath("a"), (1,)], LONGEST])
def test_a_value_without_exact_form_can_travel_as_a_pickle(value: Any) -> None:
    text = encode(value, allow_pickle=True)
    back = decode(text, allow_pickle=True)
    assert type(back) is type(value)
    assert back == value


def test_a_value_with_an_exact_form_is_never_pickled() -> None:
    assert encode({"a": (1,)}, allow_pickle=True) == encode({"a": (1,)})


def test_a_pickle_is_not_loaded_unless_allowed() -> None:
    text = encode(Colour.RED, allow_pickle=True)
    with pytest.raises(PermissionError, match="pickle"):
        decode(text)


def test_a_decimal_that_is_no_number_keeps_its_value() -> None:
    assert str(decode(encode(Decimal("NaN")))) == "NaN"


def test_a_frozenset_within_a_set_survives_whatever_the_order_of_its_hashes() -> None:
    value = {frozenset({7, 15})}
    assert decode(encode(value)) == value


def test_plain_json_of_other_programs_is_read() -> None:
    assert decode(b'{"a": [1, 2.5, null], "b": NaN}')["a"] == [1, 2.5, None]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a": 1',
        '{"__type__": "tuple"}',
        '{"__type__": "tuple", "value": 5}',
        '{"__type__": "no such", "value": 5}',
        '{"__type__": [], "value": 5}',
        '{"__type__": "dict", "value": [[1]]}',
        '{"__type__": "dict", "value": [[[], 1]]}',
        '{"__type__": "set", "value": [[]]}',
        '{"__type__": "bytes", "value": "é"}',
        '{"__type__": "bytes", "value": 1}',
        '{"__type__": "complex", "value": ["a", "b"]}',
        '{"__type__": "Decimal", "value": "twelve"}',
        '{"__type__": "datetime", "value": "yesterday"}',
        '{"__type__": "date", "value": 1}',
        '{"__type__": "timedelta", "value": [1e300]}',
        '{"__type__": "timedelta", "value": 1}',
        '{"__type__": "Path", "value": 1}',
        '{"__type__": "float", "value": []}',
    ],
)
def test_malformed_text_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(text)


def test_text_nested_without_end_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"."):
        decode("[" * 100_000)


def test_bytes_that_are_no_utf_8_are_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(b'"\xff"')


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        ([1], (1,)),
        ({1}, frozenset({1})),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1}, {"b": 1}),
        ([1], [1, 1]),
        ({1}, {True}),
        (0j, complex(-0.0, 0.0)),
        ("a", b"a"),
    ],
)
def test_values_that_only_compare_equal_are_not_the_same(left: Any, right: Any) -> None:
    assert not is_same(left, right)


def test_nan_is_the_same_as_nan() -> None:
    assert is_same([float("nan")], [float("nan")])
