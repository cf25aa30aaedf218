"""Writes rows in the formats that other programs read, piece by piece."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO, Protocol

from runsemble.ensemble.rows import Row, cell, finite, plain
from runsemble.errors import RunsembleError, UsageError

#: By name of a column, what kinds of values are in it; see `rows.Columns`.
Kinds = Mapping[str, set[str]]


class Format(Protocol):
    """Writes a table into a binary stream."""

    needs_columns: bool  #: whether `begin` must be told what columns there are

    def begin(self, columns: Kinds) -> None:
        """Write what comes before the rows."""

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows."""

    def end(self) -> None:
        """Write what comes after them."""


class Csv:
    """A table of comma-separated values with a header; lists and the like are JSON in their cells."""

    needs_columns = True

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._names: list[str] = []

    def begin(self, columns: Kinds) -> None:
        """Write the header."""
        self._names = list(columns)
        self._write_lines([self._names])

    def write(self, rows: Sequence[Row]) -> None:
        """Write a line for each row."""
        self._write_lines([_cells(row, self._names) for row in rows])

    def end(self) -> None:
        """Write nothing more."""

    def _write_lines(self, lines: Iterable[Sequence[Any]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(lines)
        self._stream.write(text.getvalue().encode("utf-8", "surrogateescape"))


def _cells(row: Row, names: Sequence[str]) -> list[Any]:
    values = row.joined()
    return [cell(values.get(name)) for name in names]


class Json:
    """A list of objects, one on a line; numbers that JSON does not have are null."""

    needs_columns = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._separator = "[\n"

    def begin(self, columns: Kinds) -> None:
        """Write nothing yet."""

    def write(self, rows: Sequence[Row]) -> None:
        """Write an object for each row."""
        parts = []
        for row in rows:
            parts.append(self._separator + json.dumps(finite(plain(row.joined()))))
            self._separator = ",\n"
        self._stream.write("".join(parts).encode("ascii"))

    def end(self) -> None:
        """Close the list."""
        self._stream.write(b"[]\n" if self._separator.startswith("[") else b"\n]\n")


class Yaml:
    """A list of mappings."""

    needs_columns = False

    def __init__(self, stream: BinaryIO) -> None:
        try:
            import yaml
        except ImportError:
            raise RunsembleError("export as yaml needs PyYAML: pip install 'runsemble[yaml]'") from None
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        self._dump: Callable[[Any], str] = lambda value: yaml.dump(
            value, Dumper=dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=10**9
        )
        self._stream = stream
        self._is_empty = True

    def begin(self, columns: Kinds) -> None:
        """Write nothing yet."""

    def write(self, rows: Sequence[Row]) -> None:
        """Write an item for each row."""
        self._is_empty = self._is_empty and not rows
        if rows:
            self._stream.write(self._dump([plain(row.joined()) for row in rows]).encode("utf-8", "surrogateescape"))

    def end(self) -> None:
        """Write an empty list where there were no rows."""
        if self._is_empty:
            self._stream.write(b"[]\n")


class Parquet:
    """A Parquet file; a column with values of several kinds holds texts."""

    needs_columns = True

    def __init__(self, stream: BinaryIO) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise RunsembleError("export as parquet needs pyarrow: pip install 'runsemble[parquet]'") from None
        self._arrow: Any = pyarrow
        self._stream = stream
        self._schema: Any = None
        self._writer: Any = None

    def begin(self, columns: Kinds) -> None:
        """Settle the type of each column."""
        arrow = self._arrow
        types = {"bool": arrow.bool_(), "int": arrow.int64(), "float": arrow.float64(), "str": arrow.string()}
        self._schema = arrow.schema([(name, types[_type_of(kinds)]) for name, kinds in columns.items()])
        self._writer = arrow.parquet.ParquetWriter(self._stream, self._schema)

    def write(self, rows: Sequence[Row]) -> None:
        """Write a group of rows."""
        if not rows:
            return
        values = [row.joined() for row in rows]
        arrays = []
        for name, kind in zip(self._schema.names, self._schema.types, strict=True):
            cells = (cell(one.get(name)) for one in values)
            is_text = kind == self._arrow.string()
            arrays.append(self._arrow.array([_text(one) if is_text else one for one in cells], type=kind))
        self._writer.write_batch(self._arrow.record_batch(arrays, schema=self._schema))

    def end(self) -> None:
        """Write the index at the end of the file."""
        self._writer.close()


def _type_of(kinds: set[str]) -> str:
    found = kinds - {"none"}
    if found == {"int", "float"}:
        return "float"
    return next(iter(found)) if len(found) == 1 and found <= {"bool", "int", "float", "str"} else "str"


def _text(value: Any) -> str | None:
    return value if value is None or type(value) is str else json.dumps(value)


FORMATS: Mapping[str, Callable[[BinaryIO], Format]] = {"csv": Csv, "json": Json, "yaml": Yaml, "parquet": Parquet}


def new_format(name: str, stream: BinaryIO) -> Format:
    """Return what writes a format into a stream.

    Raises:
        UsageError: There is no such format.
        RunsembleError: What it needs is not installed; the text says what to install.
    """
    if name not in FORMATS:
        raise UsageError(f"there is no format {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name](stream)
