"""The fault points of an agent. This file is a program: the agent with them; Python's standard library must do.

Started as ``python -I -S agent_points.py serve DIRECTORY [SPOOL]``, with the home of the test in its environment.
"""

from __future__ import annotations

import os
import sys
import types
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

#: In the environment of agents: where test and agents meet, and where runsemble is.
HOME, SOURCE = "FAULT_HOME", "FAULT_SOURCE"

#: Each is reached in the course of an ensemble, or when a successor starts.
POINTS = (
    "spool opened", "agent listens", "agent greeted", "run received", "intent written", "process spawned", "pid noted",
    "pid written", "run reaped", "exit noted", "spool line torn", "exit spooled", "exit sent", "ack heard",
)  # fmt: skip
#: Reached when an agent ends.
LAST_POINTS = ("agent closes", "agent closed")
#: Reached when a successor finds something to end.
RECOVERY_POINTS = ("remains found", "remains ended")


def load(name: str, path: str) -> Any:
    """Return a module that is no part of a package, by its file."""
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def install(faults: Any) -> None:
    """Let an agent's methods be fault points."""
    from runsemble_agent import server, work  # type: ignore[import-not-found]
    from runsemble_agent.contain import Containment  # type: ignore[import-not-found]
    from runsemble_agent.spool import Spool  # type: ignore[import-not-found]

    faults.after(server, "Spool", "spool opened")
    faults.after(server.Server, "listen", "agent listens")
    faults.after(server.Server, "_greet", "agent greeted")
    faults.after(work.Work, "add_run", "run received")
    faults.before(work, "spawn", "intent written")
    faults.after(work, "spawn", "process spawned")
    faults.after(Spool, "pid", "pid noted")
    faults.after(Spool, "exit", "exit noted")
    faults.after(server.Connection, "send", "exit sent", lambda _, data: b'["exit",' in data)
    faults.after(work.Work, "acknowledge", "ack heard")
    faults.wrap(Containment, "reap", after=lambda over, *_: faults.reach("run reaped") if over else None)
    faults.before(server, "end_remains", "remains found", lambda remains, _: bool(remains.open))
    faults.wrap(server, "end_remains", after=lambda lost, *_: faults.reach("remains ended") if lost else None)
    faults.before(server.Server, "close", "agent closes")
    faults.after(server.Server, "close", "agent closed")
    _install_flush(faults, Spool)


def _install_flush(faults: Any, spool: Any) -> None:
    """Let the writing of a spool be fault points: according to what is written, and in the middle of a line."""
    flush = spool.flush

    def tear(self: Any) -> None:
        data = "\n".join(self._lines).encode("ascii")
        os.write(self._fd, data[: max(1, len(data) - 5)])

    def call(self: Any) -> Any:
        text = "\n".join(self._lines)
        if '"exit"' in text:
            faults.reach("spool line torn", lambda: tear(self))
        done = flush(self)
        for word, point in (('"exit"', "exit spooled"), ('"pid"', "pid written")):
            if word in text:
                faults.reach(point)
        return done

    spool.flush = call


def main() -> int:
    """Be an agent with fault points; return its exit status."""
    source = os.environ[SOURCE]
    folder = os.path.join(source, "agent")
    package = types.ModuleType("runsemble_agent")
    package.__path__ = [folder]
    sys.modules["runsemble_agent"] = package
    faults = load("faults", os.path.join(source, "testing", "faults.py"))
    faults.enlist("agent", os.environ[HOME])
    install(faults)
    program = load("agent_program", os.path.join(folder, "__main__.py"))
    return int(program.main(sys.argv))


if __name__ == "__main__":
    sys.exit(main())
