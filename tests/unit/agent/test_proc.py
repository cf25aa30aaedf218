import os
import time

import pytest

from runsemble.agent import proc

GONE = 2**22 + 1  # beyond the largest process id of Linux


def test_a_process_that_is_gone_has_no_facts() -> None:
    assert proc.session_of(GONE) == 0
    assert proc.start_time_s(GONE) == 0.0
    assert proc.rss_kib(GONE) == 0
    assert proc.pss_kib(GONE) == 0
    assert proc.environ_value(GONE, b"PATH") == b""
    assert proc.children_of(GONE) == []
    assert proc.descendants_of(GONE) == [GONE]
    assert not proc.is_zombie(GONE)


def test_this_process_is_known() -> None:
    own = os.getpid()
    assert proc.session_of(own) == os.getsid(0)
    assert own in proc.all_pids()
    assert proc.descendants_of(own)[0] == own
    assert not proc.is_zombie(own)


def test_a_process_started_between_boot_and_now() -> None:
    assert 0 < proc.start_time_s(os.getpid()) <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_the_proportional_set_is_no_larger_than_the_resident_one() -> None:
    assert 0 < proc.pss_kib(os.getpid()) <= proc.rss_kib(os.getpid()) * 1.1


def test_the_boot_has_an_id() -> None:
    assert len(proc.boot_id()) == 36


def test_a_command_may_hold_blanks_and_parentheses(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = b" ".join(str(n).encode() for n in range(5, 60))
    monkeypatch.setattr(proc, "read", lambda path: b"77 (a) Z (b) R 4 " + fields + b"\n")
    assert proc.start_time_s(77) == 22 / os.sysconf("SC_CLK_TCK")
    assert not proc.is_zombie(77)


def test_a_variable_is_found_by_its_whole_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc, "read", lambda path: b"XKEY=1\0KEY_=2\0KEY=a=b\0KEY=3\0")
    assert proc.environ_value(1, b"KEY") == b"a=b"


def test_without_the_right_to_look_closer_the_resident_set_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {"/proc/1/statm": b"100 50 10 1 0 20 0\n"}
    monkeypatch.setattr(proc, "read", lambda path: pages.get(path, b""))
    assert proc.pss_kib(1) == 50 * os.sysconf("SC_PAGE_SIZE") // 1024
