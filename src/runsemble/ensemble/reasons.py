"""Words why a run of a stored study stands where it does, and what somebody may do about it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from runsemble.display.words import duration_words
from runsemble.ensemble.view import EnsembleRun
from runsemble.model.resources import Shape, count_of
from runsemble.model.result import describe_end
from runsemble.model.status import INFRASTRUCTURE, Cause, StoredStatus
from runsemble.sched.retry import TEMPFAIL, RetryPolicy
from runsemble.store.lease import Holder
from runsemble.store.records import StoredAttempt

#: What `Desk.requeue` leaves with a run.
REQUEUED = "requeued"
#: Ends that come from whoever drives the study, and after which a run starts again.
_WITH_STUDY = (Cause.KILLED, Cause.CANCELLED, Cause.ABORTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that decides why a run stands where it does."""

    run: EnsembleRun
    attempts: Sequence[StoredAttempt]  #: by attempt and step
    needs: Shape  #: of the step that comes next, or was last
    timeout_s: float | None  #: of that step
    step_count: int
    retry: RetryPolicy
    ahead: int  #: pending runs with a lower number
    running: int  #: runs under way
    driver: Holder | None  #: who drives the study, None for nobody
    now_s: float  #: UTC epoch


def sentence_of(about: Situation) -> str:
    """Return why a run stands where it does, in a sentence without its full stop."""
    return f"run {about.run.id} {_PREDICATES[about.run.status](about)}"


def advice_of(about: Situation, directory: str) -> list[str]:
    """Return what somebody may do next, each a phrase with a command where there is one.

    Args:
        about: The situation.
        directory: The study's, as it is to be written in commands.
    """
    run, status = about.run, about.run.status
    if status in ("pending", "running"):
        return [] if about.driver is not None else [f"go on with the study: runsemble resume {directory}"]
    again = f"queue it again: runsemble requeue {directory} {run.id}"
    if status in ("killed", "skipped"):
        return [again]
    if status not in ("failure", "aborted"):
        return []
    here = f"try it in this terminal: runsemble rerun {directory} {run.id} --here"
    return [*_more_of(about), here, again]


def _more_of(about: Situation) -> list[str]:
    cause, needs = about.run.cause, about.needs
    if cause is Cause.OOM:
        asked = f"more than {needs.mem_mib} MiB" if needs.mem_mib else "more memory"
        return [f"ask for {asked}, or have it doubled after each such end: --retries oom=2"]
    if cause is Cause.TIMEOUT:
        asked = f"more than {duration_words(about.timeout_s)}" if about.timeout_s is not None else "more time"
        return [f"ask for {asked}, or have it doubled after each such end: --retries timeout=2"]
    return []


# Pending


def _why_pending(about: Situation) -> str:
    return f"{_history(about)}{_due(about)}; {_queue(about)}"


def _history(about: Situation) -> str:
    """Return how it has come to wait."""
    run = about.run
    if run.message == REQUEUED:
        return f"was requeued after {count_of(run.attempts, 'attempt')}" if run.attempts else "was requeued"
    if run.cause is None and run.message:
        return f"waits: {run.message}"
    if run.cause is None:
        return "has not started yet"
    if not run.attempts:
        return f"was not started: {run.message}"
    last, following = f"attempt {run.attempts}", f"so attempt {run.attempts + 1} follows"
    if run.cause in _WITH_STUDY:
        return f"waits: {last} was ended with the study ({run.message}), {following}"
    if run.cause in INFRASTRUCTURE:
        return f"waits: {last} was lost ({run.message}), which costs no retry, {following}"
    if (run.cause, run.returncode) == (Cause.EXIT, TEMPFAIL):
        return f"waits: {last} asked to be tried again later (exit code {TEMPFAIL}), {following}"
    return f"waits: {last} failed ({run.message}{_at_step(about)}), {following}"


def _due(about: Situation) -> str:
    """Return when the next attempt may start, if not at once."""
    left_s = wait_left_s(about)
    return f" in {duration_words(left_s)}" if left_s > 0 else ""


def wait_left_s(about: Situation) -> float:
    """Return how long a run has to wait yet after its last attempt, in seconds; 0 if not at all."""
    run = about.run
    last = about.attempts[-1] if about.attempts else None
    if run.status != "pending" or run.cause is None or run.message == REQUEUED or last is None or not last.started:
        return 0.0
    charged: Counter[Cause] = Counter()
    free = 0
    for cause in _ends(about.attempts)[:-1]:
        if cause in INFRASTRUCTURE and cause not in about.retry.by_cause:
            free += 1
        else:
            charged[cause] += 1
    decision = about.retry.decide(run.cause, run.returncode, charged, free)
    return max(0.0, last.started + (last.wall_s or 0.0) + decision.delay_s - about.now_s)


def _ends(attempts: Sequence[StoredAttempt]) -> list[Cause]:
    """Return why each attempt ended, its last step deciding."""
    return list({one.attempt: one.cause for one in attempts if one.cause is not None}.values())


def _queue(about: Situation) -> str:
    if about.driver is None:
        return "nobody drives the study"
    running = f"{count_of(about.running, 'run')} {'is' if about.running == 1 else 'are'} under way"
    if not about.ahead:
        return f"it is next when {about.needs} can be had, and {running}"
    are = "is" if about.ahead == 1 else "are"
    return f"it needs {about.needs}, {count_of(about.ahead, 'run')} {are} ahead of it, and {running}"


# Running


def _why_running(about: Situation) -> str:
    run, last = about.run, about.run.last_attempt
    if last is None or last.started is None:
        return "is being started"
    parts = [f"has been running for {duration_words(max(0.0, about.now_s - last.started))}"]
    parts.append(f"since {clock(last.started, about.now_s)}, as process {last.pid} on {last.node}")
    if last.cores:
        parts.append(f"on core{'s' if ',' in last.cores else ''} {last.cores}")
    if last.gpus:
        parts.append(f"with GPU{'s' if ',' in last.gpus else ''} {last.gpus}")
    words = ", ".join(parts) + f" (attempt {run.attempts}{_of_steps(about)})"
    if about.timeout_s is not None:
        words += f"; {_limit(about.timeout_s - (about.now_s - last.started))}"
    if about.driver is None:
        words += "; nobody drives the study: whoever resumes it takes the run over, or starts it again if it is gone"
    return words


def _limit(left_s: float) -> str:
    return f"its time limit leaves it {duration_words(left_s)}" if left_s > 0 else "its time limit is over"


# Ended


def _why_success(about: Situation) -> str:
    run, usage = about.run, about.run.usage
    took = f" in {duration_words(usage.wall_s)}" if usage is not None else ""
    attempt = f" at attempt {run.attempts}" if run.attempts > 1 else ""
    result = "" if run.has_result else "; it posted no result"
    return f"succeeded{attempt}{took}{_before(about)}{result}"


def _before(about: Situation) -> str:
    former = [one for one in about.attempts if one.attempt < about.run.attempts and one.cause not in (None, Cause.OK)]
    return f"; attempt {former[-1].attempt} had failed ({former[-1].message})" if former else ""


def _why_failure(about: Situation) -> str:
    run = about.run
    where = f" (attempt {run.attempts}{_of_steps(about)})" if run.attempts > 1 or about.step_count > 1 else ""
    used = ""
    if run.cause is Cause.OOM and run.usage is not None:
        used = f", and its largest process had {run.usage.max_rss_bytes / 2**20:.0f} MiB"
    return f"failed: {run.message}{used}{where}; {_retries(about)}"


def _retries(about: Situation) -> str:
    made = about.run.attempts - 1
    allowed = str(about.retry)
    most = about.retry.retries
    if (
        most is not None
        and not about.retry.by_cause
        and sum(c not in INFRASTRUCTURE for c in _ends(about.attempts)) > most + 1
    ):
        return f"it had been requeued in between (retries={allowed})"
    if made > 0:
        were = "was" if made == 1 else "were"
        return f"{made} {'retry' if made == 1 else 'retries'} {were} made (retries={allowed})"
    return "no retries were asked for" if allowed == "0" else f"no retry was due (retries={allowed})"


def _why_killed(about: Situation) -> str:
    run = about.run
    when = f" in attempt {run.attempts}{_of_steps(about)}" if run.attempts else " before it had started"
    return f"was killed on request{when}"


def _why_aborted(about: Situation) -> str:
    run = about.run
    if run.returncode is not None and run.returncode in about.retry.abort_on:
        return f"was given up: {run.message}, after which it is not to be tried again (abort_on){_at_step(about)}"
    return f"was given up: {run.message or describe_end(Cause.ABORTED, None, None)}"


def _why_skipped(about: Situation) -> str:
    return f"was not run: {about.run.message or 'something that it needs had failed'}"


def _of_steps(about: Situation) -> str:
    return f", step {about.run.step + 1} of {about.step_count}" if about.step_count > 1 else ""


def _at_step(about: Situation) -> str:
    return f" at step {about.run.step + 1} of {about.step_count}" if about.step_count > 1 else ""


def clock(at_s: float, now_s: float) -> str:
    """Return a time of day in local time, with the date if that is not today's."""
    at, now = time.localtime(at_s), time.localtime(now_s)
    return time.strftime("%H:%M:%S" if at[:3] == now[:3] else "%Y-%m-%d %H:%M:%S", at)


_PREDICATES: Mapping[StoredStatus, Callable[[Situation], str]] = {
    "pending": _why_pending, "running": _why_running, "success": _why_success, "failure": _why_failure,
    "killed": _why_killed, "aborted": _why_aborted, "skipped": _why_skipped,
}  # fmt: skip
