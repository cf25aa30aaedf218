import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runsemble.agent import cgroup
from runsemble.agent import work as work_module
from runsemble.agent.attempt import Attempt
from runsemble.agent.contain import Containment
from runsemble.agent.protocol import Exit
from runsemble.agent.spawn import PARAMS_IN_ENV_BYTES, Plan, Trouble
from runsemble.agent.spool import Spool, replay
from runsemble.agent.work import Work

Lease = list[Any]
MISSING = b"missing"


class World:
    """Stands in for the processes that an agent starts and signals, and for the clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.started: list[int] = []
        self.signals: list[tuple[int, int]] = []
        self.environments: list[dict[bytes, bytes]] = []
        self.ended: list[Attempt] = []

    def spawn(
        self,
        plan: Plan,
        directory: bytes,
        attempt: int,
        step: int,
        params: str,
        files: None,
        argv: list[bytes],
        env: dict[bytes, bytes],
        cwd: bytes,
        _: bytes,
        start: None,
    ) -> int:
        if argv[0] == MISSING:
            raise Trouble("launch_error", "command not found: missing")
        self.environments.append(env)
        self.started.append(int(env[b"RUNSEMBLE_RUN_KEY"].rsplit(b"-", 3)[1]))
        return 1000 + len(self.started)

    def signal_group(self, pid: int, number: int) -> None:
        self.signals.append((pid, number))

    def reap(self, containment: Containment, now: float) -> list[Attempt]:
        ended, self.ended = self.ended, []
        return ended

    def end(self, work: Work, run: int, status: int = 0) -> None:
        """End the leader of a run, and let the agent notice."""
        job = work.living[run, 1]
        job.status, job.ended_at = status, self.now
        del work.containment.leaders[job.pid]
        self.ended.append(job)
        work.advance()


class NoOomScore:
    """Leaves the out-of-memory score of the tests alone."""

    is_raised = False

    def raise_(self) -> None:
        self.is_raised = True

    def lower(self) -> None:
        self.is_raised = False

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(work_module, "spawn", world.spawn)
    monkeypatch.setattr(work_module, "signal_group", world.signal_group)
    monkeypatch.setattr(work_module, "OomScore", NoOomScore)
    monkeypatch.setattr(Containment, "reap", lambda self, now: world.reap(self, now))
    monkeypatch.setattr(time, "monotonic", lambda: world.now)
    monkeypatch.setattr(time, "time", lambda: 5000.0)
    return world


@pytest.fixture
def spool_path(tmp_path: Path) -> str:
    return str(tmp_path / "spool")


@pytest.fixture
def work(world: World, spool_path: str, tmp_path: Path, plan_fields: dict[str, Any]) -> Iterator[Work]:
    """An agent's work with plan 1 and, with a time limit of 30 s, plan 2."""
    spool = Spool(spool_path, 1, "boot")
    work = Work(str(tmp_path), spool, 0, [])
    work.add_plan(1, plan_fields)
    work.add_plan(2, {**plan_fields, "timeout_s": 30.0, "env": {"OMP_NUM_THREADS": "8", "HOME": "/home/u"}})
    yield work
    spool.close()
    work.close()


def ask(work: Work, run: int, lease: Lease | None = None, *, lane: int = 0, plan: int = 1, **changes: Any) -> None:
    """Ask for a run, as the driver does."""
    message = {
        "id": run,
        "directory": f"/runs/{run}",
        "params": "",
        "files": None,
        "argv": ["true"],
        "env": {},
        "cwd": None,
        **changes,
    }
    work.add_run(["run", plan, run, 1, 0, *message.values(), lane, lease])


def start(work: Work, run: int, **changes: Any) -> None:
    """Ask for a run with a lease of its own, and start it."""
    ask(work, run, lease(run), **changes)
    work.advance()


def lease(number: int) -> Lease:
    return [number, [], {}]


def said(work: Work, kind: str) -> list[list[Any]]:
    """Return what the agent has said of one kind, without the kind."""
    return [message[1:] for message in map(json.loads, work.outbox) if message[0] == kind]


def exits(work: Work) -> list[Exit]:
    return [Exit(*fields) for fields in said(work, "exit")]


def test_a_run_with_a_lease_starts_at_once(work: Work, world: World) -> None:
    ask(work, 7, lease(3))
    work.advance()
    assert world.started == [7]
    ((run, attempt, step, pid, _, lease_id),) = said(work, "start")
    assert (run, attempt, step, pid, lease_id) == (7, 1, 0, 1001, 3)


def test_a_run_without_a_lease_waits(work: Work, world: World) -> None:
    ask(work, 7)
    work.advance()
    assert world.started == []
    assert work.waiting_count == 1
    assert not work.is_idle


def test_a_start_is_announced_in_the_spool_before_it_happens(
    work: Work, world: World, spool_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_record: list[Any] = []

    def look(*args: Any) -> int:
        on_record.extend(replay(spool_path).open)
        return 1

    monkeypatch.setattr(work_module, "spawn", look)
    ask(work, 7, lease(1))
    work.advance()
    assert on_record == [(7, 1, 0)]


def test_an_ended_run_gives_its_lease_back(work: Work, world: World) -> None:
    ask(work, 7, lease(3))
    work.advance()
    world.end(work, 7, status=2)
    (record,) = exits(work)
    assert (record.run, record.status, record.lease, record.successor) == (7, 2, 3, None)
    assert work.is_idle


def test_the_next_waiting_run_of_the_lane_takes_the_lease_over(work: Work, world: World) -> None:
    ask(work, 1, lease(3))
    for run in (2, 3):
        ask(work, run)
    work.advance()
    world.end(work, 1)
    assert exits(work)[0].successor == [2, 1]
    assert world.started == [1, 2]
    world.end(work, 2)
    world.end(work, 3)
    assert [record.successor for record in exits(work)] == [[2, 1], [3, 1], None]
    assert [record.lease for record in exits(work)] == [3, 3, 3]


def test_a_lease_stays_in_its_lane(work: Work, world: World) -> None:
    ask(work, 1, lease(3), lane=1)
    ask(work, 2, lane=2)
    work.advance()
    world.end(work, 1)
    assert world.started == [1]
    assert exits(work)[0].successor is None


def test_a_waiting_run_can_be_lent_a_lease(work: Work, world: World) -> None:
    for run in (1, 2):
        ask(work, run)
    work.lend(2, 1, lease(3))
    work.advance()
    assert world.started == [2]
    assert work.waiting_count == 1
    assert said(work, "returned") == []


def test_a_lease_lent_to_a_run_that_does_not_wait_is_returned(work: Work, world: World) -> None:
    ask(work, 1, lease(3))
    work.advance()
    work.lend(1, 1, lease(4))
    work.lend(9, 1, lease(5))
    assert said(work, "returned") == [[4], [5]]


def test_a_lent_lease_is_handed_on_like_any_other(work: Work, world: World) -> None:
    for run in (1, 2):
        ask(work, run)
    work.lend(2, 1, lease(3))
    work.advance()
    world.end(work, 2)
    assert world.started == [2, 1]
    assert exits(work)[0].successor == [1, 1]


def test_a_run_that_cannot_start_ends_at_once_and_hands_its_lease_on(work: Work, world: World) -> None:
    ask(work, 1, lease(3), argv=[MISSING.decode()])
    ask(work, 2)
    work.advance()
    (record,) = exits(work)
    assert (record.status, record.trouble, record.message) == (None, "launch_error", "command not found: missing")
    assert (record.lease, record.successor) == (3, [2, 1])
    assert world.started == [2]


def test_exits_are_numbered_and_kept_until_acknowledged(work: Work, world: World, spool_path: str) -> None:
    for run in (1, 2, 3):
        ask(work, run, lease(run))
    work.advance()
    for run in (1, 2, 3):
        world.end(work, run)
    work.acknowledge(2)
    assert list(work.exits) == [3]
    work._spool.flush()
    assert list(replay(spool_path).exits) == [3]


def test_a_waiting_run_that_is_cancelled_is_dropped(work: Work, world: World) -> None:
    ask(work, 1, lease(1))
    for run in (2, 3):
        ask(work, run)
    work.advance()
    work.cancel(2, 1, "stop")
    world.end(work, 1)
    assert said(work, "dropped") == [[2, 1, None]]
    assert world.started == [1, 3]


def test_a_run_that_was_about_to_start_can_be_dropped(work: Work, world: World) -> None:
    ask(work, 1, lease(3))
    work.cancel(1, 1, "stop")
    work.advance()
    assert said(work, "dropped") == [[1, 1, 3]]
    assert world.started == []
    assert work.is_idle


def test_a_run_is_a_likelier_victim_than_its_agent(work: Work, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    odds = NoOomScore()
    at_spawn: list[bool] = []

    def spawn(*arguments: Any) -> int:
        at_spawn.append(odds.is_raised)
        return world.spawn(*arguments)

    monkeypatch.setattr(work, "_oom", odds)
    monkeypatch.setattr(work_module, "spawn", spawn)
    start(work, 1)
    assert (at_spawn, odds.is_raised) == ([True], False)


def test_cancelling_what_is_not_there_does_nothing(work: Work, world: World) -> None:
    work.cancel(9, 1, "kill")
    assert (work.outbox, world.signals) == ([], [])


def test_a_stopped_run_has_a_period_of_grace(work: Work, world: World) -> None:
    start(work, 1)
    work.cancel(1, 1, "stop")
    assert world.signals == [(1001, signal.SIGTERM), (1001, signal.SIGCONT)]
    world.now += work.grace_s
    work.advance()
    assert world.signals[2:] == [(1001, signal.SIGKILL)]
    world.end(work, 1, status=-9)
    assert exits(work)[0].ended_by == "cancelled"


def test_a_run_that_ends_within_its_grace_is_not_killed(work: Work, world: World) -> None:
    start(work, 1)
    work.cancel(1, 1, "stop")
    world.end(work, 1, status=-15)
    world.now += work.grace_s
    work.advance()
    assert (1001, signal.SIGKILL) not in world.signals


def test_a_killed_run_has_no_grace(work: Work, world: World) -> None:
    start(work, 1)
    work.cancel(1, 1, "kill")
    assert world.signals == [(1001, signal.SIGKILL)]
    world.end(work, 1, status=-9)
    assert exits(work)[0].ended_by == "killed"


def test_stopping_twice_prolongs_nothing(work: Work, world: World) -> None:
    start(work, 1)
    work.cancel(1, 1, "stop")
    work.cancel(1, 1, "stop")
    assert len(world.signals) == 2


def test_killing_hurries_a_stop_along(work: Work, world: World) -> None:
    start(work, 1)
    work.cancel(1, 1, "stop")
    work.cancel(1, 1, "kill")
    assert world.signals[-1] == (1001, signal.SIGKILL)


def test_a_run_past_its_time_limit_is_stopped(work: Work, world: World) -> None:
    ask(work, 1, lease(1), plan=2)
    work.advance()
    assert work.next_timer_s() == 30.0
    world.now += 29.9
    work.advance()
    assert world.signals == []
    world.now += 0.2
    work.advance()
    assert world.signals[0] == (1001, signal.SIGTERM)
    world.end(work, 1, status=-15)
    assert exits(work)[0].ended_by == "timeout"


def test_the_time_limit_of_a_run_that_is_over_is_nobodys(work: Work, world: World) -> None:
    ask(work, 1, lease(1), plan=2)
    ask(work, 2)
    work.advance()
    world.end(work, 1)
    world.now += 31.0
    work.advance()
    assert world.signals == []


def test_ending_everything_drops_what_waits_and_stops_what_runs(work: Work, world: World) -> None:
    ask(work, 1, lease(1))
    ask(work, 2)
    work.advance()
    work.end_all("stop")
    assert said(work, "dropped") == [[2, 1, None]]
    assert world.signals[0] == (1001, signal.SIGTERM)


def test_a_run_sees_who_it_is(work: Work, world: World, tmp_path: Path) -> None:
    ask(work, 7, lease(1), plan=2, params='{"a":1}', id=3)
    work.advance()
    (env,) = world.environments
    assert env[b"RUNSEMBLE_RUN_ID"] == b"3"
    assert env[b"RUNSEMBLE_ATTEMPT"] == b"1"
    assert env[b"RUNSEMBLE_STEP"] == b"0"
    assert env[b"RUNSEMBLE_RUN_DIR"] == b"/runs/7"
    assert env[b"RUNSEMBLE_RESULTS"] == b"/runs/7/results.json"
    assert env[b"RUNSEMBLE_PARAMS"] == b'{"a":1}'
    assert env[b"RUNSEMBLE_RUN_KEY"] == b"%s-7-1-0" % os.fsencode(tmp_path.name)
    assert env[b"RUNSEMBLE_DEADLINE"] == b"5030.000"
    assert env[b"HOME"] == b"/home/u"


def test_large_parameters_travel_by_file(work: Work, world: World) -> None:
    ask(work, 7, lease(1), params='"%s"' % ("x" * PARAMS_IN_ENV_BYTES))
    work.advance()
    assert world.environments[0][b"RUNSEMBLE_PARAMS"] == b"@/runs/7/params.json"


def test_a_run_without_parameters_is_told_of_none(work: Work, world: World) -> None:
    ask(work, 7, lease(1))
    work.advance()
    assert b"RUNSEMBLE_PARAMS" not in world.environments[0]
    assert b"RUNSEMBLE_DEADLINE" not in world.environments[0]


@pytest.mark.parametrize(("env", "threads"), [({}, b"2"), ({"OMP_NUM_THREADS": "5"}, b"5")])
def test_the_grant_wins_over_what_is_inherited_and_the_user_over_the_grant(
    work: Work, world: World, env: dict[str, str], threads: bytes
) -> None:
    ask(work, 1, [1, [], {"OMP_NUM_THREADS": "2"}], plan=2, env=env)
    work.advance()
    assert world.environments[0][b"OMP_NUM_THREADS"] == threads


class Group:
    """Stands in for the control group of a run."""

    ran_out_of_memory = False
    peak_kib = 7

    def __init__(self) -> None:
        self.history: list[str] = []

    def make(self, name: str, mem_mib: int) -> "Group":
        self.history.append(f"made for {mem_mib} MiB")
        return self

    def enter(self) -> bool:
        self.history.append("entered")
        return True

    def leave(self) -> None:
        self.history.append("left")

    def kill(self) -> None:
        self.history.append("killed")

    def remove(self) -> None:
        self.history.append("removed")


@pytest.fixture
def group(work: Work, monkeypatch: pytest.MonkeyPatch, plan_fields: dict[str, Any]) -> Group:
    """The control group that every run of plan 3 gets, which declares 100 MiB."""
    group = Group()
    monkeypatch.setattr(cgroup, "find_delegated", lambda: group)
    work.add_plan(3, {**plan_fields, "mem_mib": 100})
    return group


def test_the_agent_leaves_a_runs_control_group_after_the_start(work: Work, world: World, group: Group) -> None:
    ask(work, 1, lease(1), plan=3)
    work.advance()
    assert group.history == ["made for 100 MiB", "entered", "left"]


def test_a_control_group_ends_with_its_run(work: Work, world: World, group: Group) -> None:
    ask(work, 1, lease(1), plan=3)
    work.advance()
    world.end(work, 1)
    assert group.history[-2:] == ["killed", "removed"]
    assert exits(work)[0].max_rss_kib == 7


def test_a_run_killed_by_the_kernel_for_its_memory_is_told_as_such(work: Work, world: World, group: Group) -> None:
    ask(work, 1, lease(1), plan=3)
    work.advance()
    group.ran_out_of_memory = True
    world.end(work, 1, status=-9)
    assert exits(work)[0].ended_by == "oom"


def test_the_agent_leaves_a_control_group_before_all_in_it_are_killed(work: Work, world: World, group: Group) -> None:
    ask(work, 1, lease(1), plan=3, argv=[MISSING.decode()])
    work.advance()
    assert group.history.index("left") < group.history.index("killed")


@pytest.fixture
def reporting(work: Work, world: World, tmp_path: Path) -> Callable[[str], None]:
    """Start run 1 and return a function by which it reports."""
    ask(work, 1, lease(1), directory=str(tmp_path))
    work.advance()

    def report(line: str) -> None:
        with open(tmp_path / "metrics.jsonl", "a") as file:
            file.write(line + "\n")

    return report


def test_a_ring_passes_on_what_was_reported(work: Work, reporting: Callable[[str], None]) -> None:
    reporting('{"a":1}')
    work.ring(work.living[1, 1].key)
    reporting('{"a":2}')
    work.ring(work.living[1, 1].key)
    assert said(work, "metric") == [[1, 1, '{"a":1}\n'], [1, 1, '{"a":2}\n']]


def test_what_nobody_rang_for_is_passed_on_at_the_end(
    work: Work, world: World, reporting: Callable[[str], None]
) -> None:
    reporting('{"a":1}')
    world.end(work, 1)
    assert said(work, "metric") == [[1, 1, '{"a":1}\n']]


@pytest.mark.parametrize("key", ["", "x", "a-b-c-d", "other-1-1-0", "{id}-2-1-0", "{id}-1-2-0", "a-b-c-d-e"])
def test_a_ring_of_somebody_else_means_nothing(work: Work, reporting: Callable[[str], None], key: str) -> None:
    reporting('{"a":1}')
    work.ring(key.replace("{id}", work.id))
    assert said(work, "metric") == []


def test_every_exit_tells_what_the_run_left(work: Work, world: World, tmp_path: Path) -> None:
    ask(work, 1, lease(1), directory=str(tmp_path))
    work.advance()
    (tmp_path / "results.json").write_text("42")
    (tmp_path / "stderr").write_text("Traceback\nValueError: no\n")
    world.end(work, 1, status=1)
    (record,) = exits(work)
    assert record.result == ["text", "42"]
    assert record.tail == "Traceback\nValueError: no\n"


def test_a_run_that_succeeds_has_no_last_words(work: Work, world: World, tmp_path: Path) -> None:
    ask(work, 1, lease(1), directory=str(tmp_path))
    work.advance()
    (tmp_path / "stderr").write_text("a warning\n")
    world.end(work, 1)
    assert exits(work)[0].tail is None


def test_a_kept_tail_that_somebody_removed_is_no_trouble(
    work: Work, world: World, tmp_path: Path, plan_fields: dict[str, Any]
) -> None:
    work.add_plan(3, {**plan_fields, "output": "tail"})
    ask(work, 1, lease(1), plan=3)
    work.advance()
    world.end(work, 1)
    assert exits(work)[0].tail is None
