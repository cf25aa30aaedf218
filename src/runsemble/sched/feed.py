"""How far ahead of the free slots runs are taken in and sent out."""

from __future__ import annotations


def window(slots: int) -> int:
    """Return how many runs may be under way between the user's iterable and their start.

    A window below the slots would leave some of them idle. Two per slot keep a run ready behind each that runs, and the
    constant covers the time a busy driver needs to answer.
    """
    return 2 * slots + 32


def to_admit(slots: int, under_way: int, lag: int) -> int:
    """Return how many further runs to take from the iterable.

    Args:
        slots: Runs that can run at the same time.
        under_way: Runs taken and not started yet.
        lag: Events that the slowest subscriber has yet to take; a subscriber that falls behind stops the intake.
    """
    return 0 if lag > MAX_LAG else max(0, window(slots) - under_way)


#: Events a subscriber may fall behind before no further run is taken in.
MAX_LAG = 50_000
