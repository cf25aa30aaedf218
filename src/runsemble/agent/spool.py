"""The spool: what an agent must not forget, even if it is killed.

An append-only file of JSON lines. An attempt leaves an intent before it is spawned, its process id after, its exit at
the end; the driver's acknowledgement ends the story. Lines reach the kernel before the act they announce, so nothing
is lost when the agent dies. There is no fsync: after a power loss no run is alive, and its driver starts it again.

    ["intent", run, attempt, step, key, seconds since boot]
    ["pid", run, attempt, step, pid]
    ["exit", *Exit]
    ["ack", seq]
    ["epoch", epoch, boot id]
"""

from __future__ import annotations

import json
import os

from .frames import encode
from .protocol import Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: A spool in which nothing is open is emptied once it is longer than this, in bytes.
COMPACT_BYTES = 4 * 1024 * 1024


class Remains:
    """What a spool tells about the agent that wrote it."""

    def __init__(self) -> None:
        self.epoch = 0
        self.boot = ""
        self.last_seq = 0
        self.exits: dict[int, Exit] = {}  #: by sequence number, those not acknowledged
        self.unstarted: dict[tuple[int, int, int], int] = {}  #: those that never ran: (run, attempt, step) -> number
        self.open: dict[tuple[int, int, int], list[Any]] = {}  #: (run, attempt, step) -> [key, booted_s, pid or 0]


def replay(path: str) -> Remains:
    """Read a spool; a line cut short by the death of its writer is passed over.

    Raises:
        OSError: The file exists but cannot be read.
    """
    remains = Remains()
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return remains
    for line in lines:
        try:
            kind, *fields = json.loads(line)
            _replay_line(remains, kind, fields)
        except (ValueError, TypeError, IndexError, RecursionError):
            continue
    return remains


def _replay_line(remains: Remains, kind: str, fields: list[Any]) -> None:
    if kind == "intent":
        run, attempt, step, key, booted_s = fields
        remains.open[run, attempt, step] = [key, booted_s, 0]
        remains.exits.pop(remains.unstarted.pop((run, attempt, step), 0), None)  # it is begun after all
    elif kind == "pid":
        run, attempt, step, pid = fields
        if (run, attempt, step) in remains.open:
            remains.open[run, attempt, step][2] = pid
    elif kind == "exit":
        record = Exit(*fields)
        remains.open.pop((record.run, record.attempt, record.step), None)
        remains.exits[record.seq] = record
        if record.status is None:
            remains.unstarted[record.run, record.attempt, record.step] = record.seq
        remains.last_seq = max(remains.last_seq, record.seq)
    elif kind == "ack":
        remains.last_seq = max(remains.last_seq, fields[0])
        for seq in [s for s in remains.exits if s <= fields[0]]:
            del remains.exits[seq]
    elif kind == "epoch":
        remains.epoch, remains.boot = fields


class Spool:
    """The writing end of a spool."""

    def __init__(self, path: str, epoch: int, boot: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._fd).st_size
        self._lines: list[str] = [""] if self._size else []  # a former life may have left a torn line
        self.mark_epoch(epoch, boot)

    def intent(self, run: int, attempt: int, step: int, key: str, booted_s: float) -> None:
        """Announce a spawn; `flush` must follow before it happens."""
        self._lines.append('["intent",%d,%d,%d,"%s",%.2f]' % (run, attempt, step, key, booted_s))

    def pid(self, run: int, attempt: int, step: int, pid: int) -> None:
        """Note the process of an attempt; until flushed, the run key in its environment must do."""
        self._lines.append('["pid",%d,%d,%d,%d]' % (run, attempt, step, pid))

    def exit(self, message: str) -> None:
        """Note the end of an attempt, in the words the driver will hear; `flush` must follow before it does."""
        self._lines.append(message)

    def ack(self, seq: int) -> None:
        """Note that every exit up to `seq` is stored by the driver."""
        self._lines.append('["ack",%d]' % seq)

    def mark_epoch(self, epoch: int, boot: str) -> None:
        """Note the highest epoch seen, at once."""
        self._lines.append(encode(["epoch", epoch, boot]))
        self.flush()

    def flush(self) -> bool:
        """Hand all lines to the kernel; False if that failed, for instance because the disk is full.

        What could not be written is kept and tried again with the next flush.
        """
        if not self._lines:
            return True
        data = ("\n".join(self._lines) + "\n").encode("ascii")
        try:
            written = os.write(self._fd, data)
        except OSError:
            return False
        self._size += written
        if written < len(data):  # the disk filled up in the middle of a line: begin a new one next time
            self._lines.insert(0, "")
            return False
        self._lines.clear()
        return True

    @property
    def is_long(self) -> bool:
        """Tell whether it is worth emptying."""
        return self._size > COMPACT_BYTES

    def empty(self, last_seq: int, epoch: int, boot: str) -> None:
        """Forget everything; right only when no attempt is open and every exit was acknowledged."""
        os.ftruncate(self._fd, 0)
        self._size = 0
        self.ack(last_seq)
        self.mark_epoch(epoch, boot)

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        os.close(self._fd)
