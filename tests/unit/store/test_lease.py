"""When the lease of a study is free."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from runsemble.agent import proc
from runsemble.store.lease import EXPIRY_S, Here, Holder, Lease, Watch, boot_clock_s

HERE = Here(host="here", boot="boot-1", namespace="pid:[1]")
NOW_S = 1000.0


def holder_of(pid: int, born_s: float | None = None) -> Holder:
    """Return a holder that is here."""
    born_s = proc.start_time_s(pid) if born_s is None else born_s
    return Holder(host="here", boot="boot-1", namespace="pid:[1]", pid=pid, born_s=born_s, since=0.0)


def lease_of(holder: Holder | None, beat_s: float = NOW_S) -> Lease:
    return Lease(epoch=3, holder=holder, beat=7, beat_boot_s=beat_s)


def test_it_is_free_when_nobody_holds_it() -> None:
    assert lease_of(None).is_free(HERE, NOW_S)


def test_it_is_not_free_while_its_holder_lives_and_beats() -> None:
    assert not lease_of(holder_of(os.getpid())).is_free(HERE, NOW_S + EXPIRY_S)


def test_it_is_free_when_its_holder_has_stopped_beating_for_long_enough() -> None:
    assert lease_of(holder_of(os.getpid())).is_free(HERE, NOW_S + EXPIRY_S + 0.1)


def test_it_is_free_when_there_is_no_such_process_any_more() -> None:
    child = subprocess.Popen(["true"])
    born_s = proc.start_time_s(child.pid)
    child.wait()
    assert lease_of(holder_of(child.pid, born_s)).is_free(HERE, NOW_S)


def test_it_is_free_when_another_process_has_the_number_now() -> None:
    assert lease_of(holder_of(os.getpid(), proc.start_time_s(os.getpid()) - 5.0)).is_free(HERE, NOW_S)


def test_it_is_free_when_its_holder_is_a_zombie() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    holder = holder_of(child.pid)
    assert not lease_of(holder).is_free(HERE, NOW_S)
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert lease_of(holder).is_free(HERE, NOW_S)
    child.wait()


def test_it_is_free_when_its_holder_lived_before_this_machine_was_started() -> None:
    assert lease_of(replace(holder_of(os.getpid()), boot="boot-0")).is_free(HERE, NOW_S)


@pytest.mark.parametrize("beat_s", [NOW_S, NOW_S - EXPIRY_S * 100])
def test_nothing_is_known_at_once_of_a_holder_on_another_machine(beat_s: float) -> None:
    elsewhere = replace(holder_of(os.getpid(), 1.0), host="there", boot="boot-9")
    assert not lease_of(elsewhere, beat_s).is_free(HERE, NOW_S)


def test_the_number_of_a_process_in_another_container_says_nothing() -> None:
    contained = replace(holder_of(os.getpid(), 1.0), namespace="pid:[2]")
    assert not lease_of(contained).is_free(HERE, NOW_S)


def test_a_holder_in_another_container_that_has_stopped_beating_is_judged_by_the_common_clock() -> None:
    contained = replace(holder_of(os.getpid(), 1.0), namespace="pid:[2]")
    assert lease_of(contained, NOW_S - EXPIRY_S - 1.0).is_free(HERE, NOW_S)


def test_a_holder_can_be_written_down_and_read_again() -> None:
    assert Holder.parse(Holder.me().as_text()) == Holder.me() or Holder.me().since > 0
    holder = holder_of(os.getpid())
    assert Holder.parse(holder.as_text()) == holder


def test_a_holder_is_worded_for_people_with_where_and_since_when() -> None:
    words = str(replace(holder_of(os.getpid()), pid=77, since=0.0))
    assert words.startswith("process 77 on here, since 19")


def test_this_process_is_alive_as_far_as_it_can_tell() -> None:
    assert not Holder.me().is_certainly_dead(Here.now())
    assert not Lease(epoch=1, holder=Holder.me(), beat=0, beat_boot_s=boot_clock_s()).is_free_now


def test_whoever_gives_no_new_sign_for_long_enough_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    watch = Watch()
    assert not watch.is_silent(1)
    now += EXPIRY_S
    assert not watch.is_silent(1)
    assert not watch.has_changed
    now += 1
    assert watch.is_silent(1)
    assert not watch.is_silent(2)
    assert watch.has_changed
