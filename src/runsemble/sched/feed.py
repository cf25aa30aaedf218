"""How far ahead of the free slots runs are taken in and sent out."""

from __future__ import annotations


def window(slots: int) -> int:
    """Return how many runs may be under way between the user's iterable and their start.

    Fewer than two per slot let an agent wait for its driver between short runs (measured: a window below the slots
    halved the rate at 64 slots); the constant covers the time a busy driver needs to answer.

    Source: `benchmarks/slope.py`.
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
