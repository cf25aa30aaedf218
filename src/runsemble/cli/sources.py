"""Where the parameter sets of a command line come from: ``-P``, files, ``:::``, standard input."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runsemble.cli.idioms import Source, fill_in_sources, is_shell_text, name_sources, split_sources
from runsemble.cli.say import say
from runsemble.errors import CommandError, ParameterError, PlaceholderError
from runsemble.launch.argv import shell
from runsemble.launch.placeholders import Template
from runsemble.model.text import quote
from runsemble.space.aside import Aside
from runsemble.space.axes import parse_axis, written_values
from runsemble.space.cells import CellReader, parse_types
from runsemble.space.combine import Grid, Zip, merge
from runsemble.space.files import CsvFile, JsonLinesFile, LinesFile, ParameterFile
from runsemble.space.sample import METHODS, Distribution, sample

HOW = "-P NAME=VALUES, --csv FILE, --jsonl FILE, arguments after :::, or lines on standard input"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """What the command line says about parameters."""

    axes: Sequence[str] = ()
    csv: str | None = None
    jsonl: str | None = None
    arg_file: str | None = None
    is_zipped: bool = False
    sample: str | None = None
    seed: int = 0
    types: Sequence[str] = ()
    delimiter: str | None = None
    is_null_separated: bool = False
    has_header: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """A command, and its parameter sets."""

    cmd: list[str]
    sets: Sequence[Mapping[str, Any]] | Crossed
    reader: CellReader
    count: int | None  #: how many parameter sets there are, None if nobody knows before they have been read


class Crossed:
    """Every row of a file with every set of a grid; the grid changes faster."""

    def __init__(self, file: ParameterFile, sets: Grid | None) -> None:
        self.file = file
        self._sets = sets

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield the parameter sets."""
        if self._sets is None:
            yield from self.file
            return
        for row in self.file if self._sets else ():
            if twice := set(row) & set(self._sets[0]):
                raise ParameterError(
                    f"parameter {sorted(twice)[0]!r} is given twice: in {self.file.name} and beside it"
                )
            for more in self._sets:
                yield merge([row, more])

    def __length_hint__(self) -> int:
        """Return how many there are, if the file has been counted."""
        count = self.file.__length_hint__()
        return count if count is NotImplemented else count * (1 if self._sets is None else len(self._sets))

    @property
    def grid_names(self) -> list[str]:
        """The parameters that do not come from the file."""
        return [] if not self._sets else list(self._sets[0])

    def aside(self) -> Aside:
        """Return them as an async iterable, read in a thread."""
        return Aside(self, self.file)


def read_workload(words: Sequence[str], options: SourceOptions, *, reads_ahead: bool = True) -> Workload:
    """Turn what was typed into a command and its parameter sets; files are checked as far as they can be.

    Args:
        words: The command, and what follows it after ``:::``.
        options: The rest of the command line.
        reads_ahead: Read a file through before anything is made of it, even where no name depends on it.

    Raises:
        UsageError: Something in it makes no sense.
    """
    command, sources = split_sources(words)
    if not command:
        raise CommandError("there is no command; write it at the end, such as: -- python model.py --beta {beta}")
    reader = CellReader(parse_types(list(options.types)))
    sets, known = _axes(options, reader)
    for source in sources:
        source.read_files(options.is_null_separated)
    file = _file(options, reader)
    if file is None and not sets and not sources and has_lines_on_stdin():
        file = LinesFile("-", reader, parameter="", is_null_separated=options.is_null_separated)
    if isinstance(file, LinesFile) and options.has_header:  # its name is in it, so it has to be read
        sources.insert(0, Source(list(file.texts())))
        file = None
    reads_ahead = reads_ahead or bool(sources) or not isinstance(file, JsonLinesFile)
    known |= names_in(file) if file is not None and not isinstance(file, LinesFile) and reads_ahead else set()
    names: list[str] = []
    count = len(sources) + isinstance(file, LinesFile)
    if count:
        names = _header(sources) if options.has_header else name_sources(command, count, known)
        command = fill_in_sources(command, names, known)
        if isinstance(file, LinesFile):
            file.parameter = names[0]
        sets += _source_sets(sources, names[count - len(sources) :], reader)
    if file is None and not sets:
        _refuse_nothing(command)
    cmd = shell(command[0]) if is_shell_text(command) else command
    grid = Grid(sets) if sets else None
    if file is not None:
        crossed = Crossed(file, grid)
        if reads_ahead:
            file.check()
        hint = crossed.__length_hint__()
        return Workload(cmd, crossed, reader, None if hint is NotImplemented else hint)
    assert grid is not None
    reader.require_known([*known, *names])
    return Workload(cmd, grid, reader, len(grid))


def _axes(options: SourceOptions, reader: CellReader) -> tuple[list[Sequence[Mapping[str, Any]]], set[str]]:
    """Return what ``-P`` says, as factors of a grid, and the names in it."""
    listed: dict[str, Sequence[Any]] = {}
    drawn: dict[str, Distribution] = {}
    for text in options.axes:
        name, values = parse_axis(text, reader)
        if name in listed or name in drawn:
            raise ParameterError(f"-P {name} is given twice")
        if isinstance(values, Distribution):
            drawn[name] = values
        else:
            listed[name] = values
    if drawn and options.sample is None:
        name = next(iter(drawn))
        raise ParameterError(f"-P {name} is a distribution: say how to draw from it, such as --sample lhs:100")
    if options.sample is not None and not drawn:
        raise ParameterError("--sample draws from distributions, such as -P x=uniform:0:1, and there is none")
    sets: list[Sequence[Mapping[str, Any]]] = []
    if drawn:
        sets.append(_draw(str(options.sample), options.seed, drawn))
    if options.is_zipped and listed:
        sets.append(Zip(listed))
    else:
        sets += [Zip({name: values}) for name, values in listed.items()]
    return sets, listed.keys() | drawn.keys()


def _draw(text: str, seed: int, axes: Mapping[str, Distribution]) -> Sequence[Mapping[str, Any]]:
    method, colon, count = text.partition(":")
    if method not in METHODS or not colon or not re.fullmatch("[0-9]{1,18}", count) or int(count) < 1:
        raise ParameterError(f"--sample {text}: write METHOD:COUNT, such as lhs:100; methods are {', '.join(METHODS)}")
    return sample(method, int(count), seed, **axes)


def _file(options: SourceOptions, reader: CellReader) -> ParameterFile | None:
    given = [
        (name, path)
        for name, path in (("--csv", options.csv), ("--jsonl", options.jsonl), ("--arg-file", options.arg_file))
        if path is not None
    ]
    if len(given) > 1:
        raise ParameterError(f"{given[0][0]} and {given[1][0]} cannot be combined: put everything into one file")
    if given and given[0][1] == "-" and sys.stdin is not None and sys.stdin.isatty():
        say("note: parameters are read from the terminal; Ctrl-D ends them")
    if options.csv is not None:
        return CsvFile(options.csv, reader, options.delimiter)
    if options.jsonl is not None:
        if options.types:
            raise ParameterError("--types is for values read from text; those of --jsonl have their types already")
        return JsonLinesFile(options.jsonl, reader)
    if options.arg_file is not None:
        return LinesFile(options.arg_file, reader, parameter="arg1", is_null_separated=options.is_null_separated)
    return None


def names_in(file: ParameterFile) -> set[str]:
    """Return the parameters that some row of a file gives; none of what can be read only once.

    Raises:
        ParameterError: Something in the file is wrong.
    """
    if not file.source.is_regular:
        return set()
    if isinstance(file, JsonLinesFile):
        file.check()
        return set(file.lacking)
    return set(next(iter(file), {}))


def require_names(workload: Workload, texts: Sequence[str]) -> None:
    """Refuse a file in which some rows give a parameter that texts name, and others do not.

    Args:
        workload: Its file has been read once, if it can be.
        texts: The words of the command, and whatever else parameters are filled into.

    Raises:
        PlaceholderError: With the first line that lacks it.
    """
    file = workload.sets.file if isinstance(workload.sets, Crossed) else None
    if not isinstance(file, JsonLinesFile):
        return
    for name in dict.fromkeys(name for text in texts for name in Template(text).names):
        if (line := file.lacking.get(name)) is not None:
            raise PlaceholderError(
                f"{file.name}, line {line}: {{{name}}}: there is no parameter {name!r}, which other lines have "
                f"(write {{{{{name}}}}} to keep the braces)",
                name=name,
            )


def _header(sources: Sequence[Source]) -> list[str]:
    """Take the name of each source off its front, as ``--header :`` asks for."""
    for source in sources:
        if not source.values:
            raise ParameterError("--header : takes the first argument after each ::: as its name, and there is none")
    names = [source.values.pop(0) for source in sources]
    for name in names:
        if not name.isidentifier():
            raise ParameterError(
                f"--header : {quote(name)} cannot stand in braces; a name has letters, digits and underscores only"
            )
    return names


def _source_sets(
    sources: Sequence[Source], names: Sequence[str], reader: CellReader
) -> list[Sequence[Mapping[str, Any]]]:
    groups: list[dict[str, Sequence[Any]]] = []
    for source, name in zip(sources, names, strict=True):
        values = written_values(name, source.values, reader, ":::")
        if not source.is_linked:
            groups.append({})
        if name in groups[-1]:
            raise ParameterError(f"parameter {name!r} is given twice")
        groups[-1][name] = values
    return [Zip(group, is_cut=True) for group in groups]


def has_lines_on_stdin() -> bool:
    """Tell whether standard input is a file or a pipe, rather than a terminal, a device or nothing at all."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def _refuse_nothing(command: Collection[str]) -> None:
    for word in command:
        if word.startswith(("-P", "--csv", "--jsonl", "--param")):
            raise ParameterError(f"there are no parameters: {word} stands after the command, so it belongs to it; "
                                 "options of runsemble's go before the command")  # fmt: skip
    raise ParameterError(f"there are no parameters: give {HOW}")
