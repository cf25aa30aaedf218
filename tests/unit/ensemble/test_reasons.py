"""Why runs stand where they do, worded for situations that are hard to come by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runsemble.ensemble.reasons import Situation, advice_of, sentence_of, wait_left_s
from runsemble.ensemble.view import EnsembleRun
from runsemble.model.resources import Shape
from runsemble.model.status import Cause
from runsemble.sched.retry import RetryPolicy
from runsemble.store.lease import Holder
from runsemble.store.records import CAUSE_NUMBER, StoredAttempt

NOW = 1_700_000_000.0
DRIVER = Holder(host="host7", boot="b", namespace="n", pid=42, born_s=1.0, since=NOW)


def run(status: str, cause: Cause | None = None, message: str = "", **more: Any) -> EnsembleRun:
    facts = {"returncode": None, "attempts": 1, "step": 0, **more}
    return EnsembleRun(
        id=3, params={}, status=status, cause=cause, message=message, run_dir="/s/3", output="files", **facts  # type: ignore[arg-type]
    )  # fmt: skip


def situation(one: EnsembleRun, *attempts: StoredAttempt, **more: Any) -> Situation:
    facts: dict[str, Any] = {
        "needs": Shape(2), "timeout_s": None, "step_count": 1, "retry": RetryPolicy(), "ahead": 0, "running": 0,
        "driver": DRIVER, "now_s": NOW,
    }  # fmt: skip
    return Situation(
        run=replace(one, last_attempt=attempts[-1] if attempts else None), attempts=attempts, **facts | more
    )


def attempt(number: int, cause: Cause | None, started: float = NOW - 10, wall_s: float | None = 4.0) -> StoredAttempt:
    return StoredAttempt(3, number, 0, started, "host7", 99, "0,1", "", CAUSE_NUMBER[cause], wall_s=wall_s)


NEXT = "it is next when 2 cores can be had, and 0 runs are under way"


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            run("pending", Cause.AGENT_LOST, "the agent died"),
            f"waits: attempt 1 was lost (the agent died), which costs no retry, so attempt 2 follows; {NEXT}",
        ),
        (
            run("pending", Cause.KILLED, "killed"),
            f"waits: attempt 1 was ended with the study (killed), so attempt 2 follows; {NEXT}",
        ),
        (
            run("pending", Cause.EXIT, "exit code 3", returncode=3),
            f"waits: attempt 1 failed (exit code 3), so attempt 2 follows; {NEXT}",
        ),
        (
            run("pending", Cause.ABORTED, "the deadline is over", attempts=0),
            f"was not started: the deadline is over; {NEXT}",
        ),
        (run("pending", None, "requeued", attempts=0), f"was requeued; {NEXT}"),
        (run("skipped", Cause.DEPENDENCY, "run 1 failed"), "was not run: run 1 failed"),
        (run("killed", Cause.KILLED), "was killed on request in attempt 1"),
        (run("aborted", Cause.ABORTED, "its own command was lost"), "was given up: its own command was lost"),
        (run("running"), "is being started"),
    ],
    ids=lambda one: one.status if isinstance(one, EnsembleRun) else "",
)
def test_every_way_to_stand_somewhere_has_its_words(one: EnsembleRun, said: str) -> None:
    assert sentence_of(situation(one)) == f"run 3 {said}"


def test_a_wait_that_doubles_is_told_as_what_is_left_of_it() -> None:
    one = run("pending", Cause.EXIT, "exit code 75", returncode=75, attempts=2)
    about = situation(one, attempt(1, Cause.EXIT), attempt(2, Cause.EXIT), retry=RetryPolicy(retries=5))
    assert wait_left_s(about) == pytest.approx(14.0)  # 20 s after the second end, which was 6 s ago
    assert "so attempt 3 follows in 14 s; " in sentence_of(about)
    assert wait_left_s(replace(about, now_s=NOW + 60)) == 0.0


def test_failures_of_the_machinery_do_not_lengthen_the_wait_of_others() -> None:
    one = run("pending", Cause.EXIT, "exit code 75", returncode=75, attempts=2)
    about = situation(one, attempt(1, Cause.NODE_LOST), attempt(2, Cause.EXIT), retry=RetryPolicy(retries=5))
    assert wait_left_s(about) == pytest.approx(4.0)


def test_a_running_run_tells_node_cores_and_what_its_limit_leaves() -> None:
    about = situation(run("running"), attempt(1, None, wall_s=None), timeout_s=70)
    sentence = sentence_of(about)
    assert sentence.startswith("run 3 has been running for 10 s, since ")
    assert sentence.endswith("as process 99 on host7, on cores 0,1 (attempt 1); its time limit leaves it 1 min 0 s")
    assert "its time limit is over" in sentence_of(replace(about, now_s=NOW + 100))
    assert "nobody drives the study: whoever resumes it takes the run over" in sentence_of(replace(about, driver=None))


def test_advice_fits_the_end() -> None:
    def advice(one: EnsembleRun, **more: Any) -> list[str]:
        return advice_of(situation(one, **more), "sweep")

    assert advice(run("pending")) == []
    assert advice(run("pending"), driver=None) == ["go on with the study: runsemble resume sweep"]
    assert advice(run("killed")) == ["queue it again: runsemble requeue sweep 3"]
    assert advice(run("success")) == []
    assert advice(run("failure", Cause.OOM), needs=Shape(1))[0].startswith("ask for more memory, or")
    assert advice(run("failure", Cause.TIMEOUT), timeout_s=90)[0].startswith("ask for more than 1 min 30 s, or")
    assert len(advice(run("failure", Cause.EXIT))) == 2
