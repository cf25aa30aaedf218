"""Calls of a function by a pool of the standard library, every one in a fork of its own."""

from __future__ import annotations

import multiprocessing
import time

from tell import arguments, tell


def call(x: int) -> None:
    """Do nothing."""


def main(count: int, slots: int) -> None:
    """Make the calls and tell how long they took."""
    began = time.perf_counter()
    with multiprocessing.get_context("fork").Pool(slots, maxtasksperchild=1) as pool:
        assert sum(1 for _ in pool.imap_unordered(call, range(count), chunksize=1)) == count
    tell(wall_s=time.perf_counter() - began)


if __name__ == "__main__":
    main(**arguments())
