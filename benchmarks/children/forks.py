"""Forks an interpreter with what a call needs loaded; two processes do so side by side, as two agents would."""

from __future__ import annotations

import gc
import importlib
import os
import time

from tell import arguments, tell

MODULES = {"noop": ["json", "pickle", "traceback"], "numpy": ["json", "pickle", "traceback", "numpy"]}


def fork(count: int) -> None:
    """Fork children that end at once."""
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)


def main(kind: str, count: int) -> None:
    """Fork on two cores, and tell how long it took."""
    for name in MODULES[kind]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    fork(1)
    began = time.perf_counter()
    other = os.fork()
    fork(count // 2)
    if other == 0:
        os._exit(0)
    os.waitpid(other, 0)
    tell(wall_s=time.perf_counter() - began)


main(**arguments())
