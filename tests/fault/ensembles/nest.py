"""The nursery as the tests see it: starts drivers, waits for them, ends them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


class Nest:
    """Starts drivers that are children of one process with everything loaded."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.nursery"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip

    def fork(self, home: str, task: str, **options: Any) -> int:
        """Start a driver; return its process id.

        Args:
            home: The directory that it shares with the test.
            task: What it does: "make" an ensemble or "drive" one.
            options: Of that.
        """
        return int(self._ask("fork", home, task, options))

    def wait(self, pid: int, timeout_s: float = 60.0) -> int | None:
        """Wait for a driver to end; return its exit status, negative after a signal; None if it has not ended."""
        status = self._ask("wait", pid, timeout_s)
        return None if status is None else int(status)

    def close(self) -> None:
        """End the nursery."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def _ask(self, *words: Any) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(words) + "\n")
        stdin.flush()
        return json.loads(stdout.readline())
