import math
from typing import Any

import pytest

from runsemble.errors import ParameterError
from runsemble.space.cells import TYPES, CellReader, parse_types, read_cell


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("7", 7),
        ("-7", -7),
        ("12345678901234567890123", 12345678901234567890123),
        ("0.1", 0.1),
        ("-0.1", -0.1),
        ("1.0", 1.0),
        ("1e-05", 1e-05),
        ("1e+16", 1e16),
        ("1.7976931348623157e+308", 1.7976931348623157e308),
    ],
)
def test_a_cell_that_is_written_as_a_number_is_one(text: str, number: float) -> None:
    value = read_cell(text)
    assert value == number
    assert type(value) is type(number)


def test_the_sign_of_zero_is_kept() -> None:
    value = read_cell("-0.0")
    assert isinstance(value, float)
    assert math.copysign(1, value) == -1


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a",
        "-",
        "--",
        "0.10",
        "007",
        "+1",
        "-0",
        "1.",
        ".5",
        "-.5",
        "1e-3",
        "1E5",
        "1e5",
        "1_000",
        "1_0.5",
        " 1",
        "1 ",
        "1\n",
        "0x10",
        "1j",
        "nan",
        "-nan",
        "inf",
        "-inf",
        "Infinity",
        "1e999",
        "0.30000000000000004441",
        "True",
        "None",
        "٣",
        "²",
        "1\0",
        "2024-01-02",
    ],
)
def test_a_cell_that_a_number_would_change_stays_text(text: str) -> None:
    assert read_cell(text) == text


@pytest.mark.parametrize("digits", [4300, 4301, 100_000])
def test_a_cell_of_any_length_is_read(digits: int) -> None:
    assert str(read_cell("9" * digits)) == "9" * digits


@pytest.mark.parametrize(
    ("words", "types"),
    [
        ([], {}),
        (["id=str"], {"id": "str"}),
        (["x=float,y=int"], {"x": "float", "y": "int"}),
        (["x=float", "y=int,z=bool"], {"x": "float", "y": "int", "z": "bool"}),
        (["a b=json"], {"a b": "json"}),
    ],
)
def test_types_are_asked_for_by_name(words: list[str], types: dict[str, str]) -> None:
    assert parse_types(words) == types


@pytest.mark.parametrize("word", ["", "x", "x=", "=int", "x=integer", "x=int,", ",x=int", "x=Int", "x==int", "x:int"])
def test_a_type_that_is_none_is_refused_with_those_there_are(word: str) -> None:
    with pytest.raises(ParameterError, match="NAME=TYPE, where TYPE is str, int, float, bool, json"):
        parse_types([word])


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("str", "7", "7"),
        ("str", "", ""),
        ("int", "007", 7),
        ("int", "-3", -3),
        ("float", "1", 1.0),
        ("float", "0.10", 0.1),
        ("float", "1e-3", 1e-3),
        ("float", "inf", math.inf),
        ("bool", "true", True),
        ("bool", "Yes", True),
        ("bool", "on", True),
        ("bool", "1", True),
        ("bool", "FALSE", False),
        ("bool", "no", False),
        ("bool", "off", False),
        ("bool", "0", False),
        ("json", '{"a": [1, null]}', {"a": [1, None]}),
        ("json", '"text"', "text"),
        ("json", "null", None),
    ],
)
def test_a_value_is_of_the_type_that_was_asked_for(kind: str, text: str, value: Any) -> None:
    read = CellReader({"x": kind}).read("x", text, "here")
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("int", ""),
        ("int", "1.0"),
        ("int", "a"),
        ("int", "nan"),
        pytest.param("int", "9" * 5000, id="5000 digits"),
        ("float", ""),
        ("float", "1,5"),
        ("bool", ""),
        ("bool", "2"),
        ("bool", "maybe"),
        ("json", ""),
        ("json", "{'a': 1}"),
        ("json", "[1, 2"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_refused_by_its_place(kind: str, text: str) -> None:
    with pytest.raises(ParameterError, match=f"^f.csv, line 3: x must be of type {kind}, not "):
        CellReader({"x": kind}).read("x", text, "f.csv, line 3")


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    reader = CellReader({"x": "json"})
    with pytest.raises(ParameterError, match="x must be of type json"):
        reader.read("x", "[" * 100_000, "here")


def test_a_long_value_is_not_quoted_whole() -> None:
    reader = CellReader({"x": "int"})
    with pytest.raises(ParameterError) as caught:
        reader.read("x", "a" * 100_000, "here")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("kind", ["integer", "Int", int])
def test_a_reader_refuses_a_type_that_is_none(kind: Any) -> None:
    with pytest.raises(ParameterError, match="x"):
        CellReader({"x": kind})


def test_only_the_parameter_that_was_named_has_a_type() -> None:
    reader = CellReader({"x": "str"})
    assert (reader.read("x", "1", "here"), reader.read("y", "1", "here")) == ("1", 1)


def test_a_type_of_a_parameter_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ParameterError, match="there is no parameter 'z', only x, y"):
        CellReader({"y": "int", "z": "int"}).require_known(["x", "y"])


def test_types_of_parameters_that_exist_are_fine() -> None:
    reader = CellReader({"x": "int"})
    reader.require_known(["x", "y"])
    assert reader.read("x", "1", "here") == 1


def remarks_after(*texts: str, types: dict[str, str] | None = None) -> list[str]:
    reader = CellReader(types)
    for text in texts:
        reader.read("x", text, "here")
    return reader.remarks()


@pytest.mark.parametrize(
    ("texts", "example"),
    [
        (["0.2", "0.10"], "'0.10'"),
        (["0.10", "0.20"], "'0.10'"),
        (["1e-3"], "'1e-3'"),
        (["1", "nan"], "'nan'"),
        (["a", "1", "+1"], "'+1'"),
    ],
)
def test_texts_that_look_like_numbers_are_remarked_on(texts: list[str], example: str) -> None:
    (remark,) = remarks_after(*texts)
    assert example in remark
    assert "--types x=float" in remark


def test_names_made_of_digits_are_remarked_on_where_others_are_numbers() -> None:
    (remark,) = remarks_after("007", "100")
    assert "'007'" in remark
    assert "--types x=str" in remark


@pytest.mark.parametrize("texts", [[], ["1"], ["1", "0.5"], ["007", "012"], ["1", "a", ""], ["a", "b"]])
def test_what_is_all_numbers_or_clearly_text_needs_no_remark(texts: list[str]) -> None:
    assert remarks_after(*texts) == []


def test_a_parameter_with_a_type_needs_no_remark() -> None:
    assert remarks_after("1", "0.10", types={"x": "float"}) == []


def test_every_type_turns_a_text_into_a_value() -> None:
    assert {kind: make("1") for kind, make in TYPES.items()} == {
        "str": "1",
        "int": 1,
        "float": 1.0,
        "bool": True,
        "json": 1,
    }
