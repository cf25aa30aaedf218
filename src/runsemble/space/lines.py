"""Reads lines from a file or a pipe: each as soon as it is there, and never holding a lock while it waits.

Python's own buffered streams hold one, and a thread that waits in them keeps the interpreter from ending.
"""

from __future__ import annotations

import os
import select
import stat
import sys
import weakref
from collections.abc import Callable, Generator, Iterator

from runsemble.errors import ParameterError
from runsemble.model.text import why_no_bytes

#: How much is read at a time, in bytes.
CHUNK = 64 * 1024
#: Longest line, in bytes.
MAX_LINE = 64 * 2**20
#: Seconds after which a wait looks whether it is still wanted.
LOOK_S = 0.1

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")

_taken: weakref.WeakSet[object] = weakref.WeakSet()  #: standard inputs that somebody has read


class LineSource:
    """A file, or standard input as ``-``, which can be read once.

    Attributes:
        before_wait: Called when there is nothing more to read at once.
        is_wanted: Asked while there is nothing to read; when it says no, the lines end.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.before_wait: Callable[[], None] | None = None
        self.is_wanted: Callable[[], bool] = lambda: True

    @property
    def name(self) -> str:
        """What errors call it."""
        return "standard input" if self.path == "-" else self.path

    @property
    def is_regular(self) -> bool:
        """Whether it can be read more than once."""
        return self.path != "-" and os.path.isfile(self.path)

    def text_lines(self) -> Generator[str, None, None]:
        """Yield the lines of a text in UTF-8 with their ends, without a byte order mark.

        Raises:
            ParameterError: It cannot be read, or is not UTF-8; the text says on which line.
        """
        for number, line in enumerate(self._split(None), 1):
            if number == 1 and line[:2] in _UTF16_BOMS:
                raise ParameterError(
                    f"{self.name} is UTF-16 or UTF-32, not UTF-8; convert it: iconv -f UTF-16 -t UTF-8"
                )
            try:
                yield (line.removeprefix(_UTF8_BOM) if number == 1 else line).decode()
            except UnicodeDecodeError as error:
                raise ParameterError(
                    f"{self.name}, line {number}, is not UTF-8 (byte {error.object[error.start]:#04x}); "
                    "if it is Latin-1, convert it: iconv -f LATIN1 -t UTF-8"
                ) from None

    def values(self, separator: bytes) -> Generator[str, None, None]:
        """Yield what line ends, or zero bytes, separate, bytes that are no UTF-8 as surrogates.

        Raises:
            ParameterError: It cannot be read.
        """
        for number, piece in enumerate(self._split(separator)):
            raw = piece.removesuffix(separator)
            if separator == b"\n":
                raw = raw.removesuffix(b"\r") if raw != piece else raw
                raw = raw.removeprefix(_UTF8_BOM) if number == 0 else raw
            yield raw.decode("utf-8", "surrogateescape")

    def _split(self, separator: bytes | None) -> Iterator[bytes]:
        """Yield pieces with what ends them; None stands for every kind of line end."""
        pending: list[bytes] = []
        size = 0
        for chunk in self._chunks():
            size += len(chunk)
            pending.append(chunk)
            if size > MAX_LINE:
                raise ParameterError(f"{self.name} has a line of more than {MAX_LINE >> 20} MiB; is it a text?")
            if separator not in chunk if separator else b"\n" not in chunk and b"\r" not in chunk:
                continue
            whole = b"".join(pending)
            pieces = _pieces(whole, separator)
            last = pieces.pop()
            yield from pieces
            pending, size = [last], len(last)
        rest = _pieces(b"".join(pending), separator)
        yield from (piece for piece in rest if piece)

    def _chunks(self) -> Iterator[bytes]:
        fd = self._open()
        try:
            may_wait = not stat.S_ISREG(os.fstat(fd).st_mode)
            while not may_wait or self._wait(fd):
                if not (chunk := os.read(fd, CHUNK)):
                    return
                yield chunk
        except OSError as error:
            raise ParameterError(f"{self.name} cannot be read: {error.strerror}") from None
        finally:
            if self.path != "-":
                os.close(fd)

    def _wait(self, fd: int) -> bool:
        """Wait until there is something to read; False when it is not wanted any more."""
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if poll.poll(0):
            return True
        if self.before_wait is not None:
            self.before_wait()
        while self.is_wanted():
            if poll.poll(LOOK_S * 1000):
                return True
        return False

    def _open(self) -> int:
        if self.path == "-":
            return _take_stdin()
        if problem := why_no_bytes(self.path):
            raise ParameterError(f"the path of a parameter file {problem}")
        try:
            return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise ParameterError(f"{self.path} cannot be read: {error.strerror}") from None


def _pieces(data: bytes, separator: bytes | None) -> list[bytes]:
    """Split data behind every separator; the last piece has none, and may be empty."""
    if separator is not None:
        *whole, last = data.split(separator)
        return [piece + separator for piece in whole] + [last]
    lines = data.splitlines(keepends=True)
    return lines if lines and not lines[-1].endswith(b"\n") else [*lines, b""]


def _take_stdin() -> int:
    try:
        fd = sys.stdin.fileno()
        os.fstat(fd)
    except (AttributeError, ValueError, OSError):
        raise ParameterError("standard input is closed") from None
    if sys.stdin in _taken:
        raise ParameterError("standard input can be read only once")
    _taken.add(sys.stdin)
    return fd
