import pytest

from runsemble.model.result import Usage, describe_end, judge_cause, signal_name
from runsemble.model.status import Cause


@pytest.mark.parametrize(
    ("status", "trouble", "ended_by", "cause"),
    [
        (0, None, None, Cause.OK),
        (1, None, None, Cause.EXIT),
        (255, None, None, Cause.EXIT),
        (-9, None, None, Cause.SIGNAL),
        (-15, None, "timeout", Cause.TIMEOUT),
        (0, None, "timeout", Cause.TIMEOUT),
        (-9, None, "oom", Cause.OOM),
        (-9, None, "killed", Cause.KILLED),
        (-15, None, "cancelled", Cause.CANCELLED),
        (None, "launch_error", None, Cause.LAUNCH_ERROR),
        (None, "disk_full", None, Cause.DISK_FULL),
        (None, "agent_lost", None, Cause.AGENT_LOST),
    ],
)
def test_the_cause_follows_from_what_the_agent_says(
    status: int | None, trouble: str | None, ended_by: str | None, cause: Cause
) -> None:
    assert judge_cause(status, trouble, ended_by) is cause


@pytest.mark.parametrize(
    ("cause", "returncode", "message", "words"),
    [
        (Cause.OK, 0, None, "ok"),
        (Cause.EXIT, 3, None, "exit code 3"),
        (Cause.SIGNAL, -11, None, "ended by SIGSEGV"),
        (Cause.OOM, -9, None, "out of memory"),
        (Cause.AGENT_LOST, None, None, "agent lost"),
        (Cause.LAUNCH_ERROR, None, "command not found: nope", "command not found: nope"),
    ],
)
def test_an_end_is_worded_for_people(cause: Cause, returncode: int | None, message: str | None, words: str) -> None:
    assert describe_end(cause, returncode, message) == words


def test_a_time_limit_is_worded_with_its_length_where_known() -> None:
    assert describe_end(Cause.TIMEOUT, -15, None, 5.0) == "longer than 5 s"
    assert describe_end(Cause.TIMEOUT, -15, None) == "longer than its time limit"


def test_a_memory_limit_is_worded_with_its_size_where_known() -> None:
    assert describe_end(Cause.OOM, -9, None, mem_mib=100) == "more memory than 100 MiB"


def test_every_cause_has_words() -> None:
    assert all(describe_end(cause, None, None) for cause in Cause)


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (15, "SIGTERM"), (77, "signal 77")])
def test_a_signal_is_called_by_its_name(number: int, name: str) -> None:
    assert signal_name(number) == name


def test_a_peak_below_the_agents_size_is_only_a_bound() -> None:
    assert Usage(1.0, 0.5, 0.1, 1000, rss_floor_bytes=1000).is_rss_bounded
    assert not Usage(1.0, 0.5, 0.1, 1001, rss_floor_bytes=1000).is_rss_bounded


@pytest.mark.parametrize(("floor_mib", "rss"), [(0, "10 MiB"), (10, "≤ 10 MiB (the agent's size)")])
def test_usage_says_where_the_peak_is_only_a_bound(floor_mib: int, rss: str) -> None:
    usage = Usage(1.25, 1.0, 0.1, 10 * 2**20, floor_mib * 2**20)
    assert str(usage) == f"1.25 s wall, 1 s user, 0.1 s system, {rss}"
