"""Drives a stored study again and again, as often as its time may be over."""

from __future__ import annotations

from runsemble.ensemble.driver import Driver
from runsemble.ensemble.execution import Execution
from runsemble.ensemble.profiling import profiling


class Drive:
    """Drives a stored study, anew each time when the time is over, as often as its execution says.

    Args:
        directory: The study's, absolute.
        execution: How.
    """

    def __init__(self, directory: str, execution: Execution) -> None:
        self.driver = Driver(directory, execution)  #: the present one
        self._directory = directory
        self._execution = execution
        self._is_wanted = True

    async def run(self) -> None:
        """See `Driver.run`."""
        with profiling(self._execution.profile):
            await self._run()

    async def _run(self) -> None:
        left = self._execution.repeats
        while True:
            await self.driver.run()
            if not (self._is_wanted and self.driver.is_out_of_time and left):
                return
            left -= 1
            self.driver = Driver(self._directory, self._execution)

    def end(self, how: str) -> None:
        """End soon, and do not begin anew; see `Driver.end`."""
        self._is_wanted = False
        self.driver.end(how)
