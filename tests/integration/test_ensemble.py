"""Ensembles with real processes: what becomes of their runs, and what can be asked of them meanwhile."""

from __future__ import annotations

import asyncio
import importlib
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from runsemble import ParallelLocalRunner
from runsemble.ensemble.creation import RunSpec
from runsemble.ensemble.detached import start_detached
from runsemble.ensemble.ensemble import Ensemble
from runsemble.errors import CommandError, FeedError, LeaseError, StoreError, UsageError
from runsemble.model.status import StoredStatus
from runsemble.model.step import Step
from runsemble.runners.options import retry_policy
from runsemble.sched.retry import RetryPolicy
from runsemble.store.reader import Reader

from .support import PATIENCE_S, Gate, is_alive, lines_of, names_in, text_of

#: Within this much, in seconds, a live driver does what another process asks of it.
PROMPT_S = 1.0

Make = Callable[..., Awaitable[Ensemble]]


@pytest.fixture
async def make(here: Path) -> Make:
    """Return a function that makes an ensemble of a shell script with some runs in ``out``."""

    async def make(script: str = "true", runs: Any = 3, **options: Any) -> Ensemble:
        sets = ({"x": x} for x in range(runs)) if isinstance(runs, int) else runs
        options = {"cmd": ["sh", "-c", script], **options}
        return await Ensemble.create("out", runs=sets, **options)

    return make


async def until(what: str, look: Callable[[], Awaitable[Any]], patience_s: float = PATIENCE_S) -> Any:
    """Look again and again until there is something to see; return it."""
    give_up = time.monotonic() + patience_s
    while not (seen := await look()):
        assert time.monotonic() < give_up, f"in vain waited {patience_s:g} s until {what}"
        await asyncio.sleep(0.01)
    return seen


async def until_status(ensemble: Ensemble, run: int, *statuses: str, patience_s: float = PATIENCE_S) -> None:
    async def look() -> bool:
        return (await ensemble.run(run)).status in statuses

    await until(f"run {run} is {' or '.join(statuses)}", look, patience_s)


async def until_there(*paths: Path) -> None:
    async def look() -> bool:
        return all(path.exists() for path in paths)

    await until(f"{paths} are there", look)


@asynccontextmanager
async def executing(ensemble: Ensemble, **execution: Any) -> AsyncIterator[asyncio.Task[None]]:
    """Drive an ensemble in a task while the block runs, and wait for its end."""
    task = asyncio.create_task(ensemble.execute(**execution))
    try:
        yield task
        async with asyncio.timeout(PATIENCE_S):
            await task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def statuses(ensemble: Ensemble) -> list[str]:
    return [run.status async for run in ensemble.runs()]


async def consistent(ensemble: Ensemble) -> bool:
    """Tell whether counts are what is counted, and everything that ended is among the ends."""
    found = await statuses(ensemble)
    counts = await ensemble.counts()
    return all(found.count(status) == count for status, count in counts.items())


# Making, executing, looking


async def test_an_ensemble_is_created_executed_and_looked_at(make: Make) -> None:
    ensemble = await make("echo $0; runsemble post y=$((2 * {x})); [ {x} != 1 ]")
    assert await ensemble.progress() == (0, 3)
    assert await statuses(ensemble) == ["pending"] * 3
    await ensemble.execute()
    assert await ensemble.progress() == (3, 3)
    assert await ensemble.filter_by_status("success") == (0, 2)
    assert await ensemble.filter_by_status() == (0, 1, 2)
    assert await ensemble.count_by_status("success", "failure") == await ensemble.count_by_status() == 3
    run = await ensemble.run(1)
    assert (run.status, run.returncode, run.message, run.attempts) == ("failure", 1, "exit code 1", 1)
    assert (run.params, run.result) == ({"x": 1}, {"y": 2})
    assert run.usage is not None
    assert text_of(run.stdout) == "sh\n"
    assert [run.id async for run in ensemble.runs("success", "killed")] == [0, 2]
    assert [id_ async for id_, _ in ensemble.run_dirs()] == [0, 1, 2]
    with pytest.raises(UsageError, match="nothing is pending"):
        await ensemble.execute()
    assert not (Path(ensemble.path) / ".runsemble" / "inbox").exists()


async def test_opening_existing_overwriting_and_clearing(make: Make, here: Path) -> None:
    ensemble = await make()
    assert await Ensemble.exists("out")
    assert (await Ensemble.open("out")).path == ensemble.path == str(here / "out")
    assert (await Ensemble.create_resume("out", cmd=["never"])).path == ensemble.path
    with pytest.raises(UsageError, match="exists already"):
        await make()
    again = await Ensemble.create_overwrite("out", runs=[{}], cmd=["true"])
    assert await again.count_by_status() == 1
    with pytest.raises(UsageError, match="no option 'core'"):
        await Ensemble.create_overwrite("out", runs=[{}], cmd=["true"], core=1)
    with pytest.raises(UsageError, match=r"nothing\.txt"):
        await Ensemble.create_overwrite("out", runs=[{}], cmd=["true"], input_files=["nothing.txt"])
    assert await again.count_by_status() == 1, "it was removed although its successor makes no sense"
    await Ensemble.clear("out")
    await Ensemble.clear("out")
    assert not await Ensemble.exists("out")
    assert names_in(here) == []
    with pytest.raises(StoreError, match="there is no study"):
        await Ensemble.open("out")


async def test_an_ensemble_that_is_driven_is_not_cleared(make: Make, gate: Gate) -> None:
    ensemble = await make(gate.words, runs=1)
    async with executing(ensemble):
        await until_status(ensemble, 0, "running")
        with pytest.raises(LeaseError, match="is being driven by process"):
            await Ensemble.clear("out")
        with pytest.raises(LeaseError, match="is being driven by process"):
            await ensemble.execute()
        gate.open()
    assert await statuses(ensemble) == ["success"]


@pytest.mark.parametrize(
    ("runs", "error", "words"),
    [
        ([{"x": 1}, {"x": object()}], UsageError, r"runs\[1\]: the value of 'x' cannot be handed to a run"),
        ([{"x": 1}, 5], UsageError, r"runs\[1\] must map parameter names to values"),
        (5, UsageError, "runs must be an iterable of parameter sets"),
        ({"x": 1}, UsageError, "runs must be an iterable of parameter sets"),
        ("abc", UsageError, "runs must be an iterable of parameter sets"),
        (({"x": 1 // (2 - x)} for x in range(5)), FeedError, "at index 2: ZeroDivisionError"),
    ],
)
async def test_what_cannot_be_created_leaves_nothing(here: Path, runs: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        await Ensemble.create("out", runs=runs, cmd=["true"])
    assert names_in(here) == []


async def test_a_run_without_any_command_is_refused(here: Path) -> None:
    with pytest.raises(CommandError, match=r"runs\[1\] has no command: give cmd or steps, or a RunSpec"):
        await Ensemble.create("out", runs=[RunSpec({}, [Step(["true"])]), {"x": 1}])
    ensemble = await Ensemble.create("out", runs=[RunSpec({}, [Step(["true"])])])
    with pytest.raises(CommandError, match=r"runs\[0\] has no command"):
        await ensemble.add_runs([{"x": 1}])
    assert names_in(here) == ["out"]


async def test_unknown_ids_and_statuses_are_refused_and_nothing_changes(make: Make) -> None:
    ensemble = await make()
    for call in (ensemble.requeue_runs, ensemble.dequeue_runs):
        for id_, shown in ((3, "3"), (-1, "-1"), (1 << 70, str(1 << 70)), ("a", "'a'"), (1.5, "1.5"), (True, "True")):
            with pytest.raises(UsageError, match=f"there is no run {shown}"):
                await call([0, id_])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="there is no run 99"):
        await ensemble.run(99)
    with pytest.raises(UsageError, match="there is no run 99"):
        await ensemble.set_result(99, 1)
    with pytest.raises(UsageError, match="there is no status 'sucess'; there are pending"):
        await ensemble.filter_by_status("sucess")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="how must be 'stop' or 'kill', not 'drop'"):
        await ensemble.dequeue_runs([0], how="drop")
    for steer in (ensemble.drain, ensemble.stop, lambda: ensemble.resize(2)):
        with pytest.raises(UsageError, match="nobody drives this study"):
            await steer()
    assert await statuses(ensemble) == ["pending"] * 3


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", True])
async def test_a_concurrency_that_makes_no_sense_is_refused(make: Make, count: Any) -> None:
    ensemble = await make()
    with pytest.raises(UsageError, match="max_concurrency must be a whole number of at least 1"):
        await ensemble.execute(max_concurrency=count)


# Commands to a driver at work


async def test_runs_that_are_added_start_at_once_although_others_go_on(make: Make, gate: Gate) -> None:
    ensemble = await make(f"[ {{x}} != 0 ] || {{ {gate.words}; }}", runs=1)
    async with executing(ensemble, max_concurrency=2):
        await until_status(ensemble, 0, "running")
        assert await ensemble.add_runs([{"x": 1}, {"x": 2}]) == range(1, 3)
        await until_status(ensemble, 2, "success", patience_s=PROMPT_S)
        assert (await ensemble.run(0)).status == "running"
        gate.open()
    assert await statuses(ensemble) == ["success"] * 3
    assert await consistent(ensemble)


async def test_a_run_that_is_requeued_starts_at_once_although_others_go_on(make: Make, gate: Gate) -> None:
    ensemble = await make(f"[ {{x}} != 0 ] || {{ {gate.words}; }}; echo . >> count", runs=2)
    async with executing(ensemble, max_concurrency=2):
        await until_status(ensemble, 1, "success")
        assert await ensemble.requeue_runs([0, 1]) == [1]
        await until_status(ensemble, 1, "success", patience_s=PROMPT_S)

        async def has_run_again() -> bool:
            return (await ensemble.run(1)).attempts == 2

        await until("it has run again", has_run_again, PROMPT_S)
        assert (await ensemble.run(0)).status == "running"
        gate.open()
    assert lines_of(Path(ensemble.path) / "1" / "count") == [".", "."]
    assert lines_of(Path(ensemble.path) / "0" / "count") == ["."]


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_runs_are_killed_whether_they_run_wait_or_were_not_even_read(make: Make, gate: Gate, how: str) -> None:
    ensemble = await make(f"trap '' TERM; echo $$ > pid; {gate.words}" if how == "kill" else gate.words, runs=2000)
    async with executing(ensemble, max_concurrency=1) as task:
        await until_status(ensemble, 0, "running")
        began = time.monotonic()
        assert await ensemble.dequeue_runs([1999, 0, 5], how=how) == [1999, 0, 5]
        for run in (0, 5, 1999):
            await until_status(ensemble, run, "killed", patience_s=PROMPT_S)
        assert time.monotonic() - began < 2 * PROMPT_S
        assert ensemble._driver is not None
        statistics = ensemble._driver.statistics
        assert (statistics.skipped_count, statistics.total_count) == (3, 2000)
        await ensemble.dequeue_runs(range(2000), how="kill")
        async with asyncio.timeout(PATIENCE_S):
            await task
        assert (statistics.skipped_count, statistics.complete_count, statistics.total_count) == (2000, 2000, 2000)
    assert await ensemble.count_by_status("killed") == 2000
    assert names_in(ensemble.path)[:-1] == [".runsemble", "0"] or len(names_in(ensemble.path)) < 10
    async with ensemble._looking() as look:
        ends = [run for _, run in await look.reader.ends(0, 5000)]
    assert sorted(ends) == list(range(2000)), "a run ended twice, or never"


async def test_killing_runs_that_have_ended_changes_nothing(make: Make, gate: Gate) -> None:
    ensemble = await make(f"[ {{x}} != 0 ] || {{ {gate.words}; }}", runs=3)
    async with executing(ensemble, max_concurrency=2):
        await until_status(ensemble, 2, "success")
        assert await ensemble.dequeue_runs([1, 2]) == []
        assert ensemble._driver is not None
        assert ensemble._driver.statistics.skipped_count == 0
        gate.open()
    assert await statuses(ensemble) == ["success"] * 3


async def test_short_runs_may_be_killed_just_when_they_end_and_still_end_once(make: Make) -> None:
    ensemble = await make("exit 0", runs=400, output="discard")
    async with executing(ensemble, max_concurrency=2):
        await until_status(ensemble, 0, "running", "success")
        for first in range(0, 400, 40):
            await ensemble.dequeue_runs(range(first, first + 40), how="kill")
        assert ensemble._driver is not None
        statistics = ensemble._driver.statistics
    counts = await ensemble.counts()
    assert counts["success"] + counts["killed"] == 400
    assert (statistics.success_count, statistics.skipped_count) == (counts["success"], counts["killed"])
    async with ensemble._looking() as look:
        ends = [run for _, run in await look.reader.ends(0, 5000)]
    assert sorted(ends) == list(range(400))


async def test_nothing_starts_that_cannot_finish_before_the_deadline(make: Make) -> None:
    ensemble = await make("exit 0", runs=3, timeout_s=60)
    async with asyncio.timeout(PATIENCE_S):
        await ensemble.execute(deadline_s=30)
    assert await statuses(ensemble) == ["pending"] * 3
    assert "0" not in names_in(ensemble.path)
    with pytest.raises(UsageError, match="deadline_s"):
        await ensemble.execute(deadline_s=0)


async def test_a_driver_has_as_many_runs_at_the_same_time_as_it_is_told(make: Make, gate: Gate) -> None:
    ensemble = await make(f"echo $$ > pid; {gate.words}", runs=5)
    many = len(os.sched_getaffinity(0)) + 5  # more than there are cores: then slots are what counts
    async with executing(ensemble, runner=lambda: ParallelLocalRunner(max_parallel=many)):
        await until_status(ensemble, 4, "running")
        await ensemble.resize(1)
        for id_ in range(3):
            await ensemble.dequeue_runs([id_])
            await until_status(ensemble, id_, "killed")
        await ensemble.add_runs([{"x": 5}])
        with pytest.raises(UsageError, match="must be at least 1, not 0"):
            await ensemble.resize(0)
        await ensemble.resize(3)
        await until_status(ensemble, 5, "running", patience_s=PROMPT_S)
        gate.open()
    assert await statuses(ensemble) == ["killed"] * 3 + ["success"] * 3


async def test_a_drained_driver_starts_nothing_more_and_what_was_not_started_is_pending(make: Make, gate: Gate) -> None:
    ensemble = await make(gate.words, runs=60)
    async with executing(ensemble, max_concurrency=2) as task:
        await until_status(ensemble, 1, "running")
        await ensemble.drain()
        assert not task.done()
        gate.open()
    assert await statuses(ensemble) == ["success"] * 2 + ["pending"] * 58
    assert await consistent(ensemble)
    assert len(names_in(ensemble.path)) < 10


async def test_a_stopped_driver_ends_what_runs_and_whoever_resumes_starts_it_again(make: Make, gate: Gate) -> None:
    ensemble = await make(gate.words, runs=6)
    async with executing(ensemble, max_concurrency=2):
        await until_status(ensemble, 1, "running")
        await ensemble.stop()
    assert await statuses(ensemble) == ["pending"] * 6
    gate.open()
    await ensemble.execute()
    assert await statuses(ensemble) == ["success"] * 6
    assert [run.attempts async for run in ensemble.runs()] == [2, 2, 1, 1, 1, 1]


async def test_a_run_that_is_given_up_while_the_driver_is_drained_is_not_started_again(make: Make, gate: Gate) -> None:
    ensemble = await make(f"{gate.words}; exit 9", runs=1, abort_on=[9], retries=3)
    async with executing(ensemble):
        await until_status(ensemble, 0, "running")
        await ensemble.drain()
        gate.open()
    assert await statuses(ensemble) == ["aborted"]


async def test_garbage_in_the_inbox_does_not_make_the_driver_deaf(make: Make, gate: Gate) -> None:
    ensemble = await make(gate.words, runs=2)
    inbox = Path(ensemble.path) / ".runsemble" / "inbox"
    inbox.mkdir(parents=True)
    garbage = [
        "", "[", "null", "[]", "7", '["kill"]', '["kill", 3]', '[["kill"], {}]', '["kill", {"runs": [[1]]}]',
        '["kill", {"runs": [1e400]}]', '["kill", {"runs": [99999999999999999999]}]', '["kill", {"runs": 5}]',
        '["add", {"runs": [[1, 2]]}]',
        '["add", {"runs": [["{", null]]}]', '["add", {"runs": [["{}", "{}", 3]]}]', '["set_result", {"run": 0}]',
        '["set_result", {"run": 0, "result": {"a": 1}}]', '["resize", {"count": null}]', '["resize", {}]',
        '["stop", {"how": {}}]', '["dance", {}]', '["set_setting", {"name": [1], "value": 1}]', "[" * 100_000,
    ]  # fmt: skip
    for number, text in enumerate(garbage):
        (inbox / f"{number:04}").write_text(text)
    (inbox / "directory").mkdir()
    async with executing(ensemble):
        await until_status(ensemble, 1, "running")
        assert await ensemble.dequeue_runs([1]) == [1]
        await until_status(ensemble, 1, "killed")
        gate.open()
    assert await statuses(ensemble) == ["success", "killed"]
    assert (await ensemble.run(0)).result is None


async def test_commands_that_wait_are_carried_out_in_order_by_whoever_comes_next(make: Make) -> None:
    from runsemble.ensemble import inbox

    ensemble = await make()
    private = str(Path(ensemble.path) / ".runsemble")
    waiting = [inbox.new_command("kill", runs=[0, 1]), inbox.new_command("requeue", runs=[1])]
    for command in waiting:
        await asyncio.to_thread(inbox.post, private, command)
    assert await ensemble.dequeue_runs([0, 1, 2]) == [1, 2]
    assert await asyncio.to_thread(inbox.pending, private) == []
    async with ensemble._looking() as look:
        assert [await look.reader.reply(command.name) for command in waiting] == [{"runs": [0, 1]}, {"runs": [1]}]


# Following


async def test_every_run_is_yielded_once_as_it_ends_and_more_may_be_added_meanwhile(make: Make) -> None:
    ensemble = await make("exit {x}")
    seen = []
    async for run in ensemble.completed():
        seen.append(run.id)
        if run.id == 0:
            await ensemble.add_runs([{"x": 0}])
        if run.id == 1 and run.attempts == 1:
            await ensemble.requeue_runs([1])
    assert sorted(seen) == [0, 1, 1, 2, 3]
    assert await consistent(ensemble)
    assert [run.id async for run in ensemble.completed()] == []


async def test_following_ends_when_too_many_have_failed(make: Make) -> None:
    ensemble = await make("exit 1", runs=200, max_failures=3)
    async with asyncio.timeout(PATIENCE_S):
        seen = [run.id async for run in ensemble.completed(max_concurrency=1)]
    counts = await ensemble.counts()
    assert counts["failure"] == len(seen) < 200
    assert counts["pending"] == 200 - len(seen) > 0


async def test_failures_of_former_executions_are_put_up_with(make: Make) -> None:
    ensemble = await make("exit 1", runs=8, max_failures=1)
    for failed in (2, 4):
        await ensemble.execute(max_concurrency=1)
        assert await ensemble.count_by_status("failure") == failed


async def test_following_ends_when_the_study_is_stopped_or_drained(make: Make, gate: Gate) -> None:
    ensemble = await make(f"[ {{x}} = 0 ] || {{ {gate.words}; }}", runs=50)
    seen = []
    async with asyncio.timeout(PATIENCE_S):
        async for run in ensemble.completed(max_concurrency=1):
            seen.append(run.id)
            await ensemble.stop()
    assert seen == [0]
    assert await ensemble.count_by_status("pending") == 49


async def test_following_ends_where_runs_never_fit(make: Make) -> None:
    ensemble = await make(runs=[RunSpec({}, [Step(["true"])]), RunSpec({}, [Step(["true"], cores=4096)])])
    async with asyncio.timeout(PATIENCE_S):
        assert [run.id async for run in ensemble.completed()] == [0]
    left = await ensemble.run(1)
    assert (left.status, left.attempts) == ("pending", 0)
    assert "4096 cores" in left.message


async def test_whoever_stops_following_ends_what_runs(make: Make, gate: Gate) -> None:
    ensemble = await make(f"echo $$ > pid; [ {{x}} = 0 ] || {{ {gate.words}; }}", runs=2)
    completed = ensemble.completed(max_concurrency=2)
    async for run in completed:
        assert run.id == 0
        await until_status(ensemble, 1, "running")
        break
    await completed.aclose()
    assert await statuses(ensemble) == ["success", "pending"]
    assert not is_alive(int(text_of(Path(ensemble.path) / "1" / "pid")))


# Detached


async def test_a_detached_driver_is_followed_and_steered_from_here(
    make: Make, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    ensemble = await make(f"echo ${{PYTHONPATH-unset}}; [ {{x}} = 0 ] || {{ {gate.words}; }}", runs=3)
    await ensemble.execute(blocking=False, max_concurrency=1)
    await until_status(ensemble, 1, "running")
    began = time.monotonic()
    assert await ensemble.dequeue_runs([2]) == [2]
    assert await ensemble.add_runs([{"x": 0}]) == range(3, 4)
    assert time.monotonic() - began < 2 * PROMPT_S
    monkeypatch.setattr(Reader, "last_end", then(Reader.last_end, gate.open))
    assert [run.id async for run in ensemble.completed()] == [1, 3]
    assert await statuses(ensemble) == ["success", "success", "killed", "success"]
    assert lines_of(Path(ensemble.path) / "0" / "stdout") == ["unset"], "runs see the path of their driver"
    await until("it is gone", lambda: is_free(ensemble))
    assert lines_of(Path(ensemble.path) / ".runsemble" / "driver.log") == []


def then(read: Callable[[Reader], Awaitable[int]], act: Callable[[], None]) -> Callable[[Reader], Awaitable[int]]:
    """Return what reads, and then acts."""

    async def read_then_act(reader: Reader) -> int:
        found = await read(reader)
        act()
        return found

    return read_then_act


async def test_a_driver_that_ends_just_before_whoever_follows_would_succeed_it_is_no_error(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensemble = await make("true", runs=1)
    other, count = Ensemble(ensemble.path), ensemble.counts

    async def counts() -> dict[StoredStatus, int]:
        if (await count())["pending"]:
            await other.execute()
        return await count()

    monkeypatch.setattr(ensemble, "counts", counts)
    assert [run.id async for run in ensemble.completed()] == [0]


async def is_free(ensemble: Ensemble) -> bool:
    async with ensemble._looking() as look:
        return (await look.reader.lease()).holder is None


async def test_why_a_detached_driver_did_not_start_is_said(make: Make, gate: Gate) -> None:
    ensemble = await make(gate.words, runs=1)
    with pytest.raises(UsageError, match="a runner cannot be handed to another process"):
        await ensemble.execute(blocking=False, runner=ParallelLocalRunner)
    async with executing(ensemble):
        await until_status(ensemble, 0, "running")
        with pytest.raises(LeaseError, match="is being driven by process"):
            await ensemble.execute(blocking=False)
        gate.open()
    await ensemble.requeue_runs([0])
    shutil.rmtree(Path(ensemble.path) / ".runsemble", ignore_errors=True)
    os.rename(ensemble.path + "/runsemble.db", ensemble.path + "/gone")
    with pytest.raises(StoreError, match="there is no study"):
        await ensemble.execute(blocking=False)


async def test_what_a_detached_driver_died_of_is_in_one_sentence(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    ensemble = await make()
    with pytest.raises(LeaseError, match=r"the driver did not start: .* unexpected keyword argument 'colour'"):
        await start_detached(ensemble.path, colour="red")
    assert await statuses(ensemble) == ["pending"] * 3


# Steps


async def test_steps_run_one_after_the_other_each_with_its_own(here: Path) -> None:
    (here / "prepare.sh").write_text("#!/bin/sh\necho grid %%x%% > grid\n")
    (here / "prepare.sh").chmod(0o755)
    steps = [
        Step(["./prepare.sh"], batch_script=True),
        Step(["sh", "-c", "pwd; cat ../grid; echo $A $B"], cwd="work/{x}", env={"B": "b{x}"}),
        Step(["sh", "-c", "runsemble post steps=$RUNSEMBLE_STEP,mem=$RUNSEMBLE_MEM_MIB"], mem_mib=64),
    ]
    ensemble = await Ensemble.create("out", runs=[{"x": 7}], steps=steps, env={"A": "a"})
    await ensemble.execute()
    run = await ensemble.run(0)
    assert (run.status, run.step, run.attempts) == ("success", 2, 1)
    assert lines_of(run.run_dir + "/stdout")[:1] == [run.run_dir + "/work/7"]
    assert text_of(run.run_dir + "/grid") == "grid 7\n"
    assert run.last_attempt is not None
    assert run.last_attempt.step == 2
    async with ensemble._looking() as look:
        assert [(a.attempt, a.step, str(a.cause)) for a in await look.reader.attempts(0)] == [
            (1, 0, "ok"), (1, 1, "ok"), (1, 2, "ok"),
        ]  # fmt: skip


async def test_a_soft_requeue_resumes_at_the_step_that_failed_and_a_hard_one_at_the_first(here: Path) -> None:
    count = "echo $RUNSEMBLE_STEP >> steps"
    steps = [Step(["sh", "-c", count]), Step(["sh", "-c", f"{count}; [ -e '{here}/ok' ]"]), Step(["sh", "-c", count])]
    ensemble = await Ensemble.create("out", runs=[{}], steps=steps)
    await ensemble.execute()
    run = await ensemble.run(0)
    assert (run.status, run.step) == ("failure", 1)
    (here / "ok").touch()
    await ensemble.requeue_runs([0])
    await ensemble.execute()
    assert lines_of(run.run_dir + "/steps") == ["0", "1", "1", "2"]
    assert (await ensemble.run(0)).status == "success"
    await ensemble.requeue_runs([0])  # one that was good begins anew
    await ensemble.execute()
    assert lines_of(run.run_dir + "/steps")[4:] == ["0", "1", "2"]
    (here / "ok").unlink()
    await ensemble.requeue_runs([0])
    await ensemble.execute()
    (here / "ok").touch()
    await ensemble.requeue_runs([0], hard=True)
    await ensemble.execute()
    assert lines_of(run.run_dir + "/steps")[9:] == ["0", "1", "2"]
    assert (await ensemble.run(0)).attempts == 5


@pytest.mark.parametrize("retries", [0, 1])
async def test_what_earlier_steps_have_posted_survives_a_step_that_is_made_again(here: Path, retries: int) -> None:
    steps = [
        Step(["sh", "-c", "runsemble post a=1"]),
        Step(["sh", "-c", "[ $RUNSEMBLE_ATTEMPT = 2 ] || { runsemble post a=bad; exit 1; }"]),
        Step(["true"]),
    ]
    ensemble = await Ensemble.create("out", runs=[{}], steps=steps, retries=retries)
    await ensemble.execute()
    if not retries:
        await ensemble.requeue_runs([0])
        await ensemble.execute()
    run = await ensemble.run(0)
    assert (run.status, run.attempts, run.result) == ("success", 2, {"a": 1})
    assert text_of(Path(run.run_dir, ".attempts/1/results.json")) == '{"a":"bad"}'


async def test_a_driver_that_is_stopped_between_steps_goes_on_with_the_next_one(here: Path, gate: Gate) -> None:
    steps = [Step(["sh", "-c", "echo 0 >> steps"]), Step(["sh", "-c", f"echo 1 >> steps; {gate.words}"])]
    ensemble = await Ensemble.create("out", runs=[{}], steps=steps)
    async with executing(ensemble):
        await until_there(Path(ensemble.path) / "0" / "steps")

        async def is_at_step_1() -> bool:
            return (await ensemble.run(0)).step == 1 and lines_of(Path(ensemble.path) / "0" / "steps") == ["0", "1"]

        await until("the second step runs", is_at_step_1)
        await ensemble.stop()
    gate.open()
    await ensemble.execute()
    assert lines_of(Path(ensemble.path) / "0" / "steps") == ["0", "1", "1"]
    assert await statuses(ensemble) == ["success"]


async def test_runs_with_steps_of_their_own_run_beside_the_others(here: Path) -> None:
    own = [Step(["sh", "-c", "echo own {x} $A $B"], env={"B": "2"}), Step(["sh", "-c", "echo then"])]
    ensemble = await Ensemble.create(
        "out", runs=[{"x": 0}, RunSpec({"x": 1}, own)], cmd=["sh", "-c", "echo common {x} $A"], env={"A": "1"}
    )
    await ensemble.add_runs([RunSpec({"x": 2}, own[:1]), {"x": 3}])
    await ensemble.execute()
    assert [text_of(run.stdout) async for run in ensemble.runs()] == [
        "common 0 1\n", "own 1 1 2\nthen\n", "own 2 1 2\n", "common 3 1\n",
    ]  # fmt: skip


@pytest.mark.parametrize("is_own", [False, True])
async def test_batch_scripts_with_one_name_are_refused(here: Path, is_own: bool) -> None:
    for name in ("a", "b"):
        (here / name).mkdir()
        (here / name / "run.sh").write_text(f"#!/bin/sh\necho {name}\n")
    steps = [Step([f"./{name}/run.sh"], batch_script=True) for name in ("a", "b")]
    runs: list[Any] = [RunSpec({}, steps)] if is_own else [{}]
    common: dict[str, Any] = {} if is_own else {"steps": steps}
    with pytest.raises(CommandError, match=r"b/run\.sh cannot be called run\.sh .* a/run\.sh|cannot be called run\.sh"):
        await Ensemble.create("out", runs=runs, **common)
    with pytest.raises(UsageError, match=r"run\.sh"):
        await Ensemble.create("out", runs=[{}], steps=steps[:1], input_files=["b/run.sh"])
    assert names_in(here) == ["a", "b"]


# Retries, causes, ends


async def test_memory_grows_after_oom_and_time_after_timeout(make: Make) -> None:
    eat = f"exec {sys.executable} -c 'import time; x = bytearray(80 << 20); time.sleep(1)'"
    script = f"echo $RUNSEMBLE_MEM_MIB >> mem; [ {{x}} != 0 ] || {eat}; [ {{x}} != 1 ] || sleep 0.8"
    ensemble = await make(script, runs=2, mem_mib=50, timeout_s=5.0, retries={"oom": 1, "timeout": 2})
    steps = [Step(["sh", "-c", "echo . >> tries; sleep 0.5"], timeout_s=0.2)]
    await ensemble.add_runs([RunSpec({}, steps)])
    await ensemble.execute(runner=lambda: ParallelLocalRunner(max_parallel=3, grace_s=0.1))
    by_memory, _, by_time = [run async for run in ensemble.runs()]
    assert (by_memory.status, by_memory.attempts) == ("success", 2)
    assert lines_of(by_memory.run_dir + "/mem") == ["50", "100"]
    assert (by_time.status, by_time.attempts) == ("success", 3)
    async with ensemble._looking() as look:
        assert [str(a.cause) for a in await look.reader.attempts(0)] == ["oom", "ok"]
        assert [str(a.cause) for a in await look.reader.attempts(2)] == ["timeout", "timeout", "ok"]


async def test_a_run_that_asks_to_be_tried_later_waits(make: Make) -> None:
    policy = RetryPolicy(retries=2, tempfail_s=0.2)
    ensemble = await make("date +%s.%N >> at; [ $RUNSEMBLE_ATTEMPT = 3 ] || exit 75", runs=1, retries=policy)
    await ensemble.execute()
    run = await ensemble.run(0)
    assert (run.status, run.attempts) == ("success", 3)
    first, second, third = map(float, lines_of(run.run_dir + "/at"))
    assert second - first > 0.2
    assert third - second > 0.4


async def test_a_run_that_waits_to_be_tried_again_can_be_killed(make: Make) -> None:
    ensemble = await make("exit 75", runs=1, retries=retry_policy(5))
    async with executing(ensemble):

        async def waits() -> bool:
            run = await ensemble.run(0)
            return run.status == "pending" and run.attempts == 1

        await until("it waits", waits)
        assert await ensemble.dequeue_runs([0]) == [0]
        await until_status(ensemble, 0, "killed", patience_s=PROMPT_S)
    assert await statuses(ensemble) == ["killed"]


async def test_an_exit_code_after_which_a_run_is_given_up(make: Make) -> None:
    ensemble = await make("exit {x}", runs=[{"x": 1}, {"x": 4}], retries=1, abort_on=[4])
    await ensemble.execute()
    assert [(run.status, run.attempts) async for run in ensemble.runs()] == [("failure", 2), ("aborted", 1)]
    assert (await ensemble.run(1)).message == "exit code 4"
    assert await ensemble.requeue_runs([0, 1]) == [0, 1]


@pytest.mark.parametrize(("halt", "most"), [("soon,fail=2", 60), ("now,fail=2", 60)])
async def test_a_study_gives_up_as_it_is_told(make: Make, halt: str, most: int) -> None:
    ensemble = await make("[ {x} -lt 2 ] && exit 1; sleep 0.01", runs=300, halt=halt)
    await ensemble.execute(max_concurrency=1)
    counts = await ensemble.counts()
    assert counts["failure"] == 2
    assert counts["success"] < most
    assert counts["pending"] == 300 - 2 - counts["success"]


async def test_a_run_whose_command_cannot_be_made_fails_alone(make: Make) -> None:
    ensemble = await make("echo {x} {y}", runs=[{"x": n, "y": n} for n in range(150)] + [{"x": 1}, {"x": 2, "y": 3}])
    await ensemble.execute()
    bad = await ensemble.run(150)
    assert (bad.status, str(bad.cause)) == ("failure", "staging")
    assert "'y'" in bad.message or "{y}" in bad.message
    assert await ensemble.count_by_status("success") == 151
    assert await consistent(ensemble)


async def test_results_keep_their_types_and_what_cannot_be_pickled_is_refused(make: Make) -> None:
    ensemble = await make("runsemble post z=1.5")
    await ensemble.execute()
    value = {"t": (1, 2.0), "s": {3}, 4: None, "c": 1 + 2j, "n": float("inf")}
    await ensemble.set_result(0, value)
    result = (await ensemble.run(0)).result
    assert result == value
    assert [type(item) for item in result.values()] == [type(item) for item in value.values()]
    await ensemble.set_result(1, Path("/x"))
    assert (await ensemble.run(1)).result == Path("/x")
    with pytest.raises(Exception, match=r"pickle|local object|lambda"):
        await ensemble.set_result(2, lambda: None)
    assert (await ensemble.run(2)).result == {"z": 1.5}


async def test_a_result_is_that_of_the_last_attempt(make: Make, here: Path) -> None:
    ensemble = await make(f"[ -e '{here}/ok' ] || {{ runsemble post y=1; exit 1; }}", runs=1)
    await ensemble.execute()
    assert (await ensemble.run(0)).result == {"y": 1}
    (here / "ok").touch()
    await ensemble.requeue_runs([0])
    assert not (await ensemble.run(0)).has_result
    await ensemble.execute()
    run = await ensemble.run(0)
    assert (run.status, run.has_result) == ("success", False)


# Names


async def test_names_that_others_have_are_refused_and_nothing_is_added(make: Make) -> None:
    ensemble = await make(runs=[{"n": "a"}, {"n": "b/c"}], cmd=["true"], run_dir="{n}")
    for name in ("a", "a/b", "b", "b/c", "b/c/d"):
        with pytest.raises(UsageError, match=rf"runs\[1\].*{name}.*directory"):
            await ensemble.add_runs([{"n": "free"}, {"n": name}])
    with pytest.raises(UsageError, match="another run's directory"):
        await ensemble.add_runs([{"n": "free"}, {"n": "free"}])
    assert await ensemble.count_by_status() == 2
    assert await ensemble.add_runs([{"n": "free"}, {"n": "b/d"}]) == range(2, 4)
    await ensemble.execute()
    assert [run.run_dir async for run in ensemble.runs()] == [
        f"{ensemble.path}/{n}" for n in ("a", "b/c", "free", "b/d")
    ]
    assert await statuses(ensemble) == ["success"] * 4


async def test_names_beyond_ascii_are_told_apart_too(make: Make) -> None:
    ensemble = await make(runs=[{"n": "é/ü"}], cmd=["true"], run_dir="{n}")
    for name in ("é", "é/ü", "é/ü/x"):
        with pytest.raises(UsageError, match=rf"run_dir gives {name},"):
            await ensemble.add_runs([{"n": name}])
    assert await ensemble.add_runs([{"n": "é/ö"}]) == range(1, 2)


async def test_a_live_driver_forgets_the_names_of_runs_that_it_has_refused(make: Make, gate: Gate) -> None:
    ensemble = await make(runs=[{"n": "a"}], cmd=["sh", "-c", gate.words], run_dir="{n}")
    async with executing(ensemble, max_concurrency=1):
        await until_status(ensemble, 0, "running")
        with pytest.raises(UsageError, match="directory"):
            await ensemble.add_runs([{"n": "new"}, {"n": "a"}])
        assert await ensemble.add_runs([{"n": "new"}]) == range(1, 2)
        gate.open()
    assert await statuses(ensemble) == ["success"] * 2


async def test_a_directory_that_is_there_already_is_reused_or_refilled(here: Path) -> None:
    for mode in ("reuse", "refill"):
        path = here / mode
        ensemble = await Ensemble.create(
            path, runs=[{"x": 1}], cmd=["sh", "-c", "cat input; runsemble post y=1"], directory=mode,
            templates=[template(here)],
        )  # fmt: skip
        (path / "0" / ".attempts").mkdir(parents=True)
        (path / "0" / ".attempts" / "current").write_text("2")  # of a former life
        (path / "0" / "input").write_text("old")
        (path / "0" / "results.json").write_text("99")
        await ensemble.execute()
        run = await ensemble.run(0)
        assert (mode, run.status, run.result) == (mode, "success", {"y": 1})
        assert text_of(run.stdout) == ("old" if mode == "reuse" else "new 1\n")


async def test_a_directory_of_somebody_else_s_is_refused_and_one_of_a_lost_attempt_is_not(
    make: Make, here: Path
) -> None:
    ensemble = await make()
    for name, files in (("0", {"notes": "mine"}), ("1", {"params.json": '{"x":1}', "stdout": "lost"}), ("2", {})):
        (here / "out" / name).mkdir()
        for file, text in files.items():
            (here / "out" / name / file).write_text(text)
    await ensemble.execute()
    assert await statuses(ensemble) == ["failure", "success", "success"]
    run = await ensemble.run(0)
    assert (run.cause, run.message) == (
        "staging", f"{here}/out/0 exists already, so it cannot be a new run's own",
    )  # fmt: skip
    assert names_in(here / "out" / "0") == ["notes"]


def template(here: Path) -> Path:
    (here / "input").write_text("new %%x%%\n")
    return here / "input"


# Much, and elsewhere


async def test_ten_thousand_runs(make: Make) -> None:
    ensemble = await make(runs=10_000, cmd=["true"], output="discard")
    await ensemble.dequeue_runs(range(100, 9_900))
    assert await ensemble.progress() == (9_800, 10_000)
    await ensemble.execute(max_concurrency=4)
    assert await ensemble.count_by_status("success") == 200
    assert await consistent(ensemble)
    assert await ensemble.filter_by_status("killed") == tuple(range(100, 9_900))


async def test_a_study_may_be_moved_and_goes_on(make: Make, here: Path, gate: Gate) -> None:
    (here / "input.txt").write_text("in")
    (here / "shared.txt").write_text("shared")
    from runsemble import FileResource

    inputs = [FileResource(path="input.txt"), FileResource(path="shared.txt", linkage="shared")]
    ensemble = await make("cat input.txt shared.txt; runsemble post x={x}", runs=2, input_files=inputs)
    await ensemble.dequeue_runs([1])
    await ensemble.execute()
    (here / "else").mkdir()
    os.rename("out", "else/where")
    (here / "shared.txt").unlink()
    moved = await Ensemble.open("else/where")
    assert (await moved.run(0)).result == {"x": 0}
    await moved.requeue_runs([0, 1])
    await moved.add_runs([{"x": 2}])
    await moved.execute()
    assert [(run.status, run.result) async for run in moved.runs()] == [("success", {"x": x}) for x in range(3)]
    assert [text_of(run.stdout) async for run in moved.runs()] == ["inshared"] * 3
    assert names_in(here) == ["else", "input.txt"]


# Functions and hooks


async def test_a_module_beside_the_script_is_found_by_whoever_resumes(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "script").mkdir()
    (here / "script" / "beside.py").write_text("def double(x):\n    return 2 * x\n")
    with monkeypatch.context() as script:
        script.syspath_prepend(here / "script")
        double = importlib.import_module("beside").double
        ensemble = await Ensemble.create("out", runs=[{"x": 4}], cmd=double)
    del sys.modules["beside"]
    await ensemble.execute()
    assert (await ensemble.run(0)).result == 8


async def test_the_exception_that_ended_a_function_is_found_with_its_run(here: Path) -> None:
    ensemble = await Ensemble.create("out", runs=[{"x": 0}, {"x": 4}], cmd=lambda x: 1 / x)
    await ensemble.execute()
    failed, good = await ensemble.run(0), await ensemble.run(1)
    error = await asyncio.to_thread(lambda: failed.exception)  # it is read from a file
    assert isinstance(error, ZeroDivisionError)
    assert "1 / x" in str(error.__cause__)
    assert (good.exception, good.result) == (None, 0.25)


async def test_a_run_whose_hook_raises_says_so(here: Path) -> None:
    (here / "hooks.py").write_text("def post_run():\n    raise ValueError('no output')\n")
    ensemble = await Ensemble.create("out", runs=[{}], cmd=["true"], hooks="hooks.py")
    await ensemble.execute()
    run = await ensemble.run(0)
    assert (run.cause, run.message, run.last_words) == ("hook", "a hook failed", "ValueError: no output")
    assert isinstance(await asyncio.to_thread(lambda: run.exception), ValueError)


async def test_a_run_that_is_executed_again_and_posts_nothing_has_no_result(here: Path) -> None:
    script = "[ $RUNSEMBLE_ATTEMPT = 2 ] || { echo 1 > results.json; exit 3; }"
    ensemble = await Ensemble.create("study", runs=[{}], cmd=["sh", "-c", script])
    await ensemble.execute()
    before = await ensemble.run(0)
    assert (before.status, before.result) == ("failure", 1)
    await ensemble.requeue_runs([0])
    await ensemble.execute()
    after = await ensemble.run(0)
    assert (after.status, after.result) == ("success", None)
