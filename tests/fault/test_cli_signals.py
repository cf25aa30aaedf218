"""Ctrl-C and SIGTERM at `runsemble run`: how runs end, what is reported, the exit status; no process survives."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..integration.command_line import PROGRAM, needs_program
from ..integration.support import Gate, is_alive, lines_of, names_in, wait_until
from .conftest import StartDriver
from .driver_process import DriverProcess

pytestmark = needs_program

BEGIN = "trap 'touch got-int' INT; trap 'touch got-term; exit 1' TERM; echo $$ > pid; "
#: Ignores TERM, and has a grandchild in a session of its own.
STUBBORN = "trap '' TERM; setsid sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' & echo $$ > pid; "
FOREVER = "while :; do sleep 0.05; done"
#: Six runs, two of them at a time.
SIX = ("-j2", "-P", "i=range:6")

StartCommand = Callable[..., DriverProcess]


@pytest.fixture
def start_command(start_driver: StartDriver, here: Path) -> StartCommand:
    """Return a function that starts ``runsemble run`` with its output in ``out``, and ``sh -c`` text around it."""

    def start(*words: str, around: str = 'exec "$@"', on_terminal: bool = True) -> DriverProcess:
        argv = ["sh", "-c", around, "sh", PROGRAM, "run", "-o", "out", *words]
        return start_driver(f"os.execv('/bin/sh', {argv!r})", on_terminal=on_terminal)

    return start


def wait_two_running(driver: DriverProcess) -> dict[str, int]:
    """Wait until two runs have begun, and the driver shows it; return their process ids."""
    pids = driver.wait_running("0", "1")
    wait_until("two runs are shown", lambda: re.search(r"2/\d+ cores|2 running", driver.said))
    return pids


def reported(here: Path) -> list[list[Any]]:
    """Return how the runs ended, as the JSON in ``results`` has it."""
    value = json.loads((here / "results").read_text())
    assert value["exit_status"] >= 128
    return [[run["status"], run["cause"], run["returncode"]] for run in value["runs"]]


@contextmanager
def open_pipe(path: Path) -> Iterator[int]:
    """Make a named pipe that the block writes to as soon as somebody reads it."""
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR)
    try:
        yield end
    finally:
        os.close(end)


TO_FILE = 'exec "$@" > results'
SKIPPED = ["skipped", "aborted", None]


def test_ctrl_c_once_lets_running_runs_finish(start_command: StartCommand, here: Path, gate: Gate) -> None:
    driver = start_command(*SIX, "--json", BEGIN + gate.words, around=TO_FILE)
    wait_two_running(driver)
    agents = driver.agents
    driver.press_ctrl_c()
    driver.wait_said("no further run is started; 2 runs still running (Ctrl-C again ends them)")
    gate.open()
    assert driver.wait_end() == 130
    assert driver.wait_nothing_left(*agents)
    assert reported(here) == [["success", "ok", 0]] * 2 + [SKIPPED] * 4
    assert not (here / "out/0/got-int").exists(), "the terminal's signal reached a run"
    assert "4 skipped" in driver.said
    assert "Traceback" not in driver.said


def test_ctrl_c_is_ignored_where_the_caller_ignores_it(start_command: StartCommand, here: Path, gate: Gate) -> None:
    driver = start_command(*SIX, "--json", BEGIN + gate.words, around="trap '' INT; " + TO_FILE)
    wait_two_running(driver)
    agents = driver.agents
    driver.press_ctrl_c()
    gate.open()
    assert driver.wait_end() == 0
    assert driver.wait_nothing_left(*agents)
    assert "no further run" not in driver.said


def test_ctrl_c_lists_no_more_of_a_very_long_list_than_anybody_reads(
    start_command: StartCommand, here: Path, gate: Gate
) -> None:
    driver = start_command("-j2", "-P", "i=range:100000000", "--json", BEGIN + gate.words, around=TO_FILE)
    wait_two_running(driver)
    agents = driver.agents
    driver.press_ctrl_c()
    driver.wait_said("still running")
    gate.open()
    assert driver.wait_end() == 130
    assert driver.wait_nothing_left(*agents)
    runs = reported(here)
    assert runs[:2] == [["success", "ok", 0]] * 2
    assert runs[2:] == [SKIPPED] * (len(runs) - 2)
    assert 10_000 <= len(runs) < 11_000


def test_ctrl_c_twice_ends_running_runs(start_command: StartCommand, here: Path) -> None:
    driver = start_command(*SIX, "--json", BEGIN + FOREVER, around=TO_FILE)
    wait_two_running(driver)
    agents = driver.agents
    driver.press_ctrl_c()
    driver.wait_said("still running")
    driver.press_ctrl_c()
    driver.wait_said("ending 2 runs (Ctrl-C again kills them)")
    assert driver.wait_end() == 130
    assert driver.wait_nothing_left(*agents)
    assert reported(here) == [["failure", "killed", 1]] * 2 + [SKIPPED] * 4
    assert (here / "out/0/got-term").exists()


def test_ctrl_c_three_times_kills_what_resists(start_command: StartCommand, here: Path) -> None:
    driver = start_command(*SIX, "--json", STUBBORN + FOREVER, around=TO_FILE)
    pids = wait_two_running(driver)
    agents = driver.agents
    driver.press_ctrl_c()
    driver.wait_said("still running")
    driver.press_ctrl_c()
    driver.wait_said("ending 2 runs")
    assert all(map(is_alive, pids.values()))
    driver.press_ctrl_c()
    assert driver.wait_end() == 130
    assert driver.wait_nothing_left(*agents)
    assert reported(here) == [["failure", "killed", -9]] * 2 + [SKIPPED] * 4


def test_ctrl_c_many_times_at_once_leaves_nothing(start_command: StartCommand) -> None:
    driver = start_command(*SIX, STUBBORN + FOREVER)
    wait_two_running(driver)
    agents = driver.agents
    for _ in range(10):
        driver.press_ctrl_c()
    assert driver.wait_end(impatiently=True) in (130, -signal.SIGINT)
    assert driver.wait_nothing_left(*agents)


def test_ctrl_c_is_followed_by_the_table_of_what_there_is(start_command: StartCommand, gate: Gate) -> None:
    driver = start_command(*SIX, BEGIN + gate.words)
    wait_two_running(driver)
    driver.press_ctrl_c()
    driver.wait_said("still running")
    gate.open()
    assert driver.wait_end() == 130
    assert "2 of 6 runs succeeded, 4 skipped" in driver.said


@pytest.mark.parametrize("on_terminal", [True, False], ids=["terminal", "no terminal"])
def test_sigterm_ends_running_runs(start_command: StartCommand, here: Path, on_terminal: bool) -> None:
    driver = start_command(*SIX, "--json", BEGIN + FOREVER, around=TO_FILE, on_terminal=on_terminal)
    driver.wait_running("0", "1")
    agents = driver.agents
    driver.process.terminate()
    assert driver.wait_end() == 143
    assert driver.wait_nothing_left(*agents)
    assert reported(here) == [["failure", "killed", 1]] * 2 + [SKIPPED] * 4
    assert (here / "out/0/got-term").exists()
    assert "Traceback" not in driver.said


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_no_signal_is_lost_while_more_lines_are_waited_for(
    start_command: StartCommand, here: Path, number: signal.Signals, status: int
) -> None:
    with open_pipe(here / "lines") as pipe:
        os.write(pipe, b"first\n")
        driver = start_command("echo $$ > pid; echo {}", around='exec "$@" < lines', on_terminal=False)
        wait_until("the first run has ended", lambda: lines_of(here / "out/0/stdout") == ["first"])
        agents = driver.agents
        driver.process.send_signal(number)
        assert driver.wait_end() == status, driver.said
    assert driver.wait_nothing_left(*agents)
    assert "Fatal" not in driver.said
    assert "1 of 1 run succeeded" in driver.said


@pytest.mark.parametrize(("number", "statuses"), [(signal.SIGINT, (130,)), (signal.SIGTERM, (143, -signal.SIGTERM))])
def test_a_signal_before_the_first_line_ends_it_without_a_word_too_many(
    start_command: StartCommand, here: Path, number: signal.Signals, statuses: tuple[int, ...]
) -> None:
    with open_pipe(here / "lines"):
        driver = start_command("echo {}", around='exec "$@" < lines', on_terminal=False)
        wait_until("the study has begun", lambda: names_in(here / "out") or (here / "out").exists())
        agents = wait_until("the agent is there", lambda: driver.agents)
        driver.process.send_signal(number)
        assert driver.wait_end() in statuses, driver.said
    assert driver.wait_nothing_left(*agents)
    assert "Fatal" not in driver.said
    assert "Traceback" not in driver.said


@pytest.mark.parametrize(("number", "statuses"), [(signal.SIGINT, (130,)), (signal.SIGTERM, (143, -signal.SIGTERM))])
def test_a_dry_run_that_waits_for_lines_ends_by_a_signal(
    start_command: StartCommand, here: Path, number: signal.Signals, statuses: tuple[int, ...]
) -> None:
    with open_pipe(here / "lines") as pipe:
        os.write(pipe, b"".join(b"%d\n" % at for at in range(2000)))
        around = 'exec "$@" < lines > plan'
        driver = start_command("--dry-run", "echo {}", around=around, on_terminal=False)
        wait_until("a part of the plan is written", lambda: lines_of(here / "plan"))
        driver.process.send_signal(number)
        assert driver.wait_end() in statuses
    assert "Traceback" not in driver.said
    assert not (here / "out").exists()


def test_a_shell_script_stops_at_ctrl_c(start_command: StartCommand, here: Path, gate: Gate) -> None:
    driver = start_command(*SIX, BEGIN + gate.words, around='"$@" || exit; touch went-on')
    wait_two_running(driver)
    driver.press_ctrl_c()
    driver.wait_said("still running")
    gate.open()
    assert driver.wait_end() in (130, -signal.SIGINT)
    assert not (here / "went-on").exists()


def test_output_that_nobody_takes_does_not_keep_ctrl_c_from_working(start_command: StartCommand, here: Path) -> None:
    with open_pipe(here / "slow"):
        script = "yes | head -c 1000000; true {}"
        driver = start_command("--print", script, ":::", "1", "2", around='exec "$@" > slow')
        driver.wait_said("2/2 ")
        wait_until("the agent has ended", lambda: not driver.agents)
        assert driver.process.poll() is None
        assert driver.wait_end(impatiently=True) in (130, -signal.SIGINT)
    assert "Fatal" not in driver.said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_just_when_the_last_run_has_ended_is_no_accident(here: Path, number: signal.Signals) -> None:
    argv = [PROGRAM, "run", "--json", "true", ":::", "1", "2"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert b"2/2 runs" in process.stderr.readline()
        process.send_signal(number)
        said = process.stderr.read().decode()
        process.stdout.read()
    assert "Traceback" not in said
    assert process.returncode in (0, 128 + number, -number)
