"""Never more is in use than there is, judged by what the runs say themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from runsemble.errors import RequestError
from runsemble.model.status import Cause
from runsemble.runners.pooled import PooledRunner
from runsemble.testing.files import exists, read
from runsemble.testing.gate import WAIT_AT_GATE
from runsemble.testing.registry import pooled_runner
from runsemble.testing.require import require, require_equal, wait_file, wait_until
from runsemble.testing.rig import Rig, python, sh
from runsemble.testing.stamps import STAMP, Stamp, concurrent_pairs, most_at_once

#: Seconds for which a run is at work.
_WORK_S = "0.02"


@pooled_runner
async def no_core_is_used_twice(rig: Rig) -> None:
    """Runs that are at work together never ask for more cores than there are; pinned ones have cores of their own."""
    sizes = [1, 1, 2, 1, 2, 2, 1, 1, 1, 2] * 2
    runner = rig.make_pooled(cores=2, max_parallel=None)
    stamps = await _stamps(rig, runner, [{"cores": size} for size in sizes])
    width = dict(zip(stamps, sizes, strict=True))
    require_equal("cores in use at the busiest time", most_at_once(stamps, width.__getitem__), 2)
    if _are_pinned(stamps):
        require_equal("sizes of affinity masks", [len(stamp.cores) for stamp in stamps], sizes)
    _require_apart(stamps)


@pooled_runner
async def no_core_or_gpu_is_used_twice_by_short_runs(rig: Rig) -> None:
    """Short runs that follow each other without a pause keep to what each was granted."""
    runner = rig.make_pooled(cores=2, max_parallel=None, gpus=["a", "b"])
    result = await rig.study(runner, [{}] * 80, python(STAMP, "stamp", "0.004"), gpus=1)
    require_equal("successes", result.statistics.success_count, 80)
    stamps = [Stamp.read(Path(run.run_dir, "stamp")) for run in result]
    require(most_at_once(stamps) <= 2, "more than two runs were at work on two cores")
    _require_apart(stamps)


@pooled_runner
async def no_more_runs_at_a_time_than_max_parallel(rig: Rig) -> None:
    """`max_parallel` bounds the runs at work, and so many are at work; beyond the cores it means slots."""
    slots = len(os.sched_getaffinity(0)) + 1
    gate, runner = rig.new_gate(), rig.make_pooled(max_parallel=slots)
    async with runner:
        runs = [runner.add(sh(WAIT_AT_GATE, gate), rig.new_dir()) for _ in range(2 * slots)]
        places = [Path(run.run_dir, "started") for run in runs]
        for path in places[:slots]:
            await wait_file(path)
        await wait_until(lambda: runner.compute_statistics().running_count >= slots, f"{slots} runs to be running")
        require_equal("running", runner.compute_statistics().running_count, slots)
        require_equal("runs at work", sum(path.exists() for path in places), slots)
        gate.let_through(len(runs))
        await runner.gather()
    one = await _stamps(rig, rig.make_pooled(max_parallel=1), [{}] * 6)
    require_equal("runs at a time with max_parallel=1", most_at_once(one), 1)


@pooled_runner
async def gpu_ids_are_distinct(rig: Rig) -> None:
    """Runs that are at work together see different GPUs, as many as they asked for, by the ids the runner was given."""
    for gpus, ids in ((["a", "b"], {"a", "b"}), (2, {"0", "1"})):
        sizes = [1, 1, 0, 2, 1, 0, 1, 2]
        stamps = await _stamps(rig, rig.make_pooled(max_parallel=3, gpus=gpus), [{"gpus": size} for size in sizes])
        require_equal("GPUs that the runs saw", [len(stamp.gpus) for stamp in stamps], sizes)
        for stamp in stamps:
            require(set(stamp.gpus) <= ids, f"a run saw the GPUs {stamp.gpus}, of {sorted(ids)}")
            require_equal("RUNSEMBLE_GPUS", stamp.named_gpus, ",".join(stamp.gpus))
        _require_apart(stamps)


@pooled_runner
async def memory_is_not_promised_twice(rig: Rig) -> None:
    """Runs whose memory adds up to more than there is are not at work together; small ones are."""
    sizes = [600, 300, 600, 300, 300, 600]
    runner = rig.make_pooled(max_parallel=3, mem_mib=1000)
    stamps = await _stamps(rig, runner, [{"mem_mib": size} for size in sizes])
    size_of = dict(zip(stamps, sizes, strict=True))
    most = most_at_once(stamps, size_of.__getitem__)
    require(most <= 1000, f"{most} MiB were promised at a time, of 1000")


@pooled_runner
async def a_request_too_large_is_refused(rig: Rig) -> None:
    """A run that no grant could ever hold is refused with a sentence, at once where the runner is at work."""
    async with rig.make_pooled() as runner:
        try:
            runner.add(sh("exit 0"), rig.directory, cores=1_000_000)
        except RequestError as error:
            require("1000000" in str(error), f"the refusal does not say what was asked for: {error}")
        else:
            raise AssertionError("a request for a million cores was taken in")
    runner = rig.make_pooled()
    too_large = runner.add(sh("exit 0"), rig.directory, cores=1_000_000)
    other = runner.add(sh("echo once >> other"), rig.directory)
    try:
        await runner.gather()
    except RequestError:
        require_equal("statuses", (too_large.status, other.status), ("skipped", "pending"))
        require(not exists(rig.directory, "other"), "gather refused a request and yet started a run")
    else:
        raise AssertionError("gather did not refuse a request for a million cores")
    await runner.gather()
    require_equal("end of the other run", (other.status, read(rig.directory, "other")), ("success", "once\n"))


@pooled_runner
async def too_much_memory_ends_a_run(rig: Rig) -> None:
    """A run that uses more memory than it asked for is ended; its cause is ``oom``, and its neighbour goes on."""
    runner = rig.make_pooled(mem_mib=400)
    greedy = runner.add(python("x = b'x' * (300 << 20); import signal; signal.pause()"), rig.directory, mem_mib=100)
    modest = runner.add(python("x = b'x' * (20 << 20)"), rig.directory, mem_mib=200)
    await runner.gather()
    found = [(run.status, run.cause) for run in (greedy, modest)]
    require_equal("ends", found, [("failure", Cause.OOM), ("success", Cause.OK)])


def _are_pinned(stamps: list[Stamp]) -> bool:
    everywhere = frozenset(os.sched_getaffinity(0))
    return any(stamp.cores != everywhere for stamp in stamps)


def _require_apart(stamps: list[Stamp]) -> None:
    is_pinned = _are_pinned(stamps)
    for one, other in concurrent_pairs(stamps):
        gpus, cores = set(one.gpus) & set(other.gpus), one.cores & other.cores
        require(not gpus, f"GPUs {sorted(gpus)} were given to two runs at a time")
        require(not (is_pinned and cores), f"cores {sorted(cores)} were given to two runs at a time")


async def _stamps(rig: Rig, runner: PooledRunner, requests: list[dict[str, Any]]) -> list[Stamp]:
    """Run one stamping run per request; return the stamps in their order."""
    paths = [rig.new_path() for _ in requests]
    runs = [
        runner.add(python(STAMP, path, _WORK_S), rig.directory, **request)
        for path, request in zip(paths, requests, strict=True)
    ]
    await runner.gather()
    require_equal("statuses", [run.status for run in runs], ["success"] * len(runs))
    return [Stamp.read(path) for path in paths]
