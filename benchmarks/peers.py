"""How much faster than other tools that keep at least the output of every run?

Each tool as its users run it, on two slots, /bin/true with two output files: GNU parallel with --joblog and --results,
HyperQueue through its Python API, Parsl's bash_app. What is judged is the slope between two numbers of runs, in which
every tool's start falls out. Beside it stands the larger job as a whole, twice: from nothing, interpreters, servers and
workers of every tool included; and once these of HyperQueue and Parsl are up and warm, while our own start counts.

Each peer from PyPI has a virtual environment of its own, made here if there is none.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness import (
    OUT,
    SLOTS,
    NotMeasured,
    Options,
    Wrong,
    interleave,
    median,
    ratios,
    run_child,
    run_study,
    slopes,
)
from records import Finding, Report, main

#: Measure of one round: seconds for each number of runs, seconds for the largest from nothing, and the version.
Round = dict[str, Any]
Costs = dict[str, list[float]]  #: by tool, ms per run of every round
Texts = dict[str, str]  #: by tool


def prepare_environment(package: str) -> str:
    """Return the interpreter of a virtual environment with a package from PyPI.

    Raises:
        NotMeasured: It cannot be made.
    """
    home = OUT / "peers" / package
    python = home / "bin" / "python"
    home.parent.mkdir(parents=True, exist_ok=True)
    for argv in ([sys.executable, "-m", "venv", str(home)], [str(python), "-m", "pip", "install", "-q", package]):
        if argv[2] == "venv" and python.exists():
            continue
        with open(home.parent / f"{package}.log", "ab") as log:
            if subprocess.run(argv, stdout=log, stderr=log, check=False).returncode:
                raise NotMeasured(f"{package} could not be installed, see benchmarks/out/peers/{package}.log")
    return str(python)


def run_in_session(script: str, package: str, python: str, options: Options, counts: Sequence[int]) -> Round:
    """Run one after the other in one session of a peer from PyPI, and the last one again in a session of its own."""
    sessions = [
        run_child(script, python, out=options.fresh(package), slots=SLOTS, counts=session)
        for session in (counts, counts[-1:])
    ]
    return {**sessions[0], "cold_s": sessions[1]["process_s"]}


def run_parallel(options: Options, counts: Sequence[int]) -> Round:
    """Run GNU parallel for each number of runs, and check its log and its files."""
    wall_s = {str(count): _parallel_s(options.fresh("parallel"), count) for count in counts}
    return {"wall_s": wall_s, "cold_s": wall_s[str(counts[-1])]}


def _parallel_s(out: Path, count: int) -> float:
    out.mkdir()
    argv = ["parallel", f"-j{SLOTS}", "--joblog", str(out / "log"), "--results", str(out / "results"), "/bin/true"]
    numbers = "".join(f"{number}\n" for number in range(count)).encode()
    began = time.perf_counter()
    subprocess.run(argv, input=numbers, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    wall_s = time.perf_counter() - began
    rows = [line.split("\t") for line in (out / "log").read_text().splitlines()[1:]]
    if len(rows) != count or any(row[6] != "0" for row in rows):
        raise Wrong("not every job of GNU parallel succeeded")
    if len(list(out.glob("results/*/*/stdout"))) != count:
        raise Wrong("GNU parallel left out results")
    return wall_s


def find_parallel() -> str:
    """Return the version of GNU parallel.

    Raises:
        NotMeasured: It is not there.
    """
    if shutil.which("parallel") is None:
        raise NotMeasured("no GNU parallel on the PATH")
    answer = subprocess.run(["parallel", "--version"], capture_output=True, text=True, check=False).stdout
    if not answer.startswith("GNU parallel"):
        raise NotMeasured("the parallel on the PATH is not GNU's")
    return answer.split("\n")[0].split()[-1]


def run_ours(options: Options, counts: Sequence[int]) -> Round:
    """Run a study for each number of runs."""
    facts = {str(count): run_study(options, count) for count in counts}
    return {
        "wall_s": {count: fact["wall_s"] for count, fact in facts.items()},
        "cold_s": facts[str(counts[-1])]["process_s"],
    }


def open_parallel(options: Options, counts: Sequence[int]) -> tuple[str, Callable[[], Round]]:
    """Return the version of GNU parallel, and its measure."""
    return find_parallel(), partial(run_parallel, options, counts)


def open_session(script: str, package: str, options: Options, counts: Sequence[int]) -> tuple[str, Callable[[], Round]]:
    """Return the version of a peer from PyPI, and its measure."""
    python = prepare_environment(package)
    measure = partial(run_in_session, script, package, python, options)
    try:
        version = measure([SLOTS])["version"]
    except Wrong as problem:
        raise NotMeasured(_last_line(problem)) from problem
    return version, partial(measure, counts)


#: What it is called, how much faster this must be, how it is opened.
PEERS: list[tuple[str, float, Callable[[Options, Sequence[int]], tuple[str, Callable[[], Round]]]]] = [
    ("GNU parallel --joblog --results", 5.0, open_parallel),
    ("HyperQueue, Python API", 3.0, partial(open_session, "hyperqueue_tasks.py", "hyperqueue")),
    ("Parsl bash_app with files", 5.0, partial(open_session, "parsl_apps.py", "parsl")),
]


def measure(options: Options) -> Report:
    """Measure whatever peer there is."""
    counts = options.size(500, 20), options.size(2500, 80)
    measures: dict[str, Callable[[], Round]] = {"runsemble": partial(run_ours, options, counts)}
    versions: Texts = {}
    absent: Texts = {}
    for name, _, opener in PEERS:
        try:
            versions[name], take = opener(options, counts)
            measures[name] = partial(_take_if_able, name, take, absent)
        except NotMeasured as reason:
            absent[name] = str(reason)
    taken = {name: rounds for name, rounds in interleave(options, 5, measures).items() if name not in absent}
    slope = {name: _slopes(rounds, counts) for name, rounds in taken.items()}
    cold = {name: [facts["cold_s"] * 1000 / counts[1] for facts in rounds] for name, rounds in taken.items()}
    warm = {
        name: [facts["wall_s"][str(counts[1])] * 1000 / counts[1] for facts in rounds] for name, rounds in taken.items()
    }
    findings = [_compare(name, must, (slope, cold, warm), versions, absent) for name, must, _ in PEERS]
    for words, costs in (("a run", slope), ("a run of a job from nothing", cold)):
        findings += [
            Finding(what=f"{name}, {words}", value=median(values), unit=" ms") for name, values in costs.items()
        ]
    return Report(
        name="peers",
        question="How much faster than other tools that keep at least the output of every run?",
        sizes={"runs": counts},
        findings=findings,
        rounds={**taken, **{f"{name}, ms per run by slope": values for name, values in slope.items()}},
    )


def _take_if_able(name: str, take: Callable[[], Round], absent: Texts) -> Round:
    """Take a peer's measure; one that has failed once is left out from then on."""
    if name in absent:
        return {}
    try:
        return take()
    except Wrong as problem:
        absent[name] = _last_line(problem)
        return {}


def _last_line(problem: Exception) -> str:
    return str(problem).strip().rpartition("\n")[2]


def _slopes(rounds: Sequence[Round], counts: tuple[int, int]) -> list[float]:
    small, large = ([{"wall_s": facts["wall_s"][str(count)]} for facts in rounds] for count in counts)
    return slopes(small, large, counts[1] - counts[0])


def _compare(name: str, must: float, costs: Sequence[Costs], versions: Texts, absent: Texts) -> Finding:
    what = f"faster than {name}"
    if name in absent:
        return Finding(what=what, value=None, unit="×", must=must, is_floor=True, note=absent[name])
    by_slope, cold, warm = (median(ratios(cost[name], cost["runsemble"])) for cost in costs)
    note = f"version {versions[name]}; a job from nothing: {cold:.3g}×; with it up and warm: {warm:.3g}×"
    return Finding(what=what, value=by_slope, unit="×", must=must, is_floor=True, note=note)


if __name__ == "__main__":
    main(measure)
