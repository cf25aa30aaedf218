"""The agent's command line: serve, attach, inventory."""

from __future__ import annotations

import os
import sys


def main(argv: list[str]) -> int:
    """Run one verb and return the exit status."""
    package = type(sys)("runsemble_agent")
    package.__path__ = [os.path.dirname(os.path.abspath(__file__))]
    sys.modules["runsemble_agent"] = package
    verb = argv[1] if len(argv) > 1 else ""
    if verb == "serve" and len(argv) in (3, 4):
        from runsemble_agent.server import serve

        return serve(*argv[2:])
    if verb == "serve" and len(argv) in (5, 6) and argv[-2] == "--calls":
        take_path()
        from runsemble_agent.server import serve

        return serve(*argv[2:-2], calls_module=argv[-1])
    if verb == "attach" and len(argv) == 3:
        from runsemble_agent.bridge import attach

        return attach(argv[2])
    if verb == "inventory" and len(argv) == 2:
        from runsemble_agent.inventory import print_inventory

        return print_inventory()
    sys.stderr.write("usage: agent serve DIRECTORY [SPOOL] [--calls MODULE] | attach SOCKET | inventory\n")
    return 2


def take_path() -> None:
    """Find modules where the driver does, and nowhere else: not in this file's own folder, either."""
    del sys.path[0]
    import json

    os.environ.pop("RUNSEMBLE_AGENT", None)  # the kernel remembers it all the same
    path = os.environ.pop("RUNSEMBLE_SYS_PATH", "")
    if path:
        sys.path[:] = json.loads(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
