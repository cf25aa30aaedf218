"""What must hold of an ensemble however often its driver and its agents were killed."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from runsemble.agent.protocol import AGENT_LOST
from runsemble.model.status import Cause
from runsemble.store.file import store_path
from runsemble.store.records import CAUSE_NUMBER, STATUSES
from runsemble.workdir.keep import Keep, is_pruned

from .study import directory_of

_LOST = CAUSE_NUMBER[Cause(AGENT_LOST)]
_OPEN = ("pending", "running")


class Broken(AssertionError):
    """A promise is not kept."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the record says of one attempt at one step."""

    run: int
    number: int
    step: int
    cause: int | None
    returncode: int | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the record of an ensemble says at one moment."""

    status: dict[int, str]  #: by run
    attempt: dict[int, int]  #: attempts made, by run
    ends: Counter[int]  #: how often each run has ended
    requeued: Counter[int]  #: how often each run was requeued by command
    codes: dict[int, int]  #: the exit code that each run was told
    attempts: list[Attempt]
    results: dict[int, str]
    agents: int


@contextmanager
def _reading(home: str) -> Iterator[sqlite3.Connection]:
    path = store_path(directory_of(home))
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30.0)) as db:
        db.execute("BEGIN")
        yield db


def snapshot(home: str) -> Snapshot:
    """Return what the record says, once it is found to be in order by itself.

    Raises:
        Broken: It is not.
    """
    with _reading(home) as db:
        said = db.execute("PRAGMA integrity_check").fetchall()
        require(said == [("ok",)], f"integrity_check: {said}")
        rows = db.execute("SELECT id, state, attempt FROM runs").fetchall()
        codes = dict(db.execute("SELECT id, json_extract(params, '$.code') FROM runs"))
        counts = {state: number for state, number in db.execute("SELECT state, number FROM counts") if number}
        require(counts == Counter(state for _, state, _ in rows), f"counts are wrong: {counts}")
        requeued = Counter(
            int(run)
            for (run,) in db.execute(
                "SELECT each.value FROM commands, json_each(commands.reply, '$.runs') AS each "
                "WHERE commands.name LIKE '%requeue%'"
            )
        )
        return Snapshot(
            status={id_: STATUSES[state] for id_, state, _ in rows},
            attempt={id_: attempt for id_, _, attempt in rows},
            ends=Counter(run for (run,) in db.execute("SELECT run FROM ends")),
            requeued=requeued,
            codes=codes,
            attempts=[
                Attempt(*row) for row in db.execute("SELECT run, attempt, step, cause, returncode FROM attempts")
            ],
            results=dict(db.execute("SELECT run, value FROM results WHERE kind = 'text'")),
            agents=db.execute("SELECT count(*) FROM agents").fetchone()[0],
        )


def require(holds: bool, words: str) -> None:
    """Make sure that a promise is kept.

    Raises:
        Broken: It is not.
    """
    if not holds:
        raise Broken(words)


def check_always(home: str) -> Snapshot:
    """Check what must hold at every moment; return what the record says."""
    seen = snapshot(home)
    for run, status in seen.status.items():
        has_ended = status not in _OPEN
        ends, due = seen.ends[run], seen.requeued[run] + has_ended
        require(ends == due, f"run {run} is {status} and has ended {ends} times, not {due}")
    return seen


def check_end(home: str, lost_at_most: int, steps: int = 1) -> Snapshot:
    """Check what must hold once nothing is pending any more; return what the record says.

    Args:
        home: The test's directory.
        lost_at_most: How many attempts may have been lost, with agents that were killed.
        steps: Of every run.
    """
    seen = check_always(home)
    require(not set(seen.status.values()) & set(_OPEN), f"runs are left: {seen.status}")
    require(seen.agents == 0, f"{seen.agents} agents are still on record")
    lost = {(a.run, a.number) for a in seen.attempts if a.cause == _LOST}
    require(len(lost) <= lost_at_most, f"{len(lost)} attempts were lost, though at most {lost_at_most} could be")
    _check_effects(home, seen, lost, steps)
    _check_record(seen)
    return seen


def check_directories(home: str, seen: Snapshot, keep: Keep) -> None:
    """Check that the directories of those runs are left that are to stay."""
    left = {int(name) for name in os.listdir(directory_of(home)) if name.isdigit()}
    due = {run for run, status in seen.status.items() if not is_pruned(keep, status)}
    require(left <= due, f"of runs {left - due} directories are left")
    never = {run for run in due if not seen.attempt[run]}
    require(due - never <= left, f"of runs {due - never - left} directories are gone")


def _check_record(seen: Snapshot) -> None:
    """Check that runs ended as their commands do, and that every attempt is on record with its end."""
    by_run: dict[int, set[int]] = {run: set() for run in seen.status}
    for attempt in seen.attempts:
        by_run[attempt.run].add(attempt.number)
        require(attempt.cause is not None, f"{attempt} has no end")
    for run, status in seen.status.items():
        if status == "killed":
            continue
        expected = "failure" if seen.codes[run] else "success"
        require(status == expected, f"run {run} ended as {status}, not as {expected}")
        require(by_run[run] == set(range(1, seen.attempt[run] + 1)), f"run {run} has attempts {by_run[run]}")
        if status == "success":
            require(seen.results[run].strip() == str(run), f"run {run} has the result {seen.results.get(run)!r}")


def _check_effects(home: str, seen: Snapshot, lost: set[tuple[int, int]], steps: int) -> None:
    """Check that no attempt was made twice, and that what a success did was done by its attempt, once."""
    begun, done = _effects(home)
    for key, count in (begun + done).items():
        require(begun[key] == 1, f"run, attempt, step {key} was begun {begun[key]} times")
        require(done[key] <= 1 and count <= 2, f"run, attempt, step {key} was done {done[key]} times")
    known = {(a.run, a.number, a.step) for a in seen.attempts}
    for key in begun:
        require(key in known, f"run, attempt, step {key} was at work and is not on record")
    for run, status in seen.status.items():
        if status not in ("success", "failure"):
            continue
        own = {(run, seen.attempt[run], step) for step in range(steps)}
        whole = {key for key in done if key[0] == run and key[:2] not in lost}
        missing = own - whole
        repeated = len(whole) - steps * (1 + seen.requeued[run])
        require(not missing or steps > 1, f"run {run} is a {status} though {missing} was not done")
        require(repeated <= 0, f"run {run} did {whole}, which is more than once, and no agent was lost over it")


def _effects(home: str) -> tuple[Counter[tuple[int, int, int]], Counter[tuple[int, int, int]]]:
    """Return how often each step of each attempt at each run was begun, and done."""
    found: dict[str, Counter[tuple[int, int, int]]] = {"begin": Counter(), "done": Counter()}
    path = os.path.join(home, "effects")
    if os.path.exists(path):
        with open(path, encoding="ascii") as file:
            for line in file:
                word, run, attempt, step = line.split()
                found[word][int(run), int(attempt), int(step)] += 1
    return found["begin"], found["done"]
