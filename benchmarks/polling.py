"""What does it cost a study to be watched?

The same study with nobody looking, and with ten read-only connections that each count and read a page of runs once a
second, and a ``runsemble status`` a second beside them.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from harness import HERE, Options, Wrong, environment, interleave, median, ratios, run_child
from records import Finding, Report, main

WATCHERS = 10


@contextmanager
def _watched(out: Path) -> Iterator[None]:
    """Let a process of its own look at a study until the end."""
    argv = [sys.executable, str(HERE / "children" / "watchers.py"), str(out), str(WATCHERS)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()) as watching:
        try:
            yield
        finally:
            assert watching.stdin is not None
            watching.stdin.close()
        assert watching.stdout is not None
        said = watching.stdout.read().split()
    if watching.returncode or not said or int(said[0]) == 0:
        raise Wrong("nobody looked at the study")


def run_watched(options: Options, count: int, *, is_watched: bool) -> dict[str, Any]:
    """Run a study in a driver of its own, and make sure that its record holds every end once."""
    out = options.fresh("watched" if is_watched else "alone")
    arguments: dict[str, Any] = {"count": count, "out": out, "cmd": ["sleep", "0.01"]}
    if is_watched:
        with _watched(out):
            facts = run_child("study.py", **arguments)
    else:
        facts = run_child("study.py", **arguments)
    with closing(sqlite3.connect(os.path.join(out, "runsemble.db"))) as db:
        for table in ("runs WHERE state = 1", "attempts WHERE cause = 0", "ends"):
            ((found,),) = db.execute(f"SELECT count(*) FROM {table}").fetchall()
            if found != count:
                raise Wrong(f"{found} of {count} rows are in {table}")
    return facts


def measure(options: Options) -> Report:
    """Measure both, in turn."""
    count = options.size(4000, 100)
    taken = interleave(
        options,
        5,
        {
            "alone": partial(run_watched, options, count, is_watched=False),
            "watched": partial(run_watched, options, count, is_watched=True),
        },
    )
    walls = {name: [facts["wall_s"] for facts in rounds] for name, rounds in taken.items()}
    return Report(
        name="polling",
        question="What does it cost a study to be watched?",
        sizes={"runs": count, "connections": WATCHERS},
        findings=[
            Finding(
                what="ten connections and a status a second, against none",
                value=median(ratios(walls["watched"], walls["alone"])), unit="×", must=1.1,
            ),
            Finding(what="the study alone", value=median(walls["alone"]), unit=" s"),
        ],
        rounds=taken,
    )  # fmt: skip


if __name__ == "__main__":
    main(measure)
