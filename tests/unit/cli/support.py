"""What several tests of the command line need."""

from __future__ import annotations

from typing import Any

from runsemble.cli.sources import SourceOptions, Workload, read_workload


def workload_of(*words: str, **options: Any) -> Workload:
    return read_workload(words, SourceOptions(**options))
