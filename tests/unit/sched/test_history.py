from runsemble.model.status import Cause
from runsemble.sched.history import Growth, Made, take_in
from runsemble.sched.machine import RunMachine, Verdict
from runsemble.sched.retry import RetryPolicy

POLICY = RetryPolicy(retries=2, backoff_s=10.0)


def waiting(attempt: int, step: int = 0) -> RunMachine:
    """Return a run that waits for an attempt which somebody else has decided upon."""
    run = RunMachine()
    run.resume(attempt, step)
    return run


def test_attempts_under_a_former_driver_use_retries_up() -> None:
    run = waiting(3)
    take_in(run, [Made(1, 0, Cause.EXIT, 1), Made(2, 0, Cause.EXIT, 1)], POLICY)
    assert run.charged == {Cause.EXIT: 2}
    assert run.end(3, Cause.EXIT, POLICY, returncode=1) is Verdict.DONE


def test_a_run_stands_where_it_would_if_its_driver_had_lived() -> None:
    lived, policy = RunMachine(), RetryPolicy(retries=3, by_cause={Cause.AGENT_LOST: 1})
    causes = [Cause.EXIT, Cause.OOM, Cause.AGENT_LOST, Cause.NODE_LOST, Cause.TIMEOUT]
    for attempt, cause in enumerate(causes, 1):
        lived.end(attempt, cause, policy)
    run = waiting(6)
    take_in(run, [Made(attempt, 0, cause) for attempt, cause in enumerate(causes, 1)], policy)
    assert (run.charged, run.free) == (lived.charged, lived.free)


def test_what_ended_with_its_driver_costs_nothing() -> None:
    run = waiting(3)
    history = take_in(run, [Made(1, 0, Cause.KILLED), Made(2, 0, Cause.CANCELLED)], POLICY)
    assert (dict(run.charged), run.free, history.growth, history.delay_s) == ({}, 0, (), 0.0)


def test_attempts_before_a_run_was_queued_again_cost_nothing() -> None:
    run = waiting(4)
    take_in(run, [Made(n, 0, Cause.EXIT, 1) for n in (1, 2, 3)], POLICY, forgiven=2)
    assert run.charged == {Cause.EXIT: 1}


def test_an_attempt_under_way_and_steps_that_went_well_cost_nothing() -> None:
    run = waiting(2, 1)
    take_in(run, [Made(1, 0, Cause.OK, 0), Made(1, 1, Cause.EXIT, 1), Made(2, 1, None)], POLICY)
    assert run.charged == {Cause.EXIT: 1}


def test_the_step_that_grows_is_the_one_that_is_tried_again() -> None:
    made = [Made(1, 0, Cause.OK, 0), Made(1, 1, Cause.OOM), Made(2, 1, Cause.TIMEOUT)]
    history = take_in(waiting(3, 1), made, POLICY)
    assert [(one.step, one.decision.mem_factor, one.decision.time_factor) for one in history.growth] == [
        (1, 2.0, 1.0),
        (1, 1.0, 2.0),
    ]
    assert isinstance(history.growth[0], Growth)
    assert history.known == {(1, 0), (1, 1), (2, 1)}


def test_a_wait_goes_on_where_it_was_interrupted() -> None:
    made = [Made(1, 0, Cause.EXIT, 1, ended=1000.0)]
    assert take_in(waiting(2), made, POLICY, now=1004.0).delay_s == 6.0
    assert take_in(waiting(2), made, POLICY, now=2000.0).delay_s == 0.0
    assert take_in(waiting(2), made, POLICY, now=10.0).delay_s == 10.0  # the clock was set back
    assert take_in(waiting(2), [Made(1, 0, Cause.EXIT, 1)], POLICY, now=1004.0).delay_s == 10.0


def test_a_wait_that_is_over_is_not_waited_for_again() -> None:
    made = [Made(1, 0, Cause.EXIT, 1, ended=1000.0), Made(2, 0, Cause.KILLED, None, ended=1015.0)]
    assert take_in(waiting(3), made, POLICY, now=1016.0).delay_s == 0.0
