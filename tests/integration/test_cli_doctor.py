"""`runsemble doctor`: what is found on a machine, for people and as JSON, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runsemble.display.table import columns_of

from .command_line import PROGRAM, OnTerminal, in_shell, needs_program, plain, runsemble
from .support import names_in

pytestmark = needs_program

TOPICS = ["cores", "memory", "GPUs", "logout", "/tmp", "python", "MPI", "output", "runs"]


def findings(*words: str, **more: Any) -> dict[str, dict[str, str]]:
    """Return what is found, by topic."""
    said = runsemble("doctor", "--json", *words, **more)
    assert said.err == ""
    assert said.results["schema"] == "runsemble.doctor/1"
    return {finding["topic"]: finding for finding in said.results["findings"]}


def test_the_same_is_found_for_people_and_for_programs_and_nothing_is_left(here: Path) -> None:
    (here / "deep").mkdir()
    found = findings()
    assert list(found) == TOPICS
    assert all(set(finding) == {"topic", "level", "found", "meaning"} for finding in found.values())
    assert {finding["level"] for finding in found.values()} <= {"ok", "note", "warning"}
    assert "20 of 20 runs" in found["runs"]["found"]
    said = runsemble("doctor")
    assert (said.status, said.err) == (0, "")
    heads = [line for line in said.out.splitlines() if not line.startswith(" ")]
    signs = {"ok": "ok", "note": "note", "warning": "WARNING"}
    assert [line.split()[:2] for line in heads] == [[signs[found[topic]["level"]], topic] for topic in TOPICS]
    assert f"at {here}," in " ".join(said.out.split())
    assert max(map(columns_of, said.out.splitlines())) <= 100
    assert "\x1b" not in said.out
    assert names_in(here) == ["deep"]


def test_a_directory_that_is_not_there_yet_stands_for_the_one_above_it(here: Path) -> None:
    assert f"at {here}," in findings("not/yet")["output"]["found"]
    assert names_in(here) == []


def test_a_directory_that_cannot_be_written_is_a_warning_with_what_to_do(here: Path) -> None:
    output = findings("/proc")["output"]
    assert output["level"] == "warning"
    assert "-o" in output["meaning"]


def test_a_machine_on_which_nothing_can_be_run_is_told_by_the_exit_status(here: Path) -> None:
    said = runsemble("doctor", PATH="/nonexistent")
    assert said.status == 4
    assert "WARNING  runs     0 of 20 runs of `true` succeeded" in said.out
    assert "command not found: true" in said.out


def test_what_is_no_directory_is_refused(here: Path) -> None:
    (here / "file").touch()
    said = runsemble("doctor", "file")
    assert (said.status, said.out) == (2, "")
    assert "'file' is a file" in said.sentence


def test_it_says_so_when_the_current_directory_is_gone(here: Path) -> None:
    said = in_shell("mkdir gone; cd gone; rmdir ../gone; runsemble doctor")
    assert "Traceback" not in said.err
    assert said.status == 2
    assert "current directory does not exist any more" in said.sentence


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_it_fits_the_terminal(here: Path, columns: int) -> None:
    with OnTerminal([PROGRAM, "doctor", "/"], columns) as terminal:
        assert terminal.wait_end() == 0
    assert max(map(columns_of, plain(terminal.raw).replace("\r", "").split("\n"))) <= columns


@pytest.mark.parametrize(("env", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=["plain", "NO_COLOR"])
def test_warnings_are_red_on_a_terminal(here: Path, env: Mapping[str, str | None], is_coloured: bool) -> None:
    with OnTerminal([PROGRAM, "doctor", "/proc"], env=env) as terminal:
        assert terminal.wait_end() == 4
    assert ("\x1b[31mWARNING" in terminal.raw) == is_coloured
    assert ("\x1b" in terminal.raw) == is_coloured


def test_warnings_are_red_elsewhere_if_that_is_forced(here: Path) -> None:
    assert "\x1b[31mWARNING" in runsemble("doctor", "/proc", FORCE_COLOR="1").out
