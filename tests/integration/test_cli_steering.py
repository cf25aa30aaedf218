"""Changes from the shell to an ensemble that waits, or that another process drives: add, requeue, kill, drain, stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cli_sweep import counts, facts, listed, make, on_terminal, start
from .command_line import in_shell, needs_program, runsemble
from .support import Gate, is_alive, processes_of, text_of, wait_until

pytestmark = [needs_program, pytest.mark.usefixtures("no_driver_left")]

NOBODY = "nobody drives sweep: runsemble resume sweep\n"


@pytest.fixture
def sweep(here: Path, gate: Gate) -> None:
    """An ensemble of six runs that wait at the gate."""
    make("-P", "i=range:6", "--", "sh", "-c", f"{gate.words}; echo {{i}}")


def test_runs_are_killed_and_requeued_where_nobody_drives(sweep: None) -> None:
    said = runsemble("kill", "sweep", "1-2", "4,5")
    assert (said.status, said.out) == (0, "4 runs are ended for good (runs 1, 2, 4 and 5)\n")
    assert counts() == {"pending": 2, "killed": 4}
    said = runsemble("requeue", "sweep", "5", "2", "0")
    assert (said.status, said.out) == (0, f"2 runs will be executed again (runs 2 and 5); {NOBODY}")
    assert counts() == {"pending": 4, "killed": 2}
    assert facts("requeue", "sweep", "--killed", "--hard")["runs"] == [1, 4]
    assert facts("kill", "sweep", "--where", "i < 2", "--now")["runs"] == [0, 1]


def test_killing_or_requeuing_nothing_says_so(sweep: None) -> None:
    said = runsemble("kill", "sweep", "--failed")
    assert (said.status, said.out) == (0, "nothing to kill: no run is meant\n")
    said = runsemble("requeue", "sweep", "0-5")
    assert (said.status, said.out) == (0, "nothing to execute again: those that are meant have not ended\n")
    assert runsemble("kill", "sweep", "--all", "-q").out == ""
    said = runsemble("kill", "sweep", "--all")
    assert (said.status, said.out) == (0, "nothing to kill: those that are meant have ended already\n")


@pytest.mark.parametrize("command", ["kill", "requeue"])
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["99"], "there is no run 99 in "),
        (["0", "4-7"], "there is no run 6 in "),
        (["0-999999999999"], "the last one is 5"),
        (["one"], "'one' names no run; write numbers and ranges, such as 3-7,9"),
        ([], "say which runs: their ids, such as 3-7,9; or --failed"),
        (["--where", "j > 3"], "no run has a parameter or a result 'j'; "),
    ],
)
def test_runs_that_are_not_there_are_refused(sweep: None, command: str, words: list[str], sentence: str) -> None:
    said = runsemble(command, "sweep", *words)
    assert said.status == 2
    assert sentence in said.sentence
    assert counts() == {"pending": 6}


def test_ids_go_through_a_pipe_from_one_command_to_the_next(sweep: None) -> None:
    said = in_shell("runsemble runs sweep --ids --where 'i >= 4' | runsemble kill sweep -")
    assert said.out == "2 runs are ended for good (runs 4 and 5)\n"


def test_runs_that_are_added_get_numbers_and_the_command_that_is_there(sweep: None, gate: Gate) -> None:
    said = runsemble("add", "sweep", "-P", "i=10,11")
    assert (said.status, said.out) == (0, f"2 runs added to sweep (runs 6 and 7); {NOBODY}")
    assert runsemble("add", "sweep", ":::", "12").status == 0
    assert in_shell("seq 13 14 | runsemble add sweep -q") == (0, "", "")
    assert in_shell("""echo '{"i": 15}' | runsemble add sweep --jsonl -""").status == 0
    gate.open()
    assert runsemble("resume", "sweep", "-q").status == 0
    assert [text_of(f"sweep/{id_}/stdout") for id_ in range(6, 12)] == [f"{i}\n" for i in range(10, 16)]


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["-P", "j=1"], 2, "runs[0] has no parameter 'i', which the command of the ensemble names"),
        (["--jsonl", "part.jsonl"], 2, "runs[1] has no parameter 'i'"),
        ([], 2, "there are no parameters"),
        (["echo", "{i}"], 2, "'echo' is no option; add takes parameters only"),
        (["--jsonl", "empty.jsonl"], 5, "there is nothing to run"),
        (["-P", "run_id=1", "-P", "i=1"], 2, "no parameter may be called 'run_id'"),
    ],
)
def test_runs_that_do_not_suit_the_ensemble_are_not_added(
    here: Path, sweep: None, words: list[str], status: int, sentence: str
) -> None:
    (here / "part.jsonl").write_text('{"i": 1}\n{"j": 2}\n')
    (here / "empty.jsonl").write_text("")
    said = runsemble("add", "sweep", *words)
    assert said.status == status
    assert sentence in said.sentence
    assert counts() == {"pending": 6}


def test_a_driver_that_is_at_work_obeys(sweep: None, gate: Gate) -> None:
    pid = start("-j", "2")
    wait_until("two runs are under way", lambda: counts() == {"pending": 4, "running": 2})
    assert runsemble("add", "sweep", "-P", "i=20").out == "1 run added to sweep (run 6)\n"
    assert runsemble("kill", "sweep", "5").out == "1 run is ended for good (run 5)\n"
    assert runsemble("kill", "sweep", "--running", "--now").out == "2 runs are ended for good (runs 0 and 1)\n"
    wait_until("two others run", lambda: listed(runsemble("runs", "sweep", "--ids", "--running")) == [2, 3])
    assert runsemble("requeue", "sweep", "0").out == "1 run will be executed again (run 0)\n"
    said = runsemble("drain", "sweep")
    assert said.out == "nothing more of sweep is started; its driver ends when what runs has ended (2 runs)\n"
    with on_terminal("watch", "sweep") as watching:
        watching.wait_said("2 running")
        gate.open()
        assert watching.wait_end() == 0
        assert "its driver has ended, and 3 runs left; go on with runsemble resume sweep" in watching.raw
    wait_until("the driver has ended", lambda: not is_alive(pid))
    assert counts() == {"success": 2, "killed": 2, "pending": 3}
    assert runsemble("resume", "sweep", "-q").status == 0  # those that were killed were meant to be
    assert counts() == {"success": 5, "killed": 2}


def test_what_is_stopped_is_pending_again(sweep: None, here: Path) -> None:
    pid = start("-j", "2")
    wait_until("two runs are under way", lambda: counts() == {"pending": 4, "running": 2})
    said = runsemble("stop", "sweep", "--now")
    assert said.out == ("what runs of sweep is ended (2 runs), and stays pending: runsemble resume sweep goes on\n")
    wait_until("the driver has ended", lambda: not is_alive(pid))
    assert not processes_of(here / "sweep")
    assert counts() == {"pending": 6}


@pytest.mark.parametrize("command", ["drain", "stop"])
def test_where_nobody_drives_there_is_nobody_to_tell(sweep: None, command: str) -> None:
    said = runsemble(command, "sweep")
    assert (said.status, said.out) == (0, f"nobody drives sweep, so there is nothing to {command}\n")
    assert facts(command, "sweep")["driver"] is None
