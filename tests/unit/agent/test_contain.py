import os
import resource
import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from runsemble.agent import contain, proc
from runsemble.agent.attempt import Attempt
from runsemble.agent.contain import CLEAR_S, Containment, kill_all

MakeAttempt = Callable[..., Attempt]


class Kernel:
    """Stands in for the processes below an agent."""

    def __init__(self) -> None:
        self.sessions: dict[int, int] = {}  #: of every child that lives
        self.keys: dict[int, bytes] = {}
        self.born: dict[int, float] = {}
        self.dead: dict[int, int] = {}  #: wait status of every child that has not been reaped
        self.signals: list[tuple[int, int]] = []
        self.immortal: set[int] = set()

    def start(self, pid: int, session: int, key: bytes = b"", born: float = 0.0) -> None:
        self.sessions[pid], self.keys[pid], self.born[pid] = session, key, born

    def end(self, pid: int, status: int = 0) -> None:
        del self.sessions[pid]
        self.dead[pid] = status

    def kill(self, pid: int, number: int) -> None:
        self.signals.append((pid, number))
        if number == signal.SIGKILL and pid in self.sessions and pid not in self.immortal:
            self.end(pid, signal.SIGKILL)

    def next_dead(self, *_: Any) -> Any:
        if not self.sessions and not self.dead:
            raise ChildProcessError
        return SimpleNamespace(si_pid=next(iter(self.dead))) if self.dead else None

    def reap(self, pid: int, _: int) -> tuple[int, int, Any]:
        return pid, self.dead.pop(pid), resource.getrusage(resource.RUSAGE_SELF)

    def killed(self) -> set[int]:
        return {pid for pid, number in self.signals if number == signal.SIGKILL}


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(os, "waitid", kernel.next_dead)
    monkeypatch.setattr(os, "wait4", kernel.reap)
    monkeypatch.setattr(os, "kill", kernel.kill)
    monkeypatch.setattr(contain, "signal_group", lambda pid, number: None)
    monkeypatch.setattr(proc, "session_of", lambda pid: kernel.sessions.get(pid, 0))
    monkeypatch.setattr(proc, "environ_value", lambda pid, name: kernel.keys.get(pid, b""))
    monkeypatch.setattr(proc, "start_time_s", lambda pid: kernel.born.get(pid, 0.0))
    monkeypatch.setattr(proc, "descendants_of", lambda pid: [pid])
    children = lambda self: [b"%d" % pid for pid in [*kernel.sessions, *kernel.dead]]  # noqa: E731
    monkeypatch.setattr(Containment, "_children", children)
    return kernel


@pytest.fixture
def runs(kernel: Kernel, make_attempt: MakeAttempt) -> Callable[[Containment, int], Attempt]:
    """Return a function that puts a run to work under a containment."""

    def start(containment: Containment, run: int) -> Attempt:
        attempt = make_attempt(run)
        kernel.start(attempt.pid, session=attempt.pid, key=attempt.key.encode())
        containment.leaders[attempt.pid] = attempt
        return attempt

    return start


Start = Callable[[Containment, int], Attempt]


@pytest.fixture
def containment(kernel: Kernel) -> Any:
    containment = Containment("abc")
    yield containment
    containment.close()


def test_nothing_is_over_while_everything_lives(containment: Containment, runs: Start) -> None:
    runs(containment, 1)
    assert containment.reap(0.0) == []


@pytest.mark.parametrize(("status", "code"), [(0, 0), (3 << 8, 3), (signal.SIGSEGV, -11)])
def test_a_run_is_over_when_its_leader_has_ended(
    containment: Containment, kernel: Kernel, runs: Start, status: int, code: int
) -> None:
    attempt = runs(containment, 1)
    kernel.end(attempt.pid, status)
    assert containment.reap(7.0) == [attempt]
    assert (attempt.status, attempt.ended_at, attempt.survivors) == (code, 7.0, 0)


def test_an_orphan_in_the_runs_session_ends_with_it(containment: Containment, kernel: Kernel, runs: Start) -> None:
    attempt = runs(containment, 1)
    kernel.start(500, session=attempt.pid)
    kernel.end(attempt.pid)
    assert containment.reap(0.0) == []
    assert kernel.killed() == {500}
    assert containment.reap(0.0) == [attempt]
    assert attempt.survivors == 0


def test_an_orphan_in_a_session_of_its_own_is_told_by_its_key(
    containment: Containment, kernel: Kernel, runs: Start
) -> None:
    ending, innocent = runs(containment, 1), runs(containment, 2)
    kernel.start(500, session=500, key=ending.key.encode())
    kernel.start(600, session=600, key=innocent.key.encode())
    kernel.end(ending.pid)
    containment.reap(0.0)
    assert containment.reap(0.0) == [ending]
    assert kernel.killed() == {500}


def test_an_orphan_of_nobody_is_held_until_its_possible_owners_have_ended(
    containment: Containment, kernel: Kernel, runs: Start
) -> None:
    first, second = runs(containment, 1), runs(containment, 2)
    kernel.start(500, session=500, born=1.0)
    kernel.end(first.pid)
    assert containment.reap(0.0) == [first]
    assert kernel.killed() == set()
    kernel.end(second.pid)
    assert containment.reap(0.0) == [second]
    assert kernel.killed() == {500}


def test_an_orphan_of_nobody_is_not_held_for_a_run_that_started_later(
    containment: Containment, kernel: Kernel, runs: Start
) -> None:
    first, second = runs(containment, 1), runs(containment, 2)
    second.booted_s = 9.0
    kernel.start(500, session=500, born=1.0)
    kernel.end(first.pid)
    assert containment.reap(0.0) == [first]
    assert kernel.killed() == {500}


def test_an_orphan_that_cannot_be_ended_is_given_up_and_counted(
    containment: Containment, kernel: Kernel, runs: Start
) -> None:
    attempt = runs(containment, 1)
    kernel.start(500, session=attempt.pid)
    kernel.immortal.add(500)
    kernel.end(attempt.pid)
    assert containment.reap(0.0) == []
    assert containment.reap(CLEAR_S) == [attempt]
    assert attempt.survivors == 1


def test_an_orphan_that_ends_by_itself_adds_to_the_usage_of_its_run(
    containment: Containment, kernel: Kernel, runs: Start
) -> None:
    attempt = runs(containment, 1)
    kernel.start(500, session=attempt.pid)
    assert 500 in containment.members_of(attempt)
    kernel.end(500)
    containment.reap(0.0)
    assert attempt.max_rss_kib > 0


def test_survivors_are_left_alone_where_they_are_wanted(containment: Containment, kernel: Kernel, runs: Start) -> None:
    containment.leave_survivors = True
    first, second = runs(containment, 1), runs(containment, 2)
    kernel.start(500, session=first.pid)
    for attempt in (first, second):
        kernel.end(attempt.pid)
        assert containment.reap(0.0) == [attempt]
    assert kernel.killed() == set()


def test_the_members_of_a_run_are_its_leader_and_its_orphans(
    containment: Containment, kernel: Kernel, runs: Start
) -> None:
    attempt, other = runs(containment, 1), runs(containment, 2)
    kernel.start(500, session=attempt.pid)
    kernel.start(600, session=600, key=other.key.encode())
    assert sorted(containment.members_of(attempt)) == [attempt.pid, 500]


def test_all_are_frozen_before_the_first_is_killed(kernel: Kernel) -> None:
    kernel.start(1, session=1)
    kernel.start(2, session=2)
    kill_all([1, 2])
    stop, end = signal.SIGSTOP, signal.SIGKILL
    assert kernel.signals == [(1, stop), (2, stop), (1, end), (2, end)]
