"""Exports the runs of a stored study, whatever their number, without holding them."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from typing import IO, Any, BinaryIO, NamedTuple, TypeAlias, cast

import anyio.to_thread

from runsemble.ensemble.formats import new_format
from runsemble.ensemble.look import Look
from runsemble.ensemble.rows import Columns, Row, rows_of
from runsemble.ensemble.threads import in_thread
from runsemble.ensemble.view import EnsembleRun
from runsemble.errors import UsageError
from runsemble.model.status import StoredStatus

#: Runs that are written at a time.
BATCH = 1000

#: A path, or an open file, binary or of text.
Target: TypeAlias = str | os.PathLike[str] | IO[Any]


class Exported(NamedTuple):
    """What was exported."""

    runs: int  #: so many
    unread: int  #: so many of them posted something that is missing, as it is a pickle or cannot be read


async def export(
    look: Look, target: Target, format_: str, statuses: Sequence[StoredStatus], *, allow_pickle: bool
) -> Exported:
    """Write runs as a table; see `Ensemble.export`."""
    async with in_thread(_opened(target)) as stream:
        writer = await anyio.to_thread.run_sync(new_format, format_, stream)
        columns = Columns()
        if writer.needs_columns:
            await _each(look, statuses, allow_pickle, columns.add)
        await anyio.to_thread.run_sync(writer.begin, columns.kinds)
        exported = await _each(look, statuses, allow_pickle, writer.write)
        await anyio.to_thread.run_sync(writer.end)
    return exported


async def _each(
    look: Look, statuses: Sequence[StoredStatus], allow_pickle: bool, use: Callable[[list[Row]], None]
) -> Exported:
    """Hand all rows over, batch by batch, in a thread."""

    def work(batch: list[EnsembleRun]) -> tuple[int, int]:
        rows = rows_of(batch, allow_pickle)
        use(rows)
        return len(rows), sum(row.is_unread for row in rows)

    count = unread = 0
    async with aclosing(_batches(look, statuses)) as batches:
        async for batch in batches:
            done, missing = await anyio.to_thread.run_sync(work, batch)
            count += done
            unread += missing
    return Exported(count, unread)


async def _batches(look: Look, statuses: Sequence[StoredStatus]) -> AsyncGenerator[list[EnsembleRun], None]:
    batch: list[EnsembleRun] = []
    async with aclosing(look.runs(statuses)) as runs:
        async for run in runs:
            batch.append(run)
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


@contextmanager
def _opened(target: Target) -> Iterator[BinaryIO]:
    """Yield a binary stream that leads to the target."""
    if isinstance(target, (str, os.PathLike)):
        with _new_file(os.path.realpath(target)) as stream:
            yield stream
        return
    file: Any = target
    yield cast(BinaryIO, _AsText(file)) if isinstance(file, io.TextIOBase) else file


class _AsText(io.RawIOBase):
    """Writes bytes into a stream of text."""

    def __init__(self, target: io.TextIOBase) -> None:
        self._target = target

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def write(self, data: Any) -> int:
        """Write bytes that are whole characters."""
        self._target.write(bytes(data).decode("utf-8", "surrogateescape"))
        return len(data)


@contextmanager
def _new_file(path: str) -> Iterator[BinaryIO]:
    """Yield a file that gets its name once it is whole; one that is there already is replaced only then.

    Raises:
        UsageError: It cannot be written.
    """
    is_special = os.path.lexists(path) and not os.path.isfile(path)
    above, name = os.path.split(path)
    partial = path if is_special else os.path.join(above, f".{name}.partial-{os.getpid()}")
    try:
        stream = open(partial, "wb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with stream:
            yield stream
            stream.flush()
            if not is_special:
                os.fsync(stream.fileno())
        if not is_special:
            os.replace(partial, path)
    except BaseException:
        if not is_special:
            with suppress(FileNotFoundError):
                os.unlink(partial)
        raise
