"""Parameter sets from files: a table in CSV, a JSON object per line, a value per line."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any

from runsemble.errors import ParameterError
from runsemble.model.params import WrittenParams
from runsemble.model.text import quote
from runsemble.space.cells import CellReader
from runsemble.space.lines import LineSource

#: Longest cell of a table, in characters.
MAX_CELL = 16 * 2**20


class ParameterFile:
    """Parameter sets in a file, read anew by every iteration and never held as a whole.

    Args:
        path: The file; ``-`` for standard input, which can be iterated once.
        reader: Turns texts into values.
    """

    def __init__(self, path: str | os.PathLike[str], reader: CellReader | None = None) -> None:
        self.source = LineSource(path)
        self.name = self.source.name
        self.reader = reader or CellReader()
        self._count: int | None = None

    def check(self) -> int | None:
        """Read the whole file once, if it can be read again; return how many parameter sets it holds.

        Raises:
            ParameterError: Something in it is wrong; the text says on which line.
        """
        if self.source.is_regular and self._count is None:
            count = 0
            for _ in self if self.reader.has_types else self._rows():
                count += 1
            self._count = count
        return self._count

    def __length_hint__(self) -> int:
        """Return how many parameter sets there are, once `check` has counted them."""
        return NotImplemented if self._count is None else self._count

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield the parameter sets.

        Raises:
            ParameterError: See `check`.
        """
        raise NotImplementedError

    def _rows(self) -> Iterator[Any]:
        """Yield what `check` counts; raise what is wrong."""
        raise NotImplementedError


class CsvFile(ParameterFile):
    """A table: the header names the parameters, every further row is a parameter set.

    Args:
        path: See `ParameterFile`.
        reader: See `ParameterFile`.
        delimiter: What separates cells; by default a tab in files called ``.tsv``, else a comma.
    """

    def __init__(
        self, path: str | os.PathLike[str], reader: CellReader | None = None, delimiter: str | None = None
    ) -> None:
        super().__init__(path, reader)
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '\r\n"'):
            raise ParameterError(f"the delimiter must be one character, not {delimiter!r}")
        self._delimiter = delimiter or ("\t" if self.source.path.lower().endswith(".tsv") else ",")

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield the rows as parameter sets."""
        read = self.reader.read
        header: list[str] | None = None
        for line, row in self._rows(with_header=True):
            if header is None:
                header = row
                self.reader.require_known(header)
                continue
            where = f"{self.name}, line {line}"
            values = {name: read(name, text, where, has_margin=True) for name, text in zip(header, row, strict=True)}
            yield WrittenParams(values, dict(zip(header, row, strict=True)))

    def _rows(self, with_header: bool = False) -> Iterator[tuple[int, list[str]]]:
        csv.field_size_limit(MAX_CELL)
        with closing(self.source.text_lines()) as lines:
            yield from self._rows_of(csv.reader(lines, delimiter=self._delimiter, strict=True), with_header)

    def _rows_of(self, rows: Any, with_header: bool) -> Iterator[tuple[int, list[str]]]:
        header: list[str] | None = None
        while True:
            try:
                row = next(rows, None)
            except csv.Error as error:
                raise ParameterError(f"{self.name}, line {rows.line_num}: {error}") from None
            if row is None:
                break
            if any("\0" in cell for cell in row):
                raise ParameterError(f"{self.name}, line {rows.line_num} holds a zero byte; is it UTF-16?")
            if not row:
                continue  # a blank line
            if header is None:
                header = self._check_header(row)
                if with_header:
                    yield rows.line_num, header
                continue
            if len(row) != len(header):
                raise ParameterError(
                    f"{self.name}, line {rows.line_num}: {_cells(len(row))}, but the header names {len(header)} "
                    f"({', '.join(header[:5])}{', …' if len(header) > 5 else ''})"
                )
            yield rows.line_num, row
        if header is None:
            raise ParameterError(f"{self.name} is empty; its first line must name the parameters")

    def _check_header(self, row: list[str]) -> list[str]:
        header = [name.strip() for name in row]
        for at, name in enumerate(header, 1):
            if not name:
                raise ParameterError(f"{self.name}: column {at} has no name in the header {quote(','.join(row))}")
            if header.index(name) != at - 1:
                raise ParameterError(f"{self.name}: columns {header.index(name) + 1} and {at} are both called {name!r}")
        if len(header) == 1 and self._delimiter == ",":
            for other in (";", "\t"):
                if other in header[0]:
                    raise ParameterError(
                        f"{self.name}: the header {quote(header[0])} is separated by {other!r}, not by commas; "
                        f"add --delimiter {other!r}"
                    )
        return header


class JsonLinesFile(ParameterFile):
    """A JSON object per line, each a parameter set.

    Attributes:
        lacking: Every name in the file, with the first line that lacks it, None if none does; known once the file has
            been read to its end.
    """

    def __init__(self, path: str | os.PathLike[str], reader: CellReader | None = None) -> None:
        super().__init__(path, reader)
        self.lacking: dict[str, int | None] = {}

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield the objects as parameter sets; commands get what is no text and no number as JSON."""
        for values in self._rows():
            texts = {
                name: json.dumps(value, ensure_ascii=False)
                for name, value in values.items()
                if value is None or isinstance(value, (bool, list, dict))
            }
            yield WrittenParams(values, texts) if texts else values

    def _rows(self) -> Iterator[dict[str, Any]]:
        lacking: dict[str, int | None] = {}
        first: int | None = None
        count = 0
        for count, (number, values) in enumerate(self._numbered(), 1):  # noqa: B007 - the last one is wanted
            if values.keys() != lacking.keys():
                for name in lacking:
                    if lacking[name] is None and name not in values:
                        lacking[name] = number
                lacking.update((name, first) for name in values if name not in lacking)
            first = first or number
            yield values
        self.lacking, self._count = lacking, count

    def _numbered(self) -> Iterator[tuple[int, dict[str, Any]]]:
        with closing(self.source.text_lines()) as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line)
                except json.JSONDecodeError as error:
                    raise ParameterError(
                        f"{self.name}, line {number}, column {error.colno}: no JSON: {error.msg}"
                    ) from None
                except (ValueError, RecursionError):
                    raise ParameterError(
                        f"{self.name}, line {number}: nested too deeply, or a number too long"
                    ) from None
                if not isinstance(value, dict):
                    raise ParameterError(
                        f'{self.name}, line {number} must be an object such as {{"x": 1}}, not {quote(line.strip())}'
                    )
                yield number, value


class LinesFile(ParameterFile):
    """A value of one parameter per line.

    Args:
        path: See `ParameterFile`.
        reader: See `ParameterFile`.
        parameter: Its name.
        is_null_separated: Values end with a zero byte instead of a line end.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        reader: CellReader | None = None,
        *,
        parameter: str,
        is_null_separated: bool = False,
    ) -> None:
        super().__init__(path, reader)
        self.parameter = parameter
        self._is_null_separated = is_null_separated

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield the values as parameter sets."""
        for number, text in self._numbered():
            value = self.reader.read(self.parameter, text, f"{self.name}, line {number}")
            yield WrittenParams({self.parameter: value}, {self.parameter: text})

    def texts(self) -> Iterator[str]:
        """Yield the values as they are written."""
        return self._rows()

    def _rows(self) -> Iterator[str]:
        return (text for _, text in self._numbered())

    def _numbered(self) -> Iterator[tuple[int, str]]:
        with closing(self.source.values(b"\0" if self._is_null_separated else b"\n")) as values:
            yield from ((number, text) for number, text in enumerate(values, 1) if text)


def read_csv(
    path: str | os.PathLike[str], *, types: Mapping[str, str] | None = None, delimiter: str | None = None
) -> Iterable[Mapping[str, Any]]:
    """Return the rows of a table as parameter sets, read as they are needed.

    A cell is a number when that number is written just so, blanks around it apart, else text (``0.10`` and ``007`` stay
    text); commands get every cell as it stands in the file.

    Args:
        path: UTF-8 text, with or without a byte order mark; the first row names the parameters.
        types: What a parameter is instead: ``str``, ``int``, ``float``, ``bool`` or ``json``, by its name.
        delimiter: What separates cells; by default a tab in files called ``.tsv``, else a comma.

    Raises:
        ParameterError: On iteration, when something in the file is wrong; the text says on which line.
    """
    return CsvFile(path, CellReader(types), delimiter)


def read_jsonl(path: str | os.PathLike[str]) -> Iterable[Mapping[str, Any]]:
    """Return the objects of a file with one JSON object per line as parameter sets, read as they are needed.

    Raises:
        ParameterError: On iteration, when a line is no JSON object.
    """
    return JsonLinesFile(path)


def _cells(count: int) -> str:
    return f"{count} cell" if count == 1 else f"{count} cells"
