"""Never more is in use than there is, judged by what the runs say themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from runsemble.errors import RequestError
from runsemble.runners.pooled import PooledRunner
from runsemble.testing.gate import WAIT_AT_GATE
from runsemble.testing.registry import pooled_runner
from runsemble.testing.require import require, require_equal, wait_file
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
    everywhere = frozenset(os.sched_getaffinity(0))
    if all(stamp.cores == everywhere for stamp in stamps):
        return  # not pinned
    require_equal("sizes of affinity masks", [len(stamp.cores) for stamp in stamps], sizes)
    for one, other in concurrent_pairs(stamps):
        shared = one.cores & other.cores
        require(not shared, f"cores {sorted(shared)} were given to two runs at a time")


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
        for one, other in concurrent_pairs(stamps):
            shared = set(one.gpus) & set(other.gpus)
            require(not shared, f"GPUs {sorted(shared)} were given to two runs at a time")


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
    run = runner.add(sh("exit 0"), rig.directory, cores=1_000_000)
    try:
        await runner.gather()
    except RequestError:
        require_equal("status", run.status, "skipped")
    else:
        raise AssertionError("gather did not refuse a request for a million cores")


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
