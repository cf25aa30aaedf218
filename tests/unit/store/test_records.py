"""What the store tells of runs and attempts."""

from __future__ import annotations

import typing

import pytest

from runsemble import codec
from runsemble.model.result import Usage
from runsemble.model.status import Cause, StoredStatus
from runsemble.store.records import (
    CAUSE_NUMBER,
    CAUSES,
    STATUS_NUMBER,
    STATUSES,
    StoredAttempt,
    StoredRun,
    cause_of,
)


def run_of(**fields: typing.Any) -> StoredRun:
    plain = StoredRun(3, 1, "", None, None, 0, None, 0, 0, None, None)
    return plain._replace(**fields)


def test_every_status_has_a_number_that_leads_back_to_it() -> None:
    assert set(STATUSES) == set(typing.get_args(StoredStatus))
    assert [STATUSES[STATUS_NUMBER[status]] for status in STATUSES] == list(STATUSES)


def test_every_cause_has_a_number_that_leads_back_to_it() -> None:
    assert set(CAUSES) == set(Cause)
    assert [cause_of(CAUSE_NUMBER[cause]) for cause in Cause] == list(Cause)
    assert cause_of(CAUSE_NUMBER[None]) is None


def test_numbers_in_the_file_never_change() -> None:
    assert [str(status) for status in STATUSES[:7]] == [
        "pending", "success", "failure", "killed", "aborted", "running", "skipped",
    ]  # fmt: skip
    assert " ".join(CAUSES[:17]) == (
        "ok exit signal timeout oom walltime preempted node_lost agent_lost launch_error staging disk_full hook "
        "dependency aborted killed cancelled"
    )


def test_parameters_come_back_with_their_types_in_a_new_dict_each_time() -> None:
    params = {"a": (1, 2.5), "b": {3}, "c": None}
    run = run_of(params_text=codec.encode(params))
    assert run.params == params
    assert run.params is not run.params
    assert run_of(params_text="").params == {}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, ""),
        ({"cause_number": CAUSE_NUMBER[Cause.OK]}, "ok"),
        ({"cause_number": CAUSE_NUMBER[Cause.EXIT], "returncode": 3}, "exit code 3"),
        ({"cause_number": CAUSE_NUMBER[Cause.EXIT], "words": "as it was put"}, "as it was put"),
    ],
)
def test_a_message_is_stored_only_where_the_cause_does_not_say_it_all(
    fields: dict[str, typing.Any], message: str
) -> None:
    assert run_of(**fields).message == message
    assert StoredAttempt(1, 1, 0)._replace(**fields).message == message


def test_an_attempt_that_never_ran_used_nothing() -> None:
    assert StoredAttempt(1, 1, 0).usage is None
    assert StoredAttempt(1, 1, 0).cause is None
    used = StoredAttempt(1, 1, 0, cause_number=0, wall_s=2.0, user_s=1.0, max_rss_bytes=4096)
    assert used.usage == Usage(2.0, 1.0, 0.0, 4096, 0)
    assert used.cause is Cause.OK
