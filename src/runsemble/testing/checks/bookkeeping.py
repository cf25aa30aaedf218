"""Events and numbers agree with each other at any time."""

from __future__ import annotations

import asyncio

from runsemble.model import events
from runsemble.model.stats import RunStatistics
from runsemble.model.status import RunStatus, is_legal, is_terminal
from runsemble.runners.pooled import PooledRunner
from runsemble.testing.gate import WAIT_AT_GATE
from runsemble.testing.registry import any_runner, pooled_runner
from runsemble.testing.require import require, require_equal
from runsemble.testing.rig import Rig, sh


@any_runner
async def statistics_add_up_at_any_time(rig: Rig) -> None:
    """The counts of every status add up to the total whenever they are looked at."""
    runner = rig.make()
    for code in (0, 1, 0, 3, 0, 0):
        runner.add(sh(f"exit {code}"), rig.directory)
    gathering = asyncio.create_task(runner.gather())
    looks = 0
    while not gathering.done():
        _require_sums(runner.compute_statistics(), 6)
        looks += 1
        await asyncio.sleep(0)
    await gathering
    require(looks > 0, "gather returned before anything ran")
    wanted = RunStatistics(success_count=4, failure_count=2, complete_count=6, total_count=6)
    require_equal("statistics in the end", runner.compute_statistics(), wanted)


@pooled_runner
async def statistics_agree_with_the_runs_at_every_event(rig: Rig) -> None:
    """Whoever hears an event finds counts that add up, and that are those of the runs' own statuses."""
    runner = rig.make_pooled()
    problems: dict[str, str] = {}

    def hear(event: events.Event) -> None:
        counted, wanted = runner.compute_statistics(), RunStatistics.of(run.status for run in runner.runs)
        if counted != wanted:
            kind = type(event).__name__
            problems.setdefault(kind, f"at {kind} counted {counted}, of the runs' statuses {wanted}")

    runner.listen(hear)
    await _lead_eventful_lives(rig, runner)
    require(not problems, "; ".join(problems.values()))


@pooled_runner
async def events_come_in_a_legal_order(rig: Rig) -> None:
    """Every run's events tell a possible life: added, started, ended and retried, and at last an end."""
    runner = rig.make_pooled()
    lives: dict[int, Life] = {}

    def hear(event: events.Event) -> None:
        number = getattr(event, "run", None)
        if number is not None:
            lives.setdefault(number, Life(number)).hear(event)

    runner.listen(hear)
    await _lead_eventful_lives(rig, runner)
    problems = [problem for life in lives.values() for problem in life.problems]
    require(not problems, "; ".join(problems))
    ends = {number: (life.status, life.attempt) for number, life in lives.items()}
    require_equal("ends", ends, {run.id: (run.status, max(1, run.attempts)) for run in runner.runs})


class Life:
    """What the events so far say of one run, and what is wrong with them."""

    def __init__(self, number: int) -> None:
        self.problems: list[str] = []
        self.status: RunStatus | None = None
        self.attempt = 1
        self._number = number
        self._has_attempt_ended = False  #: and what follows from that was not told yet

    def hear(self, event: events.Event) -> None:
        """Take in the next event."""
        self._require(self.status is None or not is_terminal(self.status), event, "after the end")
        self._require((self.status is None) == isinstance(event, events.RunAdded), event, "but RunAdded is the first")
        if isinstance(event, events.RunAdded):
            self.status = "pending"
        elif isinstance(event, events.RunStarted):
            self._require(event.attempt == self.attempt, event, f"in attempt {self.attempt}")
            self._go("running", event)
        elif isinstance(event, events.AttemptEnded):
            self._require(event.attempt == self.attempt, event, f"in attempt {self.attempt}")
            self._has_attempt_ended = True
        elif isinstance(event, events.RunRetried):
            self._require(self._has_attempt_ended, event, "before AttemptEnded")
            self._require(event.attempt == self.attempt + 1, event, f"after attempt {self.attempt}")
            self.attempt, self._has_attempt_ended = event.attempt, False
            if self.status != "pending":  # the attempt may never have started
                self._go("pending", event)
        elif isinstance(event, events.RunEnded):
            self._require(self._has_attempt_ended or event.status == "skipped", event, "before AttemptEnded")
            self._go(event.status, event)

    def _go(self, after: RunStatus, event: events.Event) -> None:
        before = self.status
        self._require(before is not None and is_legal(before, after), event, f"in status {before}")
        self.status = after

    def _require(self, condition: bool, event: events.Event, words: str) -> None:
        if not condition:
            self.problems.append(f"run {self._number}: {event} {words}")


async def _lead_eventful_lives(rig: Rig, runner: PooledRunner) -> None:
    """Let runs succeed, fail, be retried, be missing, take too long, be cancelled and be skipped."""
    gate = rig.new_gate()
    async with runner:
        doomed, _ = [await rig.start_at_gate(runner, gate) for _ in range(2)]
        for code in (0, 1, 0):
            runner.add(sh(f"exit {code}"), rig.directory)
        runner.add(sh('[ "$RUNSEMBLE_ATTEMPT" -ge 3 ]'), rig.directory, retries=2)
        runner.add(["/no/such/program"], rig.directory, retries=1)
        runner.add(sh(WAIT_AT_GATE, rig.new_gate()), rig.directory, timeout_s=0.05, retries=1)
        runner.cancel(runner.add(sh("exit 0"), rig.directory))
        runner.cancel(doomed)
        await doomed
        gate.let_through()
        await runner.gather()


def _require_sums(statistics: RunStatistics, total: int) -> None:
    ended = statistics.skipped_count + statistics.success_count + statistics.failure_count
    counted = ended + statistics.pending_count + statistics.running_count
    found = (statistics.complete_count, statistics.total_count, counted)
    require_equal(f"ended, total and sum of {statistics}", found, (ended, total, total))
