from __future__ import annotations

from typing import get_args

import pytest

from runsemble.model.status import StoredStatus
from runsemble.workdir.keep import Keep, is_pruned, kept_names

ENDED_BADLY = ("failure", "killed", "aborted", "skipped")


@pytest.mark.parametrize("keep", get_args(Keep))
@pytest.mark.parametrize("status", ["pending", "running"])
def test_nothing_goes_before_the_end(keep: Keep, status: StoredStatus) -> None:
    assert kept_names(keep, status) is None
    assert not is_pruned(keep, status)


@pytest.mark.parametrize("status", ENDED_BADLY)
def test_of_what_did_not_succeed_everything_stays_unless_nothing_is_to(status: StoredStatus) -> None:
    assert [kept_names(keep, status) for keep in ("all", "failed", "results")] == [None, None, None]
    assert kept_names("none", status) == frozenset()


def test_of_a_success_stays_what_was_asked_for() -> None:
    assert kept_names("all", "success") is None
    assert kept_names("results", "success") == frozenset({"params.json", "results.json"})
    assert kept_names("failed", "success") == kept_names("none", "success") == frozenset()
