import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from runsemble.errors import ParameterError
from runsemble.space.axes import FORMS, MAX_COUNT, parse_axis, split_written, written_values
from runsemble.space.cells import CellReader
from runsemble.space.sample import Distribution


def values_of(text: str, types: dict[str, str] | None = None, directory: str = ".") -> list[Any]:
    """The values that the programs of runs would see."""
    _, values = parse_axis(text, CellReader(types), directory)
    assert not isinstance(values, Distribution)
    return [split_written({"x": value})[0]["x"] for value in values]


def texts_of(text: str, types: dict[str, str] | None = None, directory: str = ".") -> list[str]:
    """The values as commands would get them."""
    _, values = parse_axis(text, CellReader(types), directory)
    assert not isinstance(values, Distribution)
    split = [split_written({"x": value}) for value in values]
    return [texts.get("x", str(plain["x"])) for plain, texts in split]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x=1", [1]),
        ("x=1,2,3", [1, 2, 3]),
        ("x=0.1,0.2", [0.1, 0.2]),
        ("x=a,b", ["a", "b"]),
        ("x=a,1", ["a", 1]),
        ("x=-1,-0.5", [-1, -0.5]),
        ("x=0.10,1e-3,007", ["0.10", "1e-3", "007"]),
        ('x="a,b",c', ["a,b", "c"]),
        ('x="say ""hi""",c', ['say "hi"', "c"]),
        ('x=""', [""]),
        ("x=a=b,c=d", ["a=b", "c=d"]),
        ("x=a b, c", ["a b", "c"]),
        ("x=C:foo", ["C:foo"]),
        ("x=http://host/a", ["http://host/a"]),
        ("x=a:1", ["a:1"]),
        ("x=12:30:00", ["12:30:00"]),
        ("x=a@b", ["a@b"]),
        ("x=5'", ["5'"]),
        ('x=5"', ['5"']),
        ("x=a\nb", ["a\nb"]),
        ('x="a\nb",c', ["a\nb", "c"]),
        ("x=é,λ", ["é", "λ"]),
    ],
)
def test_listed_values_are_read_one_by_one(text: str, values: list[Any]) -> None:
    read = values_of(text)
    assert read == values
    assert [type(value) for value in read] == [type(value) for value in values]


@pytest.mark.parametrize("word", ["0.10", "1e-3", "007", "+1", " 1", "0.1", "7", "a b", "é"])
def test_a_listed_value_reaches_the_command_unchanged(word: str) -> None:
    assert texts_of(f"x={word}") == [word]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x=1, 2, 3", ["1", "2", "3"]),
        ("x= 1 ,\t2", ["1", "2"]),
        ('x=a, " b", c', ["a", " b", "c"]),
        ('x= "a,b" , "say ""x"""', ["a,b", 'say "x"']),
        ('x=" "', [" "]),
        ("x= a", [" a"]),
        ("x=a b, c", ["a b", "c"]),
    ],
)
def test_blanks_around_an_item_of_a_list_are_dropped_unless_they_are_quoted(text: str, words: list[str]) -> None:
    assert texts_of(text) == words


def test_an_item_with_blanks_around_it_is_a_number() -> None:
    assert values_of("x=1, 2 ,a") == [1, 2, "a"]


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("x=lin(0,1,5)", "write x=lin:0:1:5, with colons"),
        ("x=lin(0, 1, 5)", "write x=lin:0:1:5, with colons"),
        ("x=range(5)", "write x=range:5, with colons"),
        ("x=Uniform(0,1)", "write x=uniform:0:1, with colons"),
        ("x=[1,2,3]", "a list has no brackets: write 'x=1,2,3'"),
        ("x=(1, 2)", "a list has no brackets: write 'x=1, 2'"),
        ("x=f(1,2),3", "the bracket in 'f(1' has no partner before the comma; quote it if you mean it"),
        ("x=[1,2],[3,4]", "the bracket in '[1' has no partner before the comma"),
    ],
)
def test_brackets_that_the_comma_tears_apart_are_refused_with_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_axis(text, CellReader())
    assert str(caught.value).startswith(f"-P {text}: {advice}")
    assert str(caught.value).endswith(FORMS)


@pytest.mark.parametrize("word", ["10:20:30", "f(1)", "[1]", "a)", ":-)", "sin(x)", "{y}"])
def test_brackets_in_a_value_of_its_own_stay(word: str) -> None:
    assert texts_of(f"x={word}") == [word]


@pytest.mark.parametrize("text", ['x="lin(0,1,5)"', 'x="range(5)",b', 'x="[1",2', "x=f(1),g[2]"])
def test_brackets_may_be_meant(text: str) -> None:
    assert texts_of(text)[0].strip('"') in text


@pytest.mark.parametrize("word", ["a\n", "\n", "a\r", "a\rb"])
def test_a_line_end_in_a_listed_value_is_kept(word: str) -> None:
    assert texts_of(f"x={word}") == [word]


def test_a_list_longer_than_a_usual_cell_is_read() -> None:
    words = ["a" * 200_000, "b"]
    assert texts_of("x=" + ",".join(words)) == words


def test_listed_values_are_of_the_type_that_was_asked_for_and_keep_their_text() -> None:
    assert values_of("x=0.10,1", {"x": "float"}) == [0.1, 1.0]
    assert texts_of("x=0.10,1", {"x": "float"}) == ["0.10", "1"]
    assert values_of("x=1,2", {"x": "str"}) == ["1", "2"]


def test_a_listed_value_of_another_type_is_refused() -> None:
    with pytest.raises(ParameterError, match="-P x: x must be of type int, not 'a'"):
        values_of("x=1,a", {"x": "int"})


@pytest.mark.parametrize("text", ["x=,", "x=a,", "x=,a", "x=a,,b"])
def test_an_empty_value_in_a_list_is_refused_with_a_way_to_mean_it(text: str) -> None:
    with pytest.raises(ParameterError, match='write "" for one that is meant'):
        values_of(text)


@pytest.mark.parametrize(
    ("text", "values"), [('x=a,""', ["a", ""]), ('x="",a', ["", "a"]), ('x=a,"",b', ["a", "", "b"])]
)
def test_an_empty_value_that_is_meant_is_written_as_the_error_says(text: str, values: list[str]) -> None:
    assert values_of(text) == values


@pytest.mark.parametrize(
    ("text", "name"), [("x=1", "x"), (" x =1", "x"), ("größe=1", "größe"), ("learning-rate=1", "learning-rate")]
)
def test_the_name_stands_before_the_first_equals_sign(text: str, name: str) -> None:
    assert parse_axis(text, CellReader())[0] == name


@pytest.mark.parametrize("text", ["", "x", "=", "=1", " =1", "x=", "lin:0:1:3"])
def test_what_has_no_name_or_no_value_is_refused_with_the_accepted_forms(text: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_axis(text, CellReader())
    assert str(caught.value).startswith(f"-P {text}: ")
    assert str(caught.value).endswith(FORMS)


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        ("lin:0.1:0.9:9", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
        ("lin:0:1:11", [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        ("lin:1e-3:3e-3:3", [0.001, 0.002, 0.003]),
        ("lin:1:0:3", [1.0, 0.5, 0.0]),
        ("lin:-.5:+.5:3", [-0.5, 0.0, 0.5]),
        ("lin:0:10:6", [0, 2, 4, 6, 8, 10]),
        ("lin:10:0:3", [10, 5, 0]),
        ("lin:0.0:10:2", [0.0, 10.0]),
        ("lin:3:3:1", [3]),
        ("lin:0.5:0.5:3", [0.5, 0.5, 0.5]),
        ("lin:0:1e17:2", [0.0, 1e17]),
        ("lin:0:100000000000000000001:2", [0, 100000000000000000001]),
        ("range:3", [0, 1, 2]),
        ("range:1:4", [1, 2, 3]),
        ("range:0:10:3", [0, 3, 6, 9]),
        ("range:10:0:-5", [10, 5]),
        ("range:-2:1", [-2, -1, 0]),
        ("range:0:0.5:0.1", [0.0, 0.1, 0.2, 0.3, 0.4]),
        ("range:0:1:0.3", [0.0, 0.3, 0.6, 0.9]),
        ("range:0.5", [0.0]),
        ("log:1:1000:4", [1.0, 10.0, 100.0, 1000.0]),
        ("log:1e-3:1:7", [0.001, 10**-2.5, 0.01, 10**-1.5, 0.1, 10**-0.5, 1.0]),
        ("log:8:1:4", [8.0, 4.0, 2.0, 1.0]),
        ("log:0.1:0.3:2", [0.1, 0.3]),
        ("log:5:5:1", [5.0]),
    ],
)
def test_evenly_spaced_values_are_exact(spec: str, values: list[float]) -> None:
    read = values_of(f"x={spec}")
    assert read == values
    assert [type(value) for value in read] == [type(value) for value in values]


def test_powers_of_ten_on_a_logarithmic_scale_are_exact() -> None:
    assert values_of("x=log:1e-300:1e300:601") == [float(f"1e{power}") for power in range(-300, 301)]


def test_the_command_gets_evenly_spaced_values_as_they_are_written_best() -> None:
    assert texts_of("x=lin:0.1:0.3:3") == ["0.1", "0.2", "0.3"]
    assert texts_of("x=range:3") == ["0", "1", "2"]


def test_many_values_take_neither_time_nor_memory() -> None:
    _, values = parse_axis(f"x=range:{MAX_COUNT}", CellReader())
    assert not isinstance(values, Distribution)
    assert len(values) == MAX_COUNT
    assert (values[0], values[MAX_COUNT - 1], values[-1]) == (0, MAX_COUNT - 1, MAX_COUNT - 1)


def test_evenly_spaced_values_end() -> None:
    _, values = parse_axis("x=range:3", CellReader())
    assert not isinstance(values, Distribution)
    with pytest.raises(IndexError):
        values[3]


@pytest.mark.parametrize(
    "spec",
    [
        "lin:0",
        "lin:0:1",
        "lin:0:1:",
        "lin:0:1:2:3",
        "lin:0:1:0",
        "lin:0:1:-1",
        "lin:0:1:2.0",
        "lin:0:1:1e2",
        "lin:0:1:a",
        "lin:0:a:3",
        "lin:0:1/0:3",
        "lin:0:nan:3",
        "lin:0:inf:3",
        "lin:0:1:3,lin:2:3:4",
        f"lin:0:1:{MAX_COUNT + 1}",
        "log:0:1:3",
        "log:-1:1:3",
        "log:1:0:3",
        "log:1:2",
        "log:1:2:0",
        "range:0",
        "range:-1",
        "range:5:5",
        "range:0:10:-1",
        "range:10:0",
        "range:0:1:0",
        "range:0:1:2:3",
        "range:1:a",
        f"range:{MAX_COUNT + 1}",
        "uniform:0",
        "uniform:0:1:2",
        "uniform:1:0",
        "uniform:1:1",
        "uniform:0:a",
        "loguniform:0:1",
        "loguniform:-1:1",
        "normal:0:0",
        "normal:0:-1",
        "normal:0",
    ],
)
def test_a_form_that_is_not_kept_is_refused_with_the_accepted_forms(spec: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_axis(f"x={spec}", CellReader())
    assert str(caught.value).startswith(f"-P x={spec}: ")
    assert str(caught.value).endswith(FORMS)


@pytest.mark.parametrize("spec", ["lin:O.1:0.9:9", "lin::0.9:9", "log:a:1:7", "uniform:a:1"])
def test_a_form_whose_first_number_is_none_is_refused_too(spec: str) -> None:
    with pytest.raises(ParameterError, match="The accepted forms"):
        parse_axis(f"x={spec}", CellReader())


@pytest.mark.parametrize(
    "spec", ["lin:0:1e400:3", "log:1:1e400:3", "range:0:1e400:1e399", "uniform:0:1e400", "normal:0:1e400"]
)
def test_a_number_beyond_all_numbers_is_refused(spec: str) -> None:
    with pytest.raises(ParameterError, match="The accepted forms"):
        parse_axis(f"x={spec}", CellReader())


@pytest.mark.parametrize("spec", ["range:1e5000", "lin:0:1:" + "9" * 5000, "range:" + "9" * 5000])
def test_a_count_of_any_length_is_refused_in_plain_words(spec: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_axis(f"x={spec}", CellReader())
    assert "set_int_max_str_digits" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "meant"), [("linn", "lin"), ("LIN", "lin"), ("logg", "log"), ("rnage", "range"), ("unifrom", "uniform")]
)
def test_a_misspelt_form_is_refused_with_what_was_meant(kind: str, meant: str) -> None:
    with pytest.raises(ParameterError, match=f"there is no form '{kind}'; did you mean '{meant}'"):
        parse_axis(f"x={kind}:0:1:3", CellReader())


def test_a_word_with_one_number_is_a_value() -> None:
    assert values_of("x=login:22") == ["login:22"]


def test_what_looks_like_a_misspelt_form_can_be_meant() -> None:
    assert values_of('x="login:22"') == ["login:22"]


def test_the_error_of_a_long_argument_does_not_quote_it_whole() -> None:
    with pytest.raises(ParameterError) as caught:
        parse_axis("x=" + "a" * 5000 + ",", CellReader())
    words = str(caught.value).removesuffix(FORMS)
    assert len(words) < 500
    assert "(5003 characters)" in words


@pytest.mark.parametrize("spec", ["uniform:0:1", "loguniform:1e-4:1e-1", "normal:0:1", "normal:-1e-3:2"])
def test_a_distribution_is_drawn_from_later(spec: str) -> None:
    name, drawn = parse_axis(f"x={spec}", CellReader())
    assert name == "x"
    assert isinstance(drawn, Distribution)
    assert repr(drawn).startswith(spec.partition(":")[0])


def test_a_file_holds_a_value_per_line(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("0.10\n\n7\n a b \nno,comma\nlast")
    assert values_of("x=@x.txt", directory=str(tmp_path)) == ["0.10", 7, " a b ", "no,comma", "last"]
    assert texts_of("x=@x.txt", directory=str(tmp_path)) == ["0.10", "7", " a b ", "no,comma", "last"]


def test_a_file_may_be_named_by_its_absolute_path(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("1\n")
    assert values_of(f"x=@{tmp_path}/x.txt", directory="/nowhere") == [1]


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf1\n2\n", b"1\r\n2\r\n", b"\xef\xbb\xbf1\r\n2"])
def test_files_from_elsewhere_are_read_alike(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.txt").write_bytes(data)
    assert values_of("x=@x.txt", directory=str(tmp_path)) == [1, 2]


@pytest.mark.parametrize("sign", ["\v", "\f", "\x1c", "\x85", "\u2028"])
def test_only_a_line_end_ends_a_value(tmp_path: Path, sign: str) -> None:
    (tmp_path / "x.txt").write_text(f"a{sign}b\nc\n", encoding="utf-8")
    assert values_of("x=@x.txt", directory=str(tmp_path)) == [f"a{sign}b", "c"]


@pytest.mark.parametrize("text", ["", "\n", " \n\t\n", "\ufeff"])
def test_a_file_without_values_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.txt").write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match="holds no values; write one per line"):
        values_of("x=@x.txt", directory=str(tmp_path))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", "No such file or directory"),
        ("", "Is a directory"),
        (".", "Is a directory"),
        ("file/below", "Not a directory"),
        pytest.param("n" * 300, "File name too long", id="300 letters"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ParameterError, match=f"-P x=@{name}: .* cannot be read: {reason}"):
        values_of(f"x=@{name}", directory=str(tmp_path))


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_a_file_whose_name_stands_for_no_bytes_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="-P x=@"):
        values_of(f"x=@{name}")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_file_in_another_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "x.txt").write_text("a\nMüller\n", encoding=encoding)
    with pytest.raises(ParameterError, match=r"x\.txt is not UTF-8 \(byte 0x"):
        values_of("x=@x.txt", directory=str(tmp_path))


def test_a_line_of_another_type_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("1\na\n")
    with pytest.raises(ParameterError, match=r"-P x=@x\.txt.*: x must be of type int, not 'a'"):
        values_of("x=@x.txt", {"x": "int"}, str(tmp_path))


def test_values_and_texts_can_be_told_apart() -> None:
    written = written_values("x", ["0.10", "1", "a"], CellReader(), "here")
    assert [split_written({"x": value, "y": 5}) for value in written] == [
        ({"x": "0.10", "y": 5}, {"x": "0.10"}),
        ({"x": 1, "y": 5}, {}),
        ({"x": "a", "y": 5}, {"x": "a"}),
    ]


@pytest.mark.parametrize("value", [None, 0.5, "a", [1], {"a": 1}, Decimal("0.10")])
def test_values_of_a_program_are_handed_on_as_they_are(value: Any) -> None:
    assert split_written({"x": value}) == ({"x": value}, {})


@pytest.mark.parametrize(
    ("spec", "advice"),
    [
        ("lhs:4", "--sample lhs:4"),
        ("sobol:8", "--sample sobol:8"),
        ("linspace:0:1:5", "did you mean 'lin'"),
        ("Range:10", "did you mean 'range'"),
        ("gauss:0:1", "did you mean 'normal'"),
        ("range:", "no number"),
        ("range:a", "no number"),
        ("lin:a:b", "lin takes START:STOP:COUNT"),
    ],
)
def test_what_was_probably_meant_for_a_form_is_refused(spec: str, advice: str) -> None:
    with pytest.raises(ParameterError, match=re.escape(advice)) as caught:
        parse_axis(f"x={spec}", CellReader())
    assert "The accepted forms" in str(caught.value)
    assert list(values_of(f'x="{spec}"')) == [spec]
