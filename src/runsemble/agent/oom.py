"""Sees to it that, when the machine runs out of memory, a run is ended and not its agent.

Source: proc(5) /proc/PID/oom_score_adj.
"""

from __future__ import annotations

import os

#: How much likelier than the agent itself its runs are to be chosen (0 to 1000).
RAISE = 300


class OomScore:
    """This process's own chance of being chosen, which its children inherit."""

    def __init__(self) -> None:
        self._is_raised = False
        self._fd = -1
        try:
            self._fd = os.open("/proc/self/oom_score_adj", os.O_RDWR | os.O_CLOEXEC)
            own = int(os.read(self._fd, 16))
            self._own = b"%d" % own
            self._raised = b"%d" % min(1000, own + RAISE)
            self.raise_()
            self.lower()
        except (OSError, ValueError):  # it cannot be lowered again, or there is no such thing
            self.close()

    def raise_(self) -> None:
        """Be as likely to be chosen as a run is to be, until `lower`."""
        if self._fd >= 0 and not self._is_raised:
            os.pwrite(self._fd, self._raised, 0)
            self._is_raised = True

    def lower(self) -> None:
        """Be as likely to be chosen as before."""
        if self._is_raised:
            os.pwrite(self._fd, self._own, 0)
            self._is_raised = False

    def close(self) -> None:
        """Release the descriptor; from then on nothing is changed any more."""
        fd, self._fd = self._fd, -1
        self._is_raised = False
        if fd >= 0:
            os.close(fd)
