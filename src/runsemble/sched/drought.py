"""When to wait for something that ran out, such as disk space, and when to give up."""

from __future__ import annotations

from dataclasses import dataclass

#: Seconds between two looks whether there is some again.
RETRY_S = 1.0
#: Seconds to wait while nothing runs that could still bring some back.
PATIENCE_S = 60.0


@dataclass(slots=True)
class Drought:
    """A time without. All times are monotonic, in seconds."""

    since: float | None = None  #: None while there is enough

    def begin(self, now: float) -> bool:
        """Note that there was not enough; True if that is new."""
        is_new = self.since is None
        if is_new:
            self.since = now
        return is_new

    def is_hopeless(self, now: float, is_anything_running: bool) -> bool:
        """Tell whether waiting longer makes no sense."""
        return self.since is not None and not is_anything_running and now - self.since > PATIENCE_S

    def end(self) -> bool:
        """Note that there was enough again; True if that is new."""
        was_dry = self.since is not None
        self.since = None
        return was_dry
