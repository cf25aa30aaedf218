"""The lease: one process at a time drives a study, and everybody can see which.

A lease is a row. Who holds it proves to be alive by a growing count. It is free when nobody holds it, when the process
named in it is dead for certain (same machine, same boot, no such process), or when the count has not grown for
`EXPIRY_S` seconds: of the clock that counts from the boot, where holder and observer share it, else of the observer's
own. Clocks of machines are never compared, and setting one changes nothing. Each new holder gets a higher epoch.
Whatever a holder commits is committed only while the epoch is its own, so one that slept past its lease does no harm.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from typing import Any

from runsemble.agent import proc
from runsemble.nodes.place import host_name

#: Seconds between two beats.
BEAT_S = 2.0
#: Seconds without a beat after which a holder is taken for dead.
EXPIRY_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Where a process is, as far as process ids and clocks go."""

    host: str
    boot: str  #: boot id
    namespace: str  #: of process ids

    @classmethod
    def now(cls) -> Here:
        """Return where this process is."""
        try:
            namespace = os.readlink("/proc/self/ns/pid")
        except OSError:
            namespace = ""
        return cls(host=host_name(), boot=proc.boot_id(), namespace=namespace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process that drives a study."""

    host: str
    boot: str
    namespace: str
    pid: int
    born_s: float  #: when the process started, seconds since boot
    since: float  #: UTC epoch seconds

    @classmethod
    def me(cls) -> Holder:
        """Return this process."""
        pid = os.getpid()
        return cls(**asdict(Here.now()), pid=pid, born_s=proc.start_time_s(pid), since=time.time())

    @classmethod
    def parse(cls, text: str) -> Holder:
        """Return the holder that `as_text` wrote down."""
        fields: dict[str, Any] = json.loads(text)
        return cls(**fields)

    def as_text(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))

    def is_certainly_dead(self, here: Here) -> bool:
        """Tell whether the process is known to be gone, for an observer who is `here`."""
        if self.host != here.host:
            return False
        if self.boot != here.boot:
            return True
        if self.namespace != here.namespace:
            return False
        return abs(proc.start_time_s(self.pid) - self.born_s) > 1.0 or proc.is_zombie(self.pid)

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"process {self.pid} on {self.host}, since {since}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What the row says."""

    epoch: int
    holder: Holder | None
    beat: int
    beat_boot_s: float  #: when the last beat was, seconds since the holder's boot

    @property
    def is_free_now(self) -> bool:
        """Whether it can be had at once by this process."""
        return self.is_free(Here.now(), boot_clock_s())

    def is_free(self, here: Here, boot_s: float) -> bool:
        """Tell whether it can be had at once: nobody holds it, or nobody who is alive as far as can be told.

        Args:
            here: Where the observer is.
            boot_s: Seconds since the observer's boot.
        """
        if self.holder is None or self.holder.is_certainly_dead(here):
            return True
        shares_clock = (self.holder.host, self.holder.boot) == (here.host, here.boot)
        return shares_clock and boot_s - self.beat_boot_s > EXPIRY_S


class Watch:
    """Watches somebody who gives signs of life, by the observer's own clock."""

    def __init__(self) -> None:
        self.has_changed = False  #: there was a sign while it was watched
        self._sign: Any = None
        self._since = 0.0

    def is_silent(self, sign: Any) -> bool:
        """Take in the latest sign; tell whether it has been the latest for longer than one who lives would let it."""
        now = time.monotonic()
        if not self._since or sign != self._sign:
            self.has_changed = bool(self._since)
            self._sign, self._since = sign, now
        return now - self._since > EXPIRY_S


def boot_clock_s() -> float:
    """Return the seconds since boot, those asleep included; setting the clock does not change them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
