"""Imports a file with hooks before a study is made of it, in a process of its own: an import may crash or hang."""

from __future__ import annotations

import os
import sys

import anyio.to_thread

from runsemble.agent.loading import LOAD_S
from runsemble.ensemble.beside import last_line, run_beside, scratch_directory
from runsemble.errors import CommandError
from runsemble.model.result import signal_name

_IMPORT = "import sys; from runsemble.inrun.calls import import_only; import_only(sys.argv.pop())"


async def require_importable(path: str, cwd: str, patience_s: float = LOAD_S) -> None:
    """Make sure that a file with hooks can be imported.

    Args:
        path: Of the file, absolute.
        cwd: Where it is imported.
        patience_s: Seconds that it may take; an agent, which imports it for the runs, is as patient.

    Raises:
        CommandError: It cannot; the text ends with the last line of the traceback.
    """
    async with scratch_directory() as scratch:
        said = os.path.join(scratch, "stderr")
        status = await run_beside(
            [sys.executable, "-PB", "-c", _IMPORT, path],  # what is found here, an agent has to find as well
            cwd=cwd,
            env={},
            stdout=os.devnull,
            stderr=said,
            timeout_s=patience_s,
            leaves_none=True,
        )
        if status != 0:
            line = await anyio.to_thread.run_sync(last_line, said)
            raise CommandError(f"the hooks in {path} cannot be imported: {_why(status, line, patience_s)}")


def _why(status: int | None, line: str, patience_s: float) -> str:
    if status is None:
        return f"that took longer than {patience_s:g} s"
    if status < 0:
        return f"its process was ended by {signal_name(-status)}"
    return line or f"it ended its process, with exit code {status}"
