import pytest

from runsemble.agent import protocol
from runsemble.model.status import FINAL, INFRASTRUCTURE, STATUSES, TERMINAL, Cause, RunStatus, is_legal, is_terminal


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_nothing_follows_a_terminal_status(status: RunStatus) -> None:
    assert is_terminal(status)
    assert not any(is_legal(status, after) for after in STATUSES)


@pytest.mark.parametrize("status", ["pending", "running"])
def test_a_run_that_is_not_over_can_end_in_every_terminal_status(status: RunStatus) -> None:
    assert not is_terminal(status)
    assert all(is_legal(status, after) for after in TERMINAL)


def test_a_run_becomes_pending_again_for_another_attempt() -> None:
    assert is_legal("running", "pending")


def test_the_causes_are_those_of_the_architecture() -> None:
    words = (
        "ok exit signal timeout oom walltime preempted node_lost agent_lost launch_error staging disk_full hook "
        "dependency aborted killed cancelled"
    )
    assert " ".join(Cause) == words


def test_no_cause_is_both_final_and_nobodys_fault() -> None:
    assert not FINAL & INFRASTRUCTURE


@pytest.mark.parametrize(
    "word",
    [
        protocol.BY_TIMEOUT,
        protocol.BY_OOM,
        protocol.BY_CANCEL,
        protocol.BY_KILL,
        protocol.NOT_LAUNCHED,
        protocol.NOT_STAGED,
        protocol.DISK_FULL,
        protocol.AGENT_LOST,
    ],
)
def test_every_word_of_the_agent_is_a_cause(word: str) -> None:
    assert Cause(word).value == word
