"""Fits an SIR model to an outbreak of influenza in a boarding school, by some hundred runs of model.py.

    python study.py [--output DIR] [--coarse N]

Three sweeps, each placed by what the one before it found.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import io
import sys
import time
from datetime import date
from pathlib import Path

from fits import Fit, Observed, best_of, coarse_grid, r0_interval, zoomed_grid
from report import charts, summary

from runsemble import RunsembleError, UsageError, multirun

HERE = Path(__file__).resolve().parent


async def sweep(name: str, runs: list[dict[str, float]], output_path: Path, run_dir: str = "{run_id}") -> list[Fit]:
    """Run the model for every pair of rates, as many at a time as there are cores; return what the runs posted."""
    print(f"{name}: {len(runs)} runs", flush=True)
    result = await multirun(
        runs=runs,
        cmd=["python", "model.py"],
        input_files=[HERE / "model.py", HERE / "observed.csv"],
        output_path=output_path,
        run_dir=run_dir,
    )
    result.raise_for_failures()
    return [Fit(**run.params, **run.result) for run in result]


async def explore(output: Path, count: int) -> list[list[Fit]]:
    """Sweep all plausible rates coarsely, then the likely ones finely, then the surroundings of the best.

    Args:
        output: New directory; the sweeps get folders in it.
        count: Values of beta in the coarse grid.
    """
    # The first sweep makes the directory, and refuses one that exists.
    coarse = await sweep("All plausible rates", coarse_grid(count), output, run_dir="coarse/{run_id}")
    fine = await sweep("The likely ones", zoomed_grid(coarse, 3.5, 1.5 / count, count), output / "fine")
    closest = await sweep("Around the best", zoomed_grid(fine, 0, 0.75 / count, 12), output / "closest")
    return [coarse, fine, closest]


def show(output: Path, sweeps: list[list[Fit]], elapsed_s: float) -> None:
    """Print the findings, and draw them if matplotlib is there."""
    observed = read_observed()
    fits = [fit for sweep in sweeps for fit in sweep]
    interval = r0_interval(sweeps[1])
    print("\nSIR model of influenza in a boarding school, from 22 January 1978 (day 0)\n")
    print(summary(fits, interval, elapsed_s) + "\n\n" + charts(sweeps[0], best_of(fits), observed) + "\n")
    print(f"  {'runs':<20}{output}")
    try:
        from figure import draw
    except ImportError:
        print(f"  {'picture':<20}needs matplotlib: pip install 'runsemble[plot]'")
    else:
        draw(output / "epidemic.png", sweeps, interval, observed)
        print(f"  {'picture':<20}{output / 'epidemic.png'}")


def read_observed() -> Observed:
    """Return the boys in bed on each day."""
    with open(HERE / "observed.csv", newline="") as file:
        return [(date.fromisoformat(row["date"]), int(row["in_bed"])) for row in csv.DictReader(file)]


def main() -> int:
    """Run the study; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    default = HERE / "out" / time.strftime("%Y%m%d-%H%M%S")
    parser.add_argument("--output", type=Path, metavar="DIR", default=default, help="new directory [out/<time>, here]")
    parser.add_argument("--coarse", type=int, metavar="N", default=20, help="values of beta in the first grid [20]")
    options = parser.parse_args()
    if options.coarse < 8:
        parser.error("--coarse must be at least 8")
    output = options.output.absolute()
    began = time.monotonic()
    try:
        sweeps = asyncio.run(explore(output, options.coarse))
    except KeyboardInterrupt:
        return 130  # by now every run has been ended
    except RunsembleError as error:
        print(f"study.py: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    show(output, sweeps, time.monotonic() - began)
    return 0


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # what cannot show block characters gets question marks
    sys.exit(main())
