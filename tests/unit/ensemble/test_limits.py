from runsemble.ensemble.limits import Limits
from runsemble.model.stats import RunStatistics
from runsemble.sched.policy import AbortPolicy, Halt

ONE = AbortPolicy.of(1, None)


def watched(former: RunStatistics | None = None) -> tuple[Limits, list[Halt]]:
    halts: list[Halt] = []
    limits = Limits(ONE, former)
    limits.act(halts.append, 10)
    return limits, halts


def test_more_failures_than_are_put_up_with_are_told_once() -> None:
    limits, halts = watched()
    for run in range(4):
        limits.count(run, "failure", 10)
    assert halts == [limits.halted]
    assert limits.reason == "2 runs failed, more than the 1 that are put up with"


def test_a_run_that_is_executed_again_counts_once() -> None:
    limits, halts = watched()
    limits.count(0, "failure", 10)
    limits.forget(0)
    limits.count(0, "failure", 10)
    limits.count(1, "success", 10)
    assert not halts
    limits.count(2, "failure", 10)
    assert halts


def test_what_had_ended_before_anybody_could_act_is_judged_then() -> None:
    halts: list[Halt] = []
    limits = Limits(ONE, None)
    limits.count(0, "failure", 10)
    limits.count(1, "failure", 10)
    limits.act(halts.append, 10)
    assert halts


def test_failures_of_former_executions_count_where_that_is_wanted() -> None:
    former = RunStatistics.of(["failure", "failure"])
    limits, halts = watched(former)
    assert not halts
    limits.count(0, "success", 10)
    assert halts
