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


def to_claim(slots: int, ended_lately: int, waiting: int) -> int:
    """Return how many further runs a guest asks for.

    One for each slot waits behind those that run, and twice as many as have ended since it asked last: so short ones do
    not run out while it waits for the answer, and long ones are left to whoever is free first.

    Args:
        slots: Runs that can run at the same time.
        ended_lately: Runs that have ended since it asked last.
        waiting: Runs it has and has not begun.
    """
    return max(0, min(MAX_CLAIM, slots + 2 * ended_lately) - waiting)


def to_hand_over(asked: int, waiting: int, drivers: int) -> int:
    """Return how many runs a guest gets: no more than leaves as much for each of the others.

    Args:
        asked: How many it asks for.
        waiting: Runs that nobody has begun, or claimed.
        drivers: All of them, the guest included.
    """
    return min(asked, -(-waiting // drivers))


#: Runs that a guest has and has not begun, at most.
MAX_CLAIM = 1000
#: Events a subscriber may fall behind before no further run is taken in.
MAX_LAG = 50_000
