"""Keeps a profile of what a driver does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def profiling(path: str | None) -> Iterator[None]:
    """Write down where the time of this thread goes while the block runs; for `pstats`.

    Args:
        path: The file; None: nothing is done.
    """
    if path is None:
        yield
        return
    import cProfile

    profile = cProfile.Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        profile.dump_stats(path)
