import csv
import operator
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runsemble.errors import ParameterError
from runsemble.model.params import WrittenParams
from runsemble.space.cells import CellReader
from runsemble.space.files import MAX_CELL, CsvFile, JsonLinesFile, LinesFile, ParameterFile, read_csv, read_jsonl


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., str]:
    """Write a file, return its path."""

    def write(content: str | bytes, name: str = "params") -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


@pytest.fixture
def pipe_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], None]]:
    """Put some bytes into standard input, which ends after them."""
    read, write = os.pipe()
    with os.fdopen(read) as stream, os.fdopen(write, "wb") as sender:
        monkeypatch.setattr(sys, "stdin", stream)

        def send(data: bytes) -> None:
            sender.write(data)
            sender.close()

        yield send


def written(params: Any) -> dict[str, str]:
    """What a command gets."""
    texts = params.texts if isinstance(params, WrittenParams) else {}
    return {name: texts.get(name, str(value)) for name, value in params.items()}


def complaint_of(file: ParameterFile) -> str:
    """What both a check and a reader say of a bad file; it is a sentence."""
    with pytest.raises(ParameterError) as checked:
        file.check()
    with pytest.raises(ParameterError) as read:
        list(file)
    assert str(checked.value) == str(read.value)
    assert "\n" not in str(read.value)
    return str(read.value)


# Tables


def test_every_row_of_a_table_is_a_parameter_set(make: Callable[..., str]) -> None:
    assert list(read_csv(make("x,name\n0.1,a\n2,b\n"))) == [{"x": 0.1, "name": "a"}, {"x": 2, "name": "b"}]


def test_the_cells_of_a_table_reach_the_command_unchanged(make: Callable[..., str]) -> None:
    rows = list(CsvFile(make('x,y\n0.10,1e-3\n007, 5 \n"a,b","say ""hi"""\n"two\nlines",é\n,\n')))
    assert [list(written(row).values()) for row in rows] == [
        ["0.10", "1e-3"],
        ["007", " 5 "],
        ["a,b", 'say "hi"'],
        ["two\nlines", "é"],
        ["", ""],
    ]


def test_a_table_can_be_read_again(make: Callable[..., str]) -> None:
    table = read_csv(make("x\n1\n2\n"))
    assert list(table) == list(table) == [{"x": 1}, {"x": 2}]


def test_columns_are_of_the_types_that_were_asked_for(make: Callable[..., str]) -> None:
    (row,) = read_csv(make("a,b,c,d,e\n007,1,yes,1,[1]\n"), types={"a": "str", "b": "float", "c": "bool", "e": "json"})
    assert row == {"a": "007", "b": 1.0, "c": True, "d": 1, "e": [1]}
    assert [type(value) for value in row.values()] == [str, float, bool, int, list]
    assert list(written(row).values()) == ["007", "1", "yes", "1", "[1]"]


@pytest.mark.parametrize("kind", ["integer", int])
def test_a_type_of_a_column_that_is_none_is_refused(make: Callable[..., str], kind: Any) -> None:
    path = make("x\n1\n")
    with pytest.raises(ParameterError, match="x"):
        list(read_csv(path, types={"x": kind}))


def test_a_type_of_a_column_that_does_not_exist_is_refused(make: Callable[..., str]) -> None:
    table = read_csv(make("x,y\n1,2\n"), types={"z": "int"})
    with pytest.raises(ParameterError, match="there is no parameter 'z', only x, y"):
        list(table)


@pytest.mark.parametrize(
    "data",
    [
        b"x,y\n1,2\n",
        b"x,y\r\n1,2\r\n",
        b"x,y\r1,2\r",
        b"x,y\n1,2",
        b"\xef\xbb\xbfx,y\n1,2\n",
        b'\xef\xbb\xbf"x","y"\r\n"1","2"\r\n',
        b" x , y \n1,2\n",
        b"\n\nx,y\n\n1,2\n\n\n",
        b'"x",y\n1,"2"\n',
    ],
)
def test_tables_from_elsewhere_are_read_alike(make: Callable[..., str], data: bytes) -> None:
    assert list(read_csv(make(data))) == [{"x": 1, "y": 2}]


@pytest.mark.parametrize(
    ("name", "text", "delimiter"),
    [
        ("a.csv", "x;y\n1;2\n", ";"),
        ("a.csv", "x\ty\n1\t2\n", "\t"),
        ("a.tsv", "x\ty\n1\t2\n", None),
        ("A.TSV", "x\ty\n1\t2\n", None),
        ("a.tsv", "x,y\n1,2\n", ","),
        ("a.csv", "xλy\n1λ2\n", "λ"),
    ],
)
def test_cells_may_be_separated_otherwise(make: Callable[..., str], name: str, text: str, delimiter: Any) -> None:
    assert list(read_csv(make(text, name), delimiter=delimiter)) == [{"x": 1, "y": 2}]


@pytest.mark.parametrize("delimiter", [";;", "\n", '"'])
def test_a_delimiter_that_cannot_be_one_is_refused(make: Callable[..., str], delimiter: Any) -> None:
    path = make("x;;y\n1;;2\n")
    with pytest.raises(ParameterError, match="delimiter"):
        list(read_csv(path, delimiter=delimiter))


@pytest.mark.parametrize(("sign", "shown"), [(";", "';'"), ("\t", r"'\\t'")])
def test_a_table_with_another_delimiter_is_refused_with_the_option_for_it(
    make: Callable[..., str], sign: str, shown: str
) -> None:
    with pytest.raises(ParameterError, match=f"add --delimiter {shown}"):
        list(CsvFile(make(f"x{sign}y\n1{sign}2\n")))


def test_a_single_column_needs_no_delimiter(make: Callable[..., str]) -> None:
    assert list(read_csv(make('x\n1\n""\n'))) == [{"x": 1}, {"x": ""}]


def test_a_table_may_have_no_rows(make: Callable[..., str]) -> None:
    table = CsvFile(make("x,y\n"))
    assert (table.check(), list(table)) == (0, [])


def test_a_table_may_have_many_columns(make: Callable[..., str]) -> None:
    names = [f"x{at}" for at in range(2000)]
    (row,) = read_csv(make(",".join(names) + "\n" + ",".join(map(str, range(2000))) + "\n"))
    assert row == {name: at for at, name in enumerate(names)}


@pytest.mark.parametrize("text", ["", "\n", "\r\n\r\n", "\ufeff", "\ufeff\n"])
def test_an_empty_table_is_refused(make: Callable[..., str], text: str) -> None:
    assert "is empty; its first line must name the parameters" in complaint_of(CsvFile(make(text)))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("x,x", "columns 1 and 2 are both called 'x'"),
        ("x, x", "columns 1 and 2 are both called 'x'"),
        ("a,b,c,b", "columns 2 and 4 are both called 'b'"),
        ("x,", "column 2 has no name"),
        (",x", "column 1 has no name"),
        ("x, ,y", "column 2 has no name"),
        (" ", "column 1 has no name"),
        ('""', "column 1 has no name"),
    ],
)
def test_a_header_that_names_no_parameters_is_refused(make: Callable[..., str], header: str, reason: str) -> None:
    path = make(header + "\n1,2,3,4\n")
    assert complaint_of(CsvFile(path)).startswith(f"{path}: {reason}")


@pytest.mark.parametrize(
    ("row", "count"), [("1", "1 cell"), ("1,2,3", "3 cells"), ("1,2,", "3 cells"), ('"1,2"', "1 cell"), (" ", "1 cell")]
)
def test_a_row_that_does_not_fit_the_header_is_refused_with_its_line(
    make: Callable[..., str], row: str, count: str
) -> None:
    path = make(f"x,y\n1,2\n\n{row}\n")
    assert complaint_of(CsvFile(path)) == f"{path}, line 4: {count}, but the header names 2 (x, y)"


def test_the_header_of_a_wide_table_is_not_quoted_whole(make: Callable[..., str]) -> None:
    path = make(",".join(f"x{at}" for at in range(1000)) + "\n1\n")
    assert complaint_of(CsvFile(path)).endswith("the header names 1000 (x0, x1, x2, x3, x4, …)")


def test_lines_are_counted_through_cells_of_several_lines(make: Callable[..., str]) -> None:
    path = make('x,y\n"a\nb",1\n1\n')
    assert complaint_of(CsvFile(path)).startswith(f"{path}, line 4: 1 cell")


@pytest.mark.parametrize("text", ['x\n1\n"abc\n2\n', 'x\n"', 'x,y\n1,"a"b\n', '"x\n1\n'])
def test_unbalanced_quotes_are_refused_with_a_line(make: Callable[..., str], text: str) -> None:
    path = make(text)
    assert complaint_of(CsvFile(path)).startswith(f"{path}, line ")


def test_quotes_within_a_cell_are_kept(make: Callable[..., str]) -> None:
    assert list(read_csv(make("x,y\n5\",it's\n"))) == [{"x": '5"', "y": "it's"}]


def test_a_huge_cell_is_refused_with_its_line(make: Callable[..., str]) -> None:
    path = make("x\n1\n" + "a" * (MAX_CELL + 1) + "\n")
    assert complaint_of(CsvFile(path)).startswith(f"{path}, line 3: ")


def test_a_large_cell_is_read_whatever_the_rest_of_the_program_allows(make: Callable[..., str]) -> None:
    before = csv.field_size_limit(10)
    try:
        (row,) = read_csv(make("x\n" + "a" * 1_000_000 + "\n"))
    finally:
        csv.field_size_limit(before)
    assert row == {"x": "a" * 1_000_000}


@pytest.mark.parametrize("text", ["x\n1\n2\0\n", "x\n1\n\0\n", 'x\n1\n"a\0b"\n'])
def test_a_zero_byte_in_a_table_is_refused_with_its_line(make: Callable[..., str], text: str) -> None:
    path = make(text)
    assert complaint_of(CsvFile(path)).startswith(f"{path}, line 3")


@pytest.mark.parametrize("line", [1, 2, 10_000])
@pytest.mark.parametrize("kind", [CsvFile, JsonLinesFile])
def test_latin_1_is_refused_with_the_line_and_a_way_out(make: Callable[..., str], kind: Any, line: int) -> None:
    rows = ['{"x": 1}' if kind is JsonLinesFile else "x"] * (line - 1)
    path = make("\n".join([*rows, "Müller"]).encode("latin-1") + b"\n")
    words = complaint_of(kind(path))
    assert words.startswith(f"{path}, line {line}, is not UTF-8 (byte 0xfc)")
    assert "iconv -f LATIN1 -t UTF-8" in words


def test_a_character_cut_off_at_the_end_is_refused(make: Callable[..., str]) -> None:
    path = make(b"x\nM" + "ü".encode()[:1])
    assert complaint_of(CsvFile(path)).startswith(f"{path}, line 2, is not UTF-8 (byte 0xc3)")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("kind", [CsvFile, JsonLinesFile])
def test_a_file_in_utf_16_is_refused(make: Callable[..., str], kind: Any, encoding: str) -> None:
    text = '{"x": 1}\n' if kind is JsonLinesFile else "x,y\n1,2\n"
    path = make(text.encode(encoding))
    assert complaint_of(kind(path)).startswith(path)


def test_a_file_in_utf_16_is_refused_with_a_way_out(make: Callable[..., str]) -> None:
    path = make("x\n1\n".encode("utf-16"))
    assert f"{path} is UTF-16 or UTF-32, not UTF-8; convert it: iconv -f UTF-16 -t UTF-8" in complaint_of(CsvFile(path))


def test_a_cell_of_another_type_is_refused_with_its_line(make: Callable[..., str]) -> None:
    path = make("x\n1\n2\na\n")
    with pytest.raises(ParameterError) as caught:
        list(read_csv(path, types={"x": "int"}))
    assert str(caught.value) == f"{path}, line 4: x must be of type int, not 'a'"


def test_a_cell_of_another_type_is_found_by_a_check(make: Callable[..., str]) -> None:
    table = CsvFile(make("x\n1\n2\na\n"), CellReader({"x": "int"}))
    with pytest.raises(ParameterError, match="line 4: x must be of type int"):
        table.check()


# Files of every kind


KINDS = [CsvFile, JsonLinesFile, lambda path: LinesFile(path, parameter="x")]
KIND_NAMES = ["csv", "jsonl", "lines"]


def said_of(file: ParameterFile) -> str:
    with pytest.raises(ParameterError) as caught:
        list(file)
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", "No such file or directory"),
        (".", "Is a directory"),
        ("file/below", "Not a directory"),
        ("dangling", "No such file or directory"),
        ("loop", "Too many levels of symbolic links"),
        pytest.param("n" * 300, "File name too long", id="300 letters"),
    ],
)
def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path, kind: Any, name: str, reason: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    path = os.path.join(tmp_path, name)
    assert said_of(kind(path)) == f"{path} cannot be read: {reason}"


@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
def test_a_file_that_cannot_be_read_once_it_is_open_is_refused(kind: Any) -> None:
    assert said_of(kind("/proc/self/mem")) == "/proc/self/mem cannot be read: Input/output error"


def test_values_with_zero_bytes_after_them_that_cannot_be_read_are_refused() -> None:
    file = LinesFile("/proc/self/mem", parameter="x", is_null_separated=True)
    assert said_of(file) == "/proc/self/mem cannot be read: Input/output error"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(make: Callable[..., str]) -> None:
    path = make("x\n1\n")
    os.chmod(path, 0)
    assert said_of(CsvFile(path)) == f"{path} cannot be read: Permission denied"


@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
def test_a_path_that_stands_for_no_bytes_is_refused(kind: Any) -> None:
    assert said_of(kind("a\0b"))


@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
def test_standard_input_that_is_closed_is_refused(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert "standard input" in said_of(kind("-"))


def test_how_many_sets_there_are_is_known_after_a_check(make: Callable[..., str]) -> None:
    table = CsvFile(make("x\n1\n2\n3\n"))
    assert operator.length_hint(table, -1) == -1
    assert table.check() == 3
    assert operator.length_hint(table, -1) == 3


def test_a_check_reads_no_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    table = CsvFile(path)
    assert table.check() is None
    assert not table.source.is_regular
    assert operator.length_hint(table, -1) == -1


def test_a_file_is_closed_when_it_has_been_read_in_part(make: Callable[..., str]) -> None:
    rows = iter(CsvFile(make("x\n1\n2\n")))
    before = len(os.listdir("/proc/self/fd"))
    assert next(rows) == {"x": 1}
    assert len(os.listdir("/proc/self/fd")) == before + 1
    del rows
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("kind", "data"),
    list(zip(KINDS, [b"x\n1\n2\n", b'{"x": 1}\n{"x": 2}\n', b"1\n2\n"], strict=True)),
    ids=KIND_NAMES,
)
def test_standard_input_is_read(pipe_in: Callable[[bytes], None], kind: Any, data: bytes) -> None:
    pipe_in(data)
    file = kind("-")
    assert (file.name, file.source.is_regular, file.check()) == ("standard input", False, None)
    assert list(file) == [{"x": 1}, {"x": 2}]


@pytest.mark.parametrize("data", [b"x\nM\xfcller\n", "x\n1\n".encode("utf-16")])
def test_standard_input_in_another_encoding_is_refused(pipe_in: Callable[[bytes], None], data: bytes) -> None:
    pipe_in(data)
    assert re.match(r"standard input(, line 2,)? is (not UTF-8|UTF-16)", said_of(CsvFile("-")))


def test_standard_input_is_read_only_once(pipe_in: Callable[[bytes], None]) -> None:
    pipe_in(b"x\n1\n")
    table = CsvFile("-")
    assert list(table) == [{"x": 1}]
    assert "standard input" in said_of(table)


def test_somebody_is_told_before_a_pipe_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    table = CsvFile(path)
    writer = os.open(path, os.O_RDWR)
    texts = [b"x\n1\n", b"2\n"]

    def go_on() -> None:
        if texts:
            os.write(writer, texts.pop(0))
        else:
            os.close(writer)

    table.source.before_wait = go_on
    assert list(table) == [{"x": 1}, {"x": 2}]
    assert texts == []


def test_a_pipe_that_nobody_wants_any_more_is_waited_for_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    table = CsvFile(path)
    writer = os.open(path, os.O_RDWR)
    os.write(writer, b"x\n1\n")
    rows = iter(table)
    assert next(rows) == {"x": 1}
    table.source.is_wanted = lambda: False
    assert list(rows) == []
    os.close(writer)


# JSON lines


def test_every_object_is_a_parameter_set(make: Callable[..., str]) -> None:
    path = make('{"x": 1, "y": "a"}\n\n  \n{"z": 0.5}\r\n{}\n')
    assert list(read_jsonl(path)) == [{"x": 1, "y": "a"}, {"z": 0.5}, {}]
    assert JsonLinesFile(path).check() == 3


def test_a_byte_order_mark_before_json_is_passed_over(make: Callable[..., str]) -> None:
    assert list(read_jsonl(make('\ufeff{"x": 1}\n'))) == [{"x": 1}]


def test_commands_get_json_as_json(make: Callable[..., str]) -> None:
    (row,) = read_jsonl(make('{"a": true, "b": null, "c": [1, "é"], "d": {"e": 1}, "f": "text", "g": 1.5, "h": 2}\n'))
    assert row == {"a": True, "b": None, "c": [1, "é"], "d": {"e": 1}, "f": "text", "g": 1.5, "h": 2}
    assert list(written(row).values()) == ["true", "null", '[1, "é"]', '{"e": 1}', "text", "1.5", "2"]


@pytest.mark.parametrize("line", ["[1]", "1", '"a"', "null", "true"])
def test_a_line_that_is_no_object_is_refused(make: Callable[..., str], line: str) -> None:
    path = make(f'{{"x": 1}}\n{line}\n')
    assert complaint_of(JsonLinesFile(path)).startswith(f'{path}, line 2 must be an object such as {{"x": 1}}, not ')


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "{x: 1}",
        "{'x': 1}",
        '{"x": 1},',
        '{"x": 1} {"y": 2}',
        '{"x": 01}',
        '{"x": "\0"}',
        "\0",
        "x",
        pytest.param('{"x": ' + "[" * 100_000, id="deep"),
        pytest.param('{"x": ' + "9" * 5000 + "}", id="5000 digits"),
    ],
)
def test_a_line_that_is_no_json_is_refused(make: Callable[..., str], line: str) -> None:
    path = make(f'{{"x": 1}}\n{line}\n')
    assert complaint_of(JsonLinesFile(path)).startswith(f"{path}, line 2")


def test_a_long_line_is_not_quoted_whole(make: Callable[..., str]) -> None:
    assert len(complaint_of(JsonLinesFile(make("[" + "1," * 100_000 + "1]")))) < 500


def text_or_none(file: ParameterFile) -> str | None:
    """What a command gets of the only value in a file, None if the file is refused."""
    try:
        (row,) = file
    except ParameterError:
        return None
    return written(row)["x"]


@pytest.mark.parametrize("depth", range(sys.getrecursionlimit() - 120, sys.getrecursionlimit()))
def test_json_of_any_depth_is_read_or_refused(make: Callable[..., str], depth: int) -> None:
    value = "[" * depth + "]" * depth
    assert text_or_none(JsonLinesFile(make('{"x": ' + value + "}\n"))) in (value, None)


def test_an_empty_file_holds_no_objects(make: Callable[..., str]) -> None:
    file = JsonLinesFile(make(""))
    assert (file.check(), list(file)) == (0, [])


# A value per line


def test_every_line_is_a_value(make: Callable[..., str]) -> None:
    file = LinesFile(make("0.10\n\n7\n a b \nno,comma\nlast"), parameter="p")
    assert file.check() == 5
    assert [row["p"] for row in file] == ["0.10", 7, " a b ", "no,comma", "last"]
    assert [written(row)["p"] for row in file] == ["0.10", "7", " a b ", "no,comma", "last"]
    assert list(file.texts()) == ["0.10", "7", " a b ", "no,comma", "last"]


@pytest.mark.parametrize("text", ["a\tb", "a\rb", "a\vb", "a\u2028b", "a\x85b", '"a', "'", "\\n", "{}", "a,b"])
def test_nothing_but_a_line_end_ends_a_value(make: Callable[..., str], text: str) -> None:
    assert list(LinesFile(make(f"{text}\nc\n"), parameter="p").texts()) == [text, "c"]


def test_bytes_that_are_no_utf_8_reach_the_command_as_they_are(make: Callable[..., str]) -> None:
    (row,) = LinesFile(make(b"M\xfcller\xff\n"), parameter="p")
    assert os.fsencode(written(row)["p"]) == b"M\xfcller\xff"


@pytest.mark.parametrize(
    ("data", "values"),
    [
        (b"a\0b\0", ["a", "b"]),
        (b"a\0b", ["a", "b"]),
        (b"a\nb\0c\r\n\0", ["a\nb", "c\r\n"]),
        (b"\0\0a\0\0", ["a"]),
        (b"", []),
        (b"a" * 70_000 + b"\0" + b"b" * 140_000, ["a" * 70_000, "b" * 140_000]),
    ],
)
def test_values_may_end_with_a_zero_byte(make: Callable[..., str], data: bytes, values: list[str]) -> None:
    file = LinesFile(make(data), parameter="p", is_null_separated=True)
    assert file.check() == len(values)
    assert [row["p"] for row in file] == values


def test_a_value_of_another_type_is_refused_with_its_line(make: Callable[..., str]) -> None:
    path = make("1\na\n")
    file = LinesFile(path, CellReader({"p": "int"}), parameter="p")
    assert said_of(file) == f"{path}, line 2: p must be of type int, not 'a'"


def test_a_line_is_counted_even_if_it_is_blank(make: Callable[..., str]) -> None:
    path = make("1\n\n\na\n")
    file = LinesFile(path, CellReader({"p": "int"}), parameter="p")
    assert said_of(file) == f"{path}, line 4: p must be of type int, not 'a'"


def test_which_names_lines_of_json_have_and_lack_is_known_once_they_have_been_read(make: Callable[..., str]) -> None:
    file = JsonLinesFile(make('\n{"a": 1, "c": 0}\n{"a": 2, "b": 3}\n\n{"b": 4}\n{"a": 5, "b": 6, "c": 7}\n'))
    assert file.lacking == {}
    file.check()
    assert file.lacking == {"a": 5, "b": 2, "c": 3}
    assert JsonLinesFile(make("")).check() == 0


def test_blanks_around_a_number_in_a_table_are_the_commands_alone(make: Callable[..., str]) -> None:
    rows = list(CsvFile(make("k, c\n1, 2\n 0.5 ,\t-7\n1, a \n1, 0.10\n")))
    assert [dict(row) for row in rows] == [
        {"k": 1, "c": 2},
        {"k": 0.5, "c": -7},
        {"k": 1, "c": " a "},
        {"k": 1, "c": " 0.10"},
    ]
    assert [written(row)["c"] for row in rows] == [" 2", "\t-7", " a ", " 0.10"]
    assert [written(row)["k"] for row in rows] == ["1", " 0.5 ", "1", "1"]
