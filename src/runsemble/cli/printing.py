"""Prints the standard output of runs as they end, that of each in one piece."""

from __future__ import annotations

import queue
import shutil
import threading
from typing import BinaryIO

from runsemble.runners.table import Run


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
