"""Looks at a study once a second through several connections, and with ``runsemble status``, until stdin ends."""

from __future__ import annotations

import select
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

SECOND = 1.0


def look(connections: list[sqlite3.Connection]) -> int:
    """Count the runs and read a page of them through each; return how many looks that were."""
    for db in connections:
        db.execute("SELECT state, number FROM counts").fetchall()
        db.execute("SELECT * FROM runs ORDER BY id DESC LIMIT 50").fetchall()
    return len(connections)


def main(directory: str, count: int) -> None:
    """Look until told to stop; say how often."""
    store, looks = Path(directory, "runsemble.db"), 0
    connections: list[sqlite3.Connection] = []
    while True:
        began = time.monotonic()
        if store.exists() and not connections:
            connections = [sqlite3.connect(f"file:{store}?mode=ro", uri=True) for _ in range(count)]
        try:
            looks += look(connections)
            if connections:
                subprocess.run(
                    [sys.executable, "-m", "runsemble", "status", directory], capture_output=True, check=True
                )
        except sqlite3.OperationalError:  # the tables are being made
            pass
        if select.select([sys.stdin], [], [], max(0.0, SECOND - (time.monotonic() - began)))[0]:
            break
    print(looks)


main(sys.argv[1], int(sys.argv[2]))
