from collections.abc import Callable
from typing import cast

import pytest

from runsemble.agent import memory, proc
from runsemble.agent.attempt import Attempt
from runsemble.agent.contain import Containment

MakeAttempt = Callable[..., Attempt]


class TwoProcesses:
    """Stands in for the containment of a run with two processes."""

    def members_of(self, attempt: Attempt) -> list[int]:
        return [attempt.pid, attempt.pid + 1]


def is_over(attempt: Attempt) -> bool:
    return memory.is_over(attempt, cast("Containment", TwoProcesses()))


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Return a function that says how large every process is, shared pages counted in full and in part."""

    def say(rss_kib: int, pss_kib: int) -> None:
        monkeypatch.setattr(proc, "rss_kib", lambda _: rss_kib)
        monkeypatch.setattr(proc, "pss_kib", lambda _: pss_kib)

    return say


def test_a_run_within_its_memory_is_left_alone(sizes: Callable[[int, int], None], make_attempt: MakeAttempt) -> None:
    sizes(512, 512)
    attempt = make_attempt(1, mem_mib=1)
    assert not is_over(attempt)
    assert attempt.peak_kib == 1024


def test_a_run_beyond_its_memory_is_found(sizes: Callable[[int, int], None], make_attempt: MakeAttempt) -> None:
    sizes(600, 513)
    attempt = make_attempt(1, mem_mib=1)
    assert is_over(attempt)
    assert attempt.peak_kib == 1026


def test_shared_pages_are_not_held_against_a_run(sizes: Callable[[int, int], None], make_attempt: MakeAttempt) -> None:
    sizes(1000, 500)
    attempt = make_attempt(1, mem_mib=1)
    assert not is_over(attempt)
    assert attempt.peak_kib == 1000


def test_the_peak_stays_when_memory_is_given_back(sizes: Callable[[int, int], None], make_attempt: MakeAttempt) -> None:
    attempt = make_attempt(1, mem_mib=1)
    for kib in (400, 100):
        sizes(kib, kib)
        assert not is_over(attempt)
    assert attempt.peak_kib == 800
