"""Prints what runs wrote, as they end, that of each in one piece; and names of files as they are."""

from __future__ import annotations

import queue
import shutil
import sys
import threading
from typing import BinaryIO

from runsemble.runners.run import Run


class Printer:
    """Copies what ended runs wrote, in a thread, so that neither a slow disk nor a slow reader holds anything up.

    Args:
        stream: Where it goes.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.problem = ""  #: why not everything could be printed, if not because nobody reads it
        self._runs: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="printer", daemon=True)
        self._thread.start()

    def add(self, run: Run) -> None:
        """Print the output of a run when its turn has come."""
        self._runs.put(run)

    def close(self) -> None:
        """Wait until everything has been printed."""
        self._runs.put(None)
        self._thread.join()

    def _work(self) -> None:
        is_read = True
        while (run := self._runs.get()) is not None:
            if is_read:
                is_read = self._copy(run)

    def _copy(self, run: Run) -> bool:
        """Print one output; False when nobody reads any more."""
        try:
            if run.stdout is None:
                self._stream.write(run.read_stdout())
            else:
                with open(run.stdout, "rb") as file:
                    shutil.copyfileobj(file, self._stream)
            self._stream.flush()
        except (FileNotFoundError, IsADirectoryError):
            return True  # it never started, or its output is discarded
        except (OSError, ValueError) as error:
            self.problem = "" if isinstance(error, BrokenPipeError) else str(error)
            return False
        return True


def write_as_is(line: str) -> None:
    """Write a line to stdout, bytes that are no text as the bytes that they are."""
    if line.isascii() or not any("\udc80" <= sign <= "\udcff" for sign in line):
        sys.stdout.write(line)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(line.encode("utf-8", "surrogateescape"))
