"""A script written for Themis: an ensemble made and executed, with the original or with the drop-in."""

from __future__ import annotations

import importlib
import os
import platform
import time
from typing import Any

from tell import arguments, tell

HOOKS = """
from {package} import user_utils

def prep_run():
    with open("input", "w") as file:
        file.write(str(user_utils.run().sample["x"]))

def post_run():
    with open("input") as file:
        return 2 * int(file.read())
"""


def main(package: str, count: int, out: str, hooks: bool = False) -> None:
    """Make and execute the ensemble; tell how long that took, and how many runs failed."""
    if package == "themis":
        platform.system = lambda: "Darwin"  # elsewhere it wants Slurm, LSF or Flux; this is its local mode
    os.makedirs(out)
    os.chdir(out)
    themis: Any = importlib.import_module(package)
    if hooks:
        with open("hooks.py", "w") as file:
            file.write(HOOKS.format(package=package))
    Themis = themis.Themis  # noqa: N806 - imported now, as the original is
    runs = [themis.Run({"x": number}, "") for number in range(count)]
    began = time.perf_counter()
    interface = "hooks.py" if hooks else None
    ensemble = Themis.create("/bin/true", runs, app_interface=interface, app_is_batch_script=False)
    ensemble.execute_local(blocking=True)
    wall_s = time.perf_counter() - began
    ended, total = ensemble.progress()
    if (ended, total) != (count, count):
        raise RuntimeError(f"only {ended} of {total} runs have ended")
    success = ensemble.count_by_status(Themis.RUN_SUCCESS)
    if hooks:
        ended_well = ensemble.runs(ensemble.filter_by_status(Themis.RUN_SUCCESS))
        wrong = [number for number, run in ended_well.items() if run.result != 2 * run.sample["x"]]
        if wrong:
            raise RuntimeError(f"runs {wrong[:5]} have wrong results")
    tell(wall_s=wall_s, failures=count - success)


main(**arguments())
