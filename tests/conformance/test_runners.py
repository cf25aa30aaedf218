"""One suite for every runner: each promise of the contract against each implementation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from runsemble.agent import inventory
from runsemble.ensemble.multirun import multirun
from runsemble.errors import RunnerClosed, UsageError
from runsemble.model.stats import RunStatistics
from runsemble.runners.abstract import AbstractRunner, RunHandle
from runsemble.runners.debug import DebugRunner
from runsemble.runners.local import ParallelLocalRunner
from runsemble.testing import CHECKS, Check, Factory, check_runner, wait_until
from runsemble.testing.rig import make_runner


class UsersRunner(AbstractRunner):
    """What a user writes in thirty lines: everything at once, by asyncio's own means."""

    def __init__(self) -> None:
        self._handles: list[RunHandle] = []
        self._todo: list[tuple[Sequence[str], Path, RunHandle]] = []

    def add(self, cmd: Sequence[str], cwd: Path = Path(".")) -> RunHandle:
        handle = RunHandle()
        self._handles.append(handle)
        self._todo.append((cmd, cwd, handle))
        return handle

    async def gather(self) -> None:
        while self._todo:
            todo, self._todo = self._todo, []
            async with asyncio.TaskGroup() as group:
                for cmd, cwd, handle in todo:
                    group.create_task(self._run(cmd, cwd, handle))

    def compute_statistics(self) -> RunStatistics:
        return RunStatistics.of(handle.status for handle in self._handles)

    async def _run(self, cmd: Sequence[str], cwd: Path, handle: RunHandle) -> None:
        handle.status = "running"
        try:
            with anyio.CancelScope(shield=True):
                process = await asyncio.create_subprocess_exec(*cmd, cwd=cwd)
            try:
                handle.returncode = await process.wait()
            finally:
                with suppress(ProcessLookupError), anyio.CancelScope(shield=True):
                    process.kill()
                    await process.wait()
        except OSError:
            pass
        finally:
            handle.status = "success" if handle.returncode == 0 else "failure"


def debug_runner(**sizes: Any) -> AbstractRunner:
    return DebugRunner()


def users_runner(**sizes: Any) -> AbstractRunner:
    return UsersRunner()


FACTORIES: dict[str, Factory] = {
    "ParallelLocalRunner": ParallelLocalRunner,
    "DebugRunner": debug_runner,
    "UsersRunner": users_runner,
}

#: What a runner of three methods cannot be held to.
NEEDS_A_POOL = [
    "runs_of_a_killed_agent_are_started_again",
    "an_idle_agent_that_was_killed_is_replaced",
    "a_cancelled_run_of_a_killed_agent_is_not_started_again",
    "a_block_can_be_left_while_its_agent_is_dead",
    "a_run_that_takes_too_long_is_ended",
    "a_second_attempt_finds_nothing_of_the_first",
    "retries_are_counted",
    "retries_of_a_cause_are_counted_apart",
    "a_run_that_took_too_long_gets_twice_the_time",
    "a_run_that_asks_to_be_tried_later_waits_for_its_turn",
    "statistics_agree_with_the_runs_at_every_event",
    "events_come_in_a_legal_order",
    "a_run_cancelled_before_gather_never_starts",
    "a_run_cancelled_in_the_queue_never_starts",
    "a_run_cancelled_while_it_starts_leaves_nothing",
    "a_running_run_can_be_cancelled",
    "a_cancelled_run_may_clean_up",
    "cancelling_an_ended_run_changes_nothing",
    "a_stubborn_run_leaves_nothing",
    "what_a_successful_run_left_behind_is_ended",
    "a_process_that_hid_itself_is_found",
    "a_hidden_process_outlives_no_neighbour",
    "a_time_limit_around_a_study_is_kept",
    "the_umask_holds_for_what_is_made_for_a_run",
    "standard_input_is_empty",
    "causes_are_told",
    "a_run_added_when_another_ends_is_gathered",
    "two_can_gather_at_once",
    "giving_up_on_a_run_does_not_end_it",
    "a_run_can_be_awaited",
    "a_study_does_not_start_what_was_added",
    "leaving_ends_added_runs_and_no_study",
    "a_runner_is_entered_while_it_is_left",
    "a_failed_run_that_is_called_off_has_failed",
    "only_its_own_runs_can_be_cancelled",
    "whoever_gathers_is_not_left_alone",
    "a_run_added_while_another_gather_ends_is_kept",
    "leaving_ends_what_still_runs",
    "leaving_is_bounded",
    "a_run_added_before_the_block_runs_in_it",
    "leaving_does_not_wait_for_what_never_started",
    "an_exception_in_the_block_is_passed_on",
    "a_runner_can_be_entered_again",
    "a_second_cancellation_leaves_nothing_either",
    "a_study_can_be_cancelled_at_any_moment",
    "a_study_can_be_cancelled_while_it_ends",
    "output_is_kept_as_asked_for",
    "no_core_is_used_twice",
    "no_core_or_gpu_is_used_twice_by_short_runs",
    "no_more_runs_at_a_time_than_max_parallel",
    "gpu_ids_are_distinct",
    "memory_is_not_promised_twice",
    "a_request_too_large_is_refused",
    "too_much_memory_ends_a_run",
    "a_run_added_with_parameters_has_its_own_directory",
    "runs_added_before_the_start_wait_for_it",
    "an_input_that_is_missing_fails_the_runs_that_need_it",
    "a_placeholder_that_does_not_fit_is_an_error_of_the_call",
    "completed_yields_every_run_once",
    "completed_of_nothing_ends_at_once",
    "completed_sees_the_runs_of_studies",
    "loops_side_by_side_share_runs_out",
    "leaving_one_loop_disturbs_no_other",
    "a_loop_over_completed_can_be_left",
    "runs_are_cancelled_by_a_condition",
    "a_condition_that_raises_cancels_nothing",
    "metrics_arrive_while_runs_are_under_way",
    "metrics_go_on_while_somebody_may_add_more",
    "steering_ends_with_the_block",
    "two_studies_share_a_runner",
    "a_generator_is_read_no_further_than_needed",
    "a_generator_waits_while_nothing_can_start",
    "a_raising_subscriber_disturbs_nobody",
    "a_subscriber_that_takes_nothing_disturbs_nobody",
    "events_can_be_iterated",
    "a_block_that_holds_all_cores_excludes_runs",
    "a_block_waits_for_runs",
    "a_block_given_up_holds_nothing",
]

#: The checks that a runner skips.
SKIPPED: dict[str, list[str]] = {"ParallelLocalRunner": [], "DebugRunner": NEEDS_A_POOL, "UsersRunner": NEEDS_A_POOL}


def cases() -> list[Any]:
    return [
        pytest.param(factory, check, id=f"{name}-{check.name}")
        for name, factory in FACTORIES.items()
        for check in CHECKS.values()
        if check.why_not(make_runner(factory)) is None
    ]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("factory", "check"), cases())
async def test_a_runner_keeps_its_promise(factory: Factory, check: Check) -> None:
    await check.run(factory)


@pytest.mark.parametrize("name", FACTORIES)
def test_the_checks_a_runner_skips_are_these(name: str) -> None:
    runner = make_runner(FACTORIES[name])
    assert [check.name for check in CHECKS.values() if check.why_not(runner) is not None] == SKIPPED[name]


def test_every_check_says_what_is_promised() -> None:
    assert all(check.promise.strip().endswith(".") for check in CHECKS.values())


async def test_a_report_lists_what_was_checked_and_what_was_not() -> None:
    left_out = "ten_megabytes_of_output_stop_nobody"
    report = await check_runner(users_runner, skip=[left_out])
    assert set(report.passed) | set(report.skipped) == set(CHECKS)
    assert set(report.skipped) == {*NEEDS_A_POOL, left_out}
    assert report.skipped[left_out] == "left out by the caller"
    assert "UsersRunner is no PooledRunner" in report.skipped[NEEDS_A_POOL[0]]


class CarelessRunner(UsersRunner):
    """Takes every run for a success, and joins arguments with blanks."""

    async def _run(self, cmd: Sequence[str], cwd: Path, handle: RunHandle) -> None:
        process = await asyncio.create_subprocess_shell(" ".join(cmd), cwd=cwd)
        handle.returncode = await process.wait()
        handle.status = "success"


async def test_a_careless_runner_is_told_every_promise_it_breaks() -> None:
    with pytest.raises(AssertionError) as caught:
        await check_runner(lambda **sizes: CarelessRunner())
    text = str(caught.value)
    assert "CarelessRunner failed" in text
    for name in ("argv_arrives_byte_for_byte", "exit_codes_are_told", "a_missing_program_fails_its_run_alone"):
        assert f"\n  {name}: " in text


async def test_a_check_that_does_not_exist_cannot_be_skipped() -> None:
    with pytest.raises(UsageError, match="no check called no_such_check"):
        await check_runner(users_runner, skip=["no_such_check"])


async def test_cancelling_while_gpus_are_looked_for_leaves_no_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, found = threading.Event(), threading.Event()

    def look() -> tuple[str, list[str]]:
        looking.set()
        found.wait(10.0)
        return "", []

    for name in inventory.VISIBLE_DEVICES.values():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(inventory, "usable_gpus", look)
    runner = ParallelLocalRunner()
    study = multirun(runs=[{}], cmd=["true"], gpus=1, runner=runner, output_path=tmp_path / "out", progress=False)
    task = asyncio.create_task(study)
    await wait_until(looking.is_set, "GPUs to be looked for")
    task.cancel()
    found.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(RunnerClosed):
        runner.engine  # noqa: B018


async def test_a_machine_without_gpus_is_asked_for_them_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[None] = []

    def look() -> tuple[str, list[str]]:
        asked.append(None)
        return "", []

    for name in inventory.VISIBLE_DEVICES.values():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(inventory, "usable_gpus", look)
    runner = ParallelLocalRunner()
    for _ in range(3):
        async with runner:
            assert (await runner.add(["true"], tmp_path)).status == "success"
    assert len(asked) == 1
