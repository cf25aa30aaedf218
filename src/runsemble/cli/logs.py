"""``runsemble logs``: what a run wrote, or writes."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import aclosing
from typing import BinaryIO

import click

from runsemble.cli import exits
from runsemble.cli.logs_as_json import SCHEMA, follow_as_json, print_as_json
from runsemble.cli.say import say
from runsemble.display.table import printable
from runsemble.ensemble.following import OPEN, Piece
from runsemble.ensemble.logs import Stream, is_packed, logs_of
from runsemble.ensemble.looking import Looking
from runsemble.errors import UsageError


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False))
@click.argument("run", metavar="RUN", type=int)
@click.option("-f", "--follow", is_flag=True, help="Go on with what it writes, until it has ended.")
@click.option("-n", "--lines", type=click.IntRange(0), metavar="N", help="Begin with the last N lines of each file.")
@click.option("--stdout", "stream", flag_value="stdout", help="Only what it wrote to stdout.")
@click.option("--stderr", "stream", flag_value="stderr", help="Only what it wrote to stderr.")
@click.option("--attempt", type=int, metavar="N", help="Of this attempt, from 1, and not of the latest.")
@click.option("--path", "as_path", is_flag=True, help="Print where the files are instead.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON; with -f an object a line.")
def logs(
    directory: str,
    run: int,
    follow: bool,
    lines: int | None,
    stream: str | None,
    attempt: int | None,
    as_path: bool,
    as_json: bool,
) -> int:
    """Print what run RUN of the study in DIR wrote.

    Where it wrote both to stdout and to stderr, a line before each says which is which, as tail(1) has it.
    """
    if follow and (attempt is not None or as_path):
        raise UsageError(f"-f follows the latest attempt: leave {'--path' if as_path else '--attempt'} out")
    which: Stream = "stdout" if stream == "stdout" else "stderr" if stream == "stderr" else "both"
    ensemble = Looking(directory)
    if as_path:
        return asyncio.run(_print_paths(ensemble, run, which, attempt, as_json=as_json))
    if follow:
        return asyncio.run((follow_as_json if as_json else _follow)(ensemble, run, which, lines))
    return asyncio.run((print_as_json if as_json else _print)(ensemble, run, which, attempt, lines))


async def _print_paths(ensemble: Looking, run: int, stream: Stream, attempt: int | None, *, as_json: bool) -> int:
    one = await ensemble.run(run)
    found = logs_of(one, stream, attempt)
    if not found:
        raise UsageError(f"the output of run {run} is kept in the record, not in a file: leave --path out")
    if any(is_packed(one, log, attempt) for log in found):
        raise UsageError(f"the output of run {run} is packed, so there are no files: leave --path out")
    if as_json:
        files = [{"name": log.name, "file": log.path} for log in found]
        click.echo(json.dumps({"schema": SCHEMA, "path": ensemble.path, "run": run, "files": files}))
        return exits.OK
    for log in found:
        click.echo(log.path)
    return exits.OK


async def _print(ensemble: Looking, run: int, stream: Stream, attempt: int | None, lines: int | None) -> int:
    one = await ensemble.run(run)
    pieces = await ensemble.output(run, stream, attempt=attempt, lines=lines)
    written = [piece for piece in pieces if piece.data]
    if not written:
        say(f"run {run} has not started yet" if not one.attempts else f"run {run} wrote nothing ({one.status})")
        return exits.OK if one.attempts else exits.NOTHING
    writer = PieceWriter(sys.stdout.buffer, has_headers=len(written) > 1)
    for piece in written:
        writer.write(piece)
    return exits.OK


async def _follow(ensemble: Looking, run: int, stream: Stream, lines: int | None) -> int:
    one = await ensemble.run(run)
    if one.status in OPEN and (await ensemble.driver()) is None:
        say("note: nobody drives the study, so nothing more may come; Ctrl-C ends the waiting")
    writer = PieceWriter(sys.stdout.buffer, has_headers=stream == "both" and one.output == "files")
    async with aclosing(ensemble.follow(run, stream, lines=lines)) as pieces:
        async for piece in pieces:
            writer.write(piece)
    ended = await ensemble.run(run)
    say(f"run {run}: {ended.status}" + (f", {printable(ended.message)}" if ended.status != "success" else ""))
    return exits.OK


class PieceWriter:
    """Writes pieces of output, with a line that says from where whenever that changes.

    Args:
        stream: Where to.
        has_headers: Say it of the first one, too.
        says_sources: Say it at all.
    """

    def __init__(self, stream: BinaryIO, has_headers: bool, *, says_sources: bool = True) -> None:
        self._says_sources = says_sources
        self._stream = stream
        self._has_headers = has_headers
        self._source: tuple[int, str] | None = None
        self._is_at_start = True

    def write(self, piece: Piece) -> None:
        """Write a piece, at once."""
        source = (piece.attempt, piece.name)
        if self._says_sources and source != self._source and (self._has_headers or self._source is not None):
            self._stream.write(self._header(piece).encode())
        self._source = source
        self._stream.write(piece.data)
        self._stream.flush()
        self._is_at_start = piece.data.endswith(b"\n")

    def _header(self, piece: Piece) -> str:
        before = "" if self._is_at_start else "\n"
        gap = "" if self._source is None else "\n"
        name = piece.name if piece.attempt == 1 else f"{piece.name} of attempt {piece.attempt}"
        return f"{before}{gap}==> {name} <==\n"
