import csv
import io
import itertools
import math
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from runsemble.cli.idioms import SEPARATORS, fill_in_sources, name_sources, split_sources
from runsemble.errors import UsageError
from runsemble.launch.argv import shell
from runsemble.launch.placeholders import AsWritten, ShellText, Template
from runsemble.model.params import WrittenParams
from runsemble.model.text import quote
from runsemble.model.units import parse_duration, parse_mem_mib
from runsemble.space.axes import parse_axis, split_written
from runsemble.space.cells import TYPES, CellReader, parse_types, read_cell
from runsemble.space.combine import Grid, Zip, grid, zipped
from runsemble.space.files import CsvFile, JsonLinesFile, LinesFile
from runsemble.space.sample import Distribution, loguniform, sample, uniform

T = TypeVar("T")

#: Texts that the kernel takes as arguments.
arguments = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
#: Much of it looks like a number, or nearly.
numberlike = st.text(alphabet="0123456789.+-eE_ naif", max_size=12)
names = st.sampled_from(["x", "y", "a b", "größe", "run"])
#: What numbers look like where they are asked for.
written_numbers = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**6), max_value=10**6, places=3).map(str),
    st.floats().map(str),
    st.sampled_from(["", "a", "1e400", "-1e400", "1e-400", "1/3", "1/0", "nan", "٣", " 1", "+.5", "9" * 5000]),
)
small_counts = st.integers(-1, 50).map(str) | st.sampled_from(["", "a", "2.0", "10" * 5000, "²"])


@contextmanager
def file_of(content: bytes) -> Iterator[str]:
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(content)
        file.flush()
        yield file.name


def written(params: Any) -> dict[str, str]:
    """What commands get."""
    texts = params.texts if isinstance(params, WrittenParams) else {}
    return {name: texts.get(name, str(value)) for name, value in params.items()}


def tried(call: Callable[[], T]) -> tuple[T | None, str]:
    """What a call returns, or what it says if it refuses."""
    try:
        return call(), ""
    except UsageError as error:
        return None, str(error)


def texts_of(values: Sequence[Any]) -> list[str]:
    split = [split_written({"x": value}) for value in values]
    return [texts.get("x", str(plain["x"])) for plain, texts in split]


# Cells


@given(st.text() | numberlike)
def test_a_cell_is_never_changed_by_being_read(text: str) -> None:
    value = read_cell(text)
    assert str(value) == text
    assert type(value) in (str, int, float)
    assert not isinstance(value, float) or math.isfinite(value)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_back_from_what_it_is_written_as(number: float) -> None:
    value = read_cell(str(number))
    assert value == number
    assert type(value) is type(number)


@given(st.sampled_from(list(TYPES)), st.text() | numberlike)
def test_a_text_is_of_its_type_or_refused(kind: str, text: str) -> None:
    read, refusal = tried(lambda: [CellReader({"x": kind}).read("x", text, "here")])
    if read is None:
        assert refusal.startswith(f"here: x must be of type {kind}, not ")
        assert kind != "str"
    else:
        assert kind != "str" or read == [text]


@given(st.lists(st.text() | st.text(alphabet="xy=,intflo")))
def test_words_about_types_are_understood_or_refused(words: list[str]) -> None:
    types, refusal = tried(lambda: parse_types(words))
    if types is None:
        assert refusal.startswith("--types ")
    else:
        assert set(types.values()) <= set(TYPES)
        assert all(types)


# Parameters


specs = st.one_of(
    st.text(),
    st.text(alphabet='ab1,"\n\r ='),
    st.builds(
        "{}:{}:{}:{}".format, st.sampled_from(["lin", "log", "linn", "LOG"]), *[written_numbers] * 2, small_counts
    ),
    st.builds("range:{}:{}:{}".format, *[written_numbers] * 3),
    st.builds("range:{}".format, small_counts),
    st.builds("{}:{}:{}".format, st.sampled_from(["uniform", "loguniform", "normal"]), *[written_numbers] * 2),
    st.text(max_size=5).map("@/nowhere/{}".format),
)


def some_values_of(text: str) -> tuple[str, list[Any]]:
    name, values = parse_axis(text, CellReader())
    if isinstance(values, Distribution):
        return name, [values.quantile(0.5)]
    return name, [split_written({"x": value})[0]["x"] for _, value in zip(range(50), values, strict=False)]


@given(st.text() | st.builds("{}={}".format, names, specs))
def test_any_text_is_a_parameter_or_refused(text: str) -> None:
    axis, refusal = tried(lambda: some_values_of(text))
    if axis is None:
        assert refusal.startswith("-P ")
    else:
        name, values = axis
        assert name == text.partition("=")[0].strip()
        assert values
        assert all(math.isfinite(value) for value in values if type(value) is float)


@given(st.lists(arguments, min_size=1))
def test_a_list_written_as_csv_is_read_back(words: list[str]) -> None:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="").writerow(words)
    _, values = parse_axis(f"x={line.getvalue()}", CellReader())
    assert not isinstance(values, Distribution)
    assert texts_of(values) == words


@given(st.lists(st.text(alphabet="abc019.-+ '/").map(str.strip).filter(bool), min_size=1))
def test_a_list_without_commas_and_quotes_needs_none(words: list[str]) -> None:
    _, values = parse_axis(f"x={','.join(words)}", CellReader())
    assert not isinstance(values, Distribution)
    assert texts_of(values) == words


places = st.decimals(-1000, 1000, places=3)


@given(places, places, st.integers(2, 60))
def test_both_ends_are_among_evenly_spaced_values(start: Decimal, stop: Decimal, count: int) -> None:
    _, values = parse_axis(f"x=lin:{start}:{stop}:{count}", CellReader())
    assert not isinstance(values, Distribution)
    assert len(values) == len(list(values)) == count
    assert (values[0], values[count - 1]) == (float(start), float(stop))
    assert list(values) == sorted(values, reverse=start > stop)


@given(places, places, st.integers(2, 60))
def test_evenly_spaced_decimals_are_those_decimals(start: Decimal, step: Decimal, count: int) -> None:
    expected = [float(start + at * step) for at in range(count)]
    _, values = parse_axis(f"x=lin:{start}:{start + (count - 1) * step}:{count}", CellReader())
    assert not isinstance(values, Distribution)
    assert list(values) == expected


@given(st.integers(-100, 100), st.integers(-100, 100), st.integers(-10, 10).filter(bool))
def test_a_range_is_a_range(start: int, stop: int, step: int) -> None:
    expected = list(range(start, stop, step))
    axis, refusal = tried(lambda: parse_axis(f"x=range:{start}:{stop}:{step}", CellReader()))
    if axis is None:
        assert "is empty" in refusal
        assert not expected
    else:
        assert not isinstance(axis[1], Distribution)
        assert list(axis[1]) == expected


@given(st.floats(1e-200, 1e200), st.floats(1e-200, 1e200), st.integers(2, 20))
def test_both_ends_are_among_logarithmically_spaced_values(start: float, stop: float, count: int) -> None:
    _, values = parse_axis(f"x=log:{start!r}:{stop!r}:{count}", CellReader())
    assert not isinstance(values, Distribution)
    assert (values[0], values[-1]) == (start, stop)
    assert list(values) == sorted(values, reverse=start > stop)


# Combinations


axes = st.dictionaries(st.sampled_from("abcd"), st.lists(st.integers(), min_size=1, max_size=4), min_size=1)


@given(axes)
def test_a_grid_is_the_product_of_its_parameters(axes: dict[str, list[int]]) -> None:
    expected = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    sets = grid(**axes)
    assert len(sets) == len(expected)
    assert list(sets) == [sets[at] for at in range(len(sets))] == expected
    assert [sets[-1 - at] for at in range(len(sets))] == expected[::-1]


@given(axes, st.slices(30))
def test_a_slice_of_a_grid_is_that_of_a_list(axes: dict[str, list[int]], part: slice) -> None:
    assert grid(**axes)[part] == list(grid(**axes))[part]


@given(axes)
def test_zipped_parameters_are_as_long_as_each_of_them(axes: dict[str, list[int]]) -> None:
    lengths = {len(values) for values in axes.values()}
    cut = Zip(axes, is_cut=True)
    assert list(cut) == [dict(zip(axes, values, strict=True)) for values in zip(*axes.values(), strict=False)]
    assert len(cut) == min(lengths)
    sets, refusal = tried(lambda: zipped(**axes))
    if sets is None:
        assert "equally many values" in refusal
        assert len(lengths) > 1
    else:
        assert list(sets) == list(cut)


@given(st.lists(st.lists(st.integers(), max_size=4), max_size=4))
def test_a_grid_of_grids_is_the_product_of_all(parts: list[list[int]]) -> None:
    sets = Grid([Zip({f"x{at}": values}) for at, values in enumerate(parts)])
    expected = list(itertools.product(*parts)) if parts else []
    assert [tuple(one.values()) for one in sets] == expected
    assert len(sets) == len(expected)


# Files


cells = arguments | numberlike


@given(st.lists(st.tuples(cells, cells, cells)), st.sampled_from(",;\t|"), st.booleans())
def test_a_table_written_by_others_is_read_back_unchanged(
    rows: list[tuple[str, str, str]], delimiter: str, has_mark: bool
) -> None:
    table = io.StringIO()
    writer = csv.writer(table, delimiter=delimiter)
    writer.writerow(["x", "y", "z"])
    writer.writerows(rows)
    with file_of((b"\xef\xbb\xbf" if has_mark else b"") + table.getvalue().encode()) as path:
        file = CsvFile(path, delimiter=delimiter)
        assert file.check() == len(rows)
        assert [tuple(written(row).values()) for row in file] == rows


@given(st.lists(cells))
def test_a_table_of_one_column_is_read_back_unchanged(rows: list[str]) -> None:
    table = io.StringIO()
    csv.writer(table).writerows([["x"], *([text] for text in rows)])
    with file_of(table.getvalue().encode()) as path:
        assert [written(row)["x"] for row in CsvFile(path)] == rows


raw = st.binary() | st.text(alphabet='xy1,;"\n\r\t {}[]:\0é').map(str.encode)


@given(raw)
def test_any_bytes_are_a_table_or_refused(content: bytes) -> None:
    with file_of(content) as path:
        rows, refusal = tried(lambda: list(CsvFile(path)))
        if rows is None:
            assert path in refusal
        else:
            assert len({tuple(row) for row in rows}) <= 1
            assert not any("\0" in text for row in rows for text in written(row).values())


@given(raw)
def test_any_bytes_are_json_lines_or_refused(content: bytes) -> None:
    with file_of(content) as path:
        rows, refusal = tried(lambda: list(JsonLinesFile(path)))
        if rows is None:
            assert path in refusal
        else:
            assert len(rows) <= content.count(b"\n") + content.count(b"\r") + 1


@given(raw)
def test_any_bytes_are_lines(content: bytes) -> None:
    with file_of(content) as path:
        values = [os.fsencode(written(row)["x"]) for row in LinesFile(path, parameter="x")]
    *lines, last = content.split(b"\n")
    lines = [line.removesuffix(b"\r") for line in lines] + [last]
    lines[0] = lines[0].removeprefix("\ufeff".encode())
    assert values == [line for line in lines if line]


@given(raw)
def test_any_bytes_are_values_with_zero_bytes_after_them(content: bytes) -> None:
    with file_of(content) as path:
        values = [os.fsencode(text) for text in LinesFile(path, parameter="x", is_null_separated=True).texts()]
    assert values == [text for text in content.split(b"\0") if text]


# Samples


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300), st.floats(0, 1))
def test_nothing_is_drawn_beyond_the_ends(one: float, other: float, p: float) -> None:
    low, high = sorted([one, other])
    if low < high:
        assert low <= uniform(low, high).quantile(p) <= high
        assert low <= loguniform(low, high).quantile(p) <= high


@given(st.integers(1, 50), st.integers())
def test_a_seed_decides_what_is_drawn(count: int, seed: int) -> None:
    points = sample("random", count, seed, x=uniform(0, 1))
    assert points == sample("random", count, seed, x=uniform(0, 1))
    assert len(points) == count


# Commands


#: Texts that a shell might take for something.
tricky = arguments | st.text(alphabet="ab '\"\\$(){}`;|&<>*?~!#\n\t=%-")


@settings(max_examples=40)
@given(st.lists(tricky, min_size=3, max_size=3), st.booleans())
def test_the_shell_gets_every_value_byte_for_byte(texts: list[str], is_written: bool) -> None:
    values = {name: AsWritten(text, text) if is_written else text for name, text in zip("xyz", texts, strict=True)}
    argv = [Template(word).fill(values) for word in shell("printf '%s\\0' {x} a{y}b {z}")]
    printed = subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout
    x, y, z = texts
    assert printed == b"".join(os.fsencode(text) + b"\0" for text in (x, f"a{y}b", z))


@given(tricky)
def test_a_word_of_a_command_gets_every_value_unchanged(text: str) -> None:
    assert Template("--x={x}").fill({"x": AsWritten(read_cell(text), text)}) == f"--x={text}"


@given(st.text(alphabet="{}$x:.3f 'ab\"") | tricky)
def test_a_literal_text_is_never_touched(text: str) -> None:
    assert Template(text, is_literal=True).fill({"x": 1, "a": 2}) == text
    assert Template(ShellText(text), is_literal=True).fill({"x": 1, "a": 2}) == text


@given(tricky)
def test_the_parts_of_a_path_make_up_the_path(text: str) -> None:
    value = {"x": AsWritten(text, text)}
    directory, base = Template("{x://}").fill(value), Template("{x:/}").fill(value)
    stem = Template("{x:/.}").fill(value)
    assert base == text.rpartition("/")[2]
    assert os.path.normpath(os.path.join(directory, base)) == os.path.normpath(text)
    assert base.startswith(stem)
    assert Template("{x:.}").fill(value) == text[: len(text) - len(base) + len(stem)]


words = st.lists(
    st.text(alphabet="{}0123/.#%x y$'", max_size=8)
    | st.sampled_from(["{}", "{x}", ":::", ":::+", "::::", "::::+", "a"])
)


def understood(words: list[str]) -> tuple[list[str], list[str], list[str]]:
    """The command, all arguments after it, and the command with placeholders for them."""
    command, sources = split_sources(words)
    names = name_sources(command, len(sources), {"y"})
    filled = fill_in_sources(command, names, {"y"}) if sources else command
    if sources:
        assert {name for word in filled for name in Template(word).names} & set(names)
    return command, [word for source in sources for word in source.values], filled


@given(words)
def test_any_words_are_a_command_with_arguments_or_refused(words: list[str]) -> None:
    parts, refusal = tried(lambda: understood(words))
    if parts is None:
        assert refusal
        assert "\n" not in refusal
    else:
        command, values, filled = parts
        assert [word for word in words if word not in SEPARATORS] == [*command, *values]
        assert command == filled or len(words) > len(command)


# Units


@given(st.text() | st.text(alphabet="0123456789.:- hmsdin", max_size=15))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    seconds, refusal = tried(lambda: parse_duration(text))
    assert quote(text) in refusal if seconds is None else 0 <= seconds < math.inf


@given(st.integers(0, 10**6), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_the_same_however_it_is_written(days: int, hours: int, minutes: int, seconds: int) -> None:
    expected = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    assert parse_duration(f"{days}-{hours:02}:{minutes:02}:{seconds:02}") == expected
    assert parse_duration(f"{days * 24 + hours}:{minutes:02}:{seconds:02}") == expected
    assert parse_duration(f"{days}d{hours}h{minutes}m{seconds}s") == expected
    assert parse_duration(str(expected)) == expected


@given(st.text() | st.text(alphabet="0123456789.kKmMgGtTiIbB ", max_size=12))
def test_any_text_is_a_size_or_refused(text: str) -> None:
    mib, refusal = tried(lambda: parse_mem_mib(text))
    assert quote(text) in refusal if mib is None else mib >= 0


@given(st.integers(0, 2**30))
def test_a_size_is_the_same_in_every_unit(mib: int) -> None:
    assert parse_mem_mib(f"{mib}") == parse_mem_mib(f"{mib}M") == mib
    assert parse_mem_mib(f"{mib * 1024}K") == parse_mem_mib(f"{mib * 2**20}B") == mib
    assert parse_mem_mib(f"{mib}G") == mib * 1024
