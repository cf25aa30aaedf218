"""Prints what a run wrote as JSON; `docs/reference/json.md` says what it looks like."""

from __future__ import annotations

import codecs
import json
from contextlib import aclosing

import click

from runsemble.cli import exits
from runsemble.ensemble.following import Piece
from runsemble.ensemble.logs import Stream
from runsemble.ensemble.looking import Looking

SCHEMA = "runsemble.logs/1"


async def print_as_json(ensemble: Looking, run: int, stream: Stream, attempt: int | None, lines: int | None) -> int:
    """Print an object with all that a run wrote; return the exit status."""
    one = await ensemble.run(run)
    pieces = await ensemble.output(run, stream, attempt=attempt, lines=lines)
    facts = [
        {"attempt": piece.attempt, "name": piece.name, "text": piece.data.decode(errors="replace")} for piece in pieces
    ]
    head = {"schema": SCHEMA, "path": ensemble.path, "run": run, "status": one.status}
    click.echo(json.dumps({**head, "pieces": facts}))
    return exits.OK


async def follow_as_json(ensemble: Looking, run: int, stream: Stream, lines: int | None) -> int:
    """Print an object a line for each piece of what a run writes, and one for its end; return the exit status."""
    texts = _Texts()
    async with aclosing(ensemble.follow(run, stream, lines=lines)) as pieces:
        async for piece in pieces:
            text = texts.take(piece)
            if text:
                click.echo(json.dumps({"attempt": piece.attempt, "name": piece.name, "text": text}))
    ended = await ensemble.run(run)
    click.echo(json.dumps({"schema": SCHEMA, "path": ensemble.path, "run": run, "status": ended.status}))
    return exits.OK


class _Texts:
    """Turns pieces of output into text, none of whose characters is torn apart between two of them."""

    def __init__(self) -> None:
        self._decoders: dict[tuple[int, str], codecs.IncrementalDecoder] = {}

    def take(self, piece: Piece) -> str:
        source = (piece.attempt, piece.name)
        if source not in self._decoders:
            self._decoders[source] = codecs.getincrementaldecoder("utf-8")("replace")
        return self._decoders[source].decode(piece.data)
