from typing import Any

from runsemble.cli.ending import Ending
from runsemble.model.stats import RunStatistics


class Counted:
    """A result of which nothing is known but the numbers."""

    halted = None

    def __init__(self, **counts: int) -> None:
        self.statistics = RunStatistics(**counts)


def ending_of(result: Any) -> Ending[Any]:
    return Ending(result)


def test_the_exit_status_is_told_by_the_numbers_without_a_look_at_every_run() -> None:
    assert ending_of(Counted(success_count=3)).exit_status == 0
    assert ending_of(Counted(success_count=3, failure_count=1)).exit_status == 1
