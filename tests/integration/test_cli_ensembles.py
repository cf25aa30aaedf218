"""Ensembles from the shell: made, executed, looked at, with the driver in a process of its own or in the foreground."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from .cli_sweep import counts, facts, listed, make, on_terminal, start
from .command_line import in_shell, needs_program, runsemble
from .support import Gate, is_alive, names_in, text_of, wait_until

pytestmark = [needs_program, pytest.mark.usefixtures("no_driver_left")]

#: Posts a result, and fails for i = 2.
SOME_FAIL = "runsemble post square=$(({i} * {i})); [ {i} != 2 ] || { echo no luck >&2; exit 3; }"


# Making one


def test_an_ensemble_is_made_as_it_is_written_in_the_manual(here: Path) -> None:
    (here / "p.jsonl").write_text('{"x": 1, "name": "a b"}\n{"x": 2.5, "name": "c"}\n')
    said = in_shell("runsemble create DIR --jsonl p.jsonl -c 1 -- echo {x} {name}")
    assert (said.status, said.err) == (0, "")
    assert said.out == "2 runs in DIR; nothing runs yet: runsemble start DIR, or runsemble resume DIR\n"
    assert "0" not in names_in("DIR")
    said = in_shell("runsemble resume DIR -j 4")
    assert (said.status, said.err) == (0, "")
    assert "2 of 2 runs succeeded" in said.out
    assert [text_of(f"DIR/{at}/stdout") for at in (0, 1)] == ["1 a b\n", "2.5 c\n"]


def test_every_way_to_give_parameters_makes_runs(here: Path) -> None:
    (here / "t.csv").write_text("x,y\n1,0.10\n2,0.20\n")
    for at, text in enumerate(
        (
            "runsemble create 0 -P x=1,2 -- echo {x}",
            "runsemble create 1 --csv t.csv -- echo {x} {y}",
            "runsemble create 2 'echo {}' ::: 1 2",
            "seq 2 | runsemble create 3 echo {}",
            """printf '{"x": 1}\\n{"x": 2}\\n' | runsemble create 4 --jsonl - echo {x}""",
            "runsemble create -P x=1,2 5 echo {x}",
        )
    ):
        assert in_shell(text).status == 0, text
        assert counts(str(at)) == {"pending": 2}
    assert in_shell("runsemble resume 1").status == 0
    assert text_of("1/1/stdout") == "2 0.20\n"


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["-P", "x=1"], 2, "there is no command"),
        (["echo"], 2, "there are no parameters"),
        (["-P", "x=1", "--", "./nope"], 2, "command not found: there is no file ./nope"),
        (["--jsonl", "bad.jsonl", "--", "echo"], 2, "bad.jsonl, line 2, column 1: no JSON"),
        (["--jsonl", "part.jsonl", "--", "echo", "{x}"], 2, "{x}: this run has no parameter 'x'"),
        (["--jsonl", "part.jsonl", "--", "echo", "{y}"], 2, "part.jsonl, line 1: {y}: there is no parameter 'y'"),
        (["--jsonl", "empty.jsonl", "--", "echo"], 5, "there is nothing to run"),
        (["-P", "x=1", "-m", "0", "--", "echo"], 2, "--mem 0"),
        (["-P", "x=1", "--abort-on", "0", "--", "echo"], 2, "0 is not in the range 1<=x<=255"),
        (["-P", "x=1,1", "--run-dir", "{x}", "--", "echo"], 2, "another run's directory"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing_behind(
    here: Path, words: list[str], status: int, sentence: str
) -> None:
    (here / "bad.jsonl").write_text('{"x": 1}\n{"x": 2\n')
    (here / "part.jsonl").write_text('{"x": 1}\n{"y": 2}\n')
    (here / "empty.jsonl").write_text("")
    said = runsemble("create", "sweep", *words)
    assert said.status == status
    assert sentence in said.sentence
    assert not os.path.lexists("sweep")


def test_what_is_there_already_is_replaced_only_on_request(here: Path) -> None:
    make("-P", "x=1,2", "--", "echo")
    said = runsemble("create", "sweep", "-P", "x=1", "--", "echo")
    assert (said.status, counts()) == (2, {"pending": 2})
    assert said.sentence.endswith("there is an ensemble in sweep already: runsemble add sweep adds runs, "
                                  "--overwrite replaces it")  # fmt: skip
    make("-P", "x=1", "--overwrite", "--", "echo")
    assert counts() == {"pending": 1}
    (here / "other").mkdir()
    said = runsemble("create", "other", "--overwrite", "-P", "x=1", "--", "echo")
    assert said.status == 2
    assert "is no ensemble" in said.sentence


def test_an_ensemble_that_cannot_be_made_does_not_replace_the_one_that_is_there(here: Path) -> None:
    make("-P", "x=1,2", "--", "echo")
    (here / "bad.jsonl").write_text('{"x": 1}\n{"x": 2\n')
    assert runsemble("create", "sweep", "--overwrite", "--jsonl", "bad.jsonl", "--", "echo").status == 2
    assert counts() == {"pending": 2}


def test_options_of_a_run_are_kept_for_whoever_executes_it(here: Path) -> None:
    (here / "deck").write_text("x = %%x%%\n")
    (here / "data").write_text("data\n")
    options = "-P x=7 --template deck --copy data --env WHO=me --run-dir x={x} --logs merged -t 30s --retries 2"
    make(*options.split(), "--abort-on", "9", "--", "sh", "-c", "cat deck data; echo $WHO; exit 9")
    said = runsemble("resume", "sweep")
    assert said.status == 1
    assert "0 of 1 run succeeded, 1 aborted" in said.out
    assert text_of("sweep/x=7/output") == "x = 7\ndata\nme\n"
    (run,) = facts("runs", "sweep")["runs"]
    assert (run["status"], run["attempts"], run["returncode"]) == ("aborted", 1, 9)


# Executing it


def test_at_the_deadline_what_runs_is_ended_and_goes_on_when_it_is_resumed(here: Path) -> None:
    make("-P", "x=1,2", "--", "sh", "-c", "echo $$ >> ../pids; [ -e ../again ] || sleep 60")
    said = runsemble("resume", "sweep", "--deadline", "1s", "-j", "1")
    assert said.status == 124
    assert "the time is over: 2 runs left; go on with runsemble resume sweep" in said.err
    assert counts() == {"pending": 2}
    (here / "sweep/again").touch()
    assert runsemble("resume", "sweep", "--deadline", "1h").status == 0
    assert runsemble("resume", "sweep", "--deadline", "soon").status == 2


def test_a_driver_of_its_own_is_started_followed_and_ended(here: Path, gate: Gate) -> None:
    make("-P", "i=range:4", "--", "sh", "-c", f"{gate.words}; {SOME_FAIL}")
    said = runsemble("start", "sweep", "-j", "2")
    assert said.status == 0
    match = re.fullmatch(r"process (\d+) executes 4 runs of sweep; follow it: runsemble watch sweep\n", said.out)
    assert match
    wait_until("two runs are under way", lambda: counts() == {"pending": 2, "running": 2})
    status = facts("status", "sweep")
    assert status["driver"]["pid"] == int(match[1])
    assert f"driven by process {match[1]} on" in runsemble("status", "sweep").out
    with on_terminal("watch", "sweep") as watching:
        watching.wait_said("0/4")
        gate.open()
        assert watching.wait_end() == 1
        assert "sweep is driven by process" in watching.raw
        assert "run 2 failed: exit code 3 — no luck — see sweep/2/stderr" in watching.raw
        assert "3 of 4 runs succeeded, 1 failed" in watching.raw
    assert counts() == {"success": 3, "failure": 1}
    wait_until("the driver has ended", lambda: not is_alive(int(match[1])))
    assert runsemble("watch", "sweep").out.startswith("sweep: 4 of 4 runs ended (100 %)\n")


def test_a_second_driver_is_refused_with_who_where_and_since_when(here: Path, gate: Gate) -> None:
    make("-P", "i=1,2", "--", "sh", "-c", gate.words)
    pid = start()
    for command in ("start", "resume"):
        said = runsemble(command, "sweep")
        assert said.status == 4
        assert f"is being driven by process {pid} on " in said.sentence
        assert said.sentence.endswith("follow it: runsemble watch sweep")
    gate.open()
    said = runsemble("watch", "sweep", "--json")
    assert (said.status, said.err) == (0, "")
    lines = [json.loads(line) for line in said.out.splitlines()]
    last = lines[-1]
    assert (last["schema"], last["driver"], last["counts"]["success"]) == ("runsemble.status/1", None, 2)


def test_where_nothing_is_pending_there_is_nothing_to_do(here: Path) -> None:
    make("-P", "i=2", "--", "sh", "-c", SOME_FAIL)
    assert runsemble("resume", "sweep", "-q").status == 1
    said = runsemble("resume", "sweep")
    assert (said.status, said.out) == (0, "")
    assert said.err == "nothing is pending in sweep; 1 failed: runsemble resume --failed sweep executes those again\n"
    said = runsemble("start", "sweep")
    assert (said.status, said.err[:29]) == (0, "nothing is pending in sweep: ")
    assert facts("start", "sweep")["pid"] is None
    assert facts("resume", "sweep")["counts"]["failure"] == 1


def test_what_failed_is_executed_again_on_request(here: Path) -> None:
    make("-P", "i=1,2,3", "--", "sh", "-c", f"[ -e {here}/luck ] || {{ {SOME_FAIL}; }}")
    assert runsemble("resume", "sweep").status == 1
    (here / "luck").touch()
    said = runsemble("resume", "sweep", "--failed")
    assert said.status == 0
    assert said.err.startswith("1 run that failed will be executed again (run 1)\n")
    assert "3 of 3 runs succeeded" in said.out


def test_a_driver_that_was_killed_is_said_to_be_gone_and_another_takes_over(here: Path, gate: Gate) -> None:
    make("-P", "i=range:4", "--", "sh", "-c", f"echo x >> {here}/begun; {gate.words}")
    pid = start("-j", "2")
    wait_until("two runs are under way", lambda: counts() == {"pending": 2, "running": 2})
    os.kill(pid, 9)
    wait_until("the driver is gone", lambda: facts("status", "sweep")["driver"] is None)
    said = runsemble("status", "sweep")
    assert "nobody drives sweep: runsemble resume sweep takes over what still runs" in said.out
    gate.open()
    assert runsemble("resume", "sweep", "-q").status == 0
    assert (counts(), text_of(here / "begun")) == ({"success": 4}, "x\n" * 4)


def test_a_study_that_was_given_up_says_so_and_what_is_left(here: Path) -> None:
    make("-P", "i=range:5", "--halt", "now,fail=1", "--", "sh", "-c", "exit 1")
    said = runsemble("resume", "sweep", "-j", "1")
    assert said.status == 3
    assert (
        "given up, because 1 run failed, as now,fail=1 asks for: 4 runs left; go on with runsemble resume" in said.err
    )


def test_the_end_is_told_as_json(here: Path) -> None:
    make("-P", "i=1,2", "--", "sh", "-c", SOME_FAIL)
    said = runsemble("resume", "sweep", "--json")
    assert said.status == 1
    assert [run["status"] for run in said.results["runs"]] == ["success", "failure"]
    assert said.results["counts"]["failure"] == 1


# Ctrl-C


def test_ctrl_c_in_the_foreground_lets_runs_finish_and_the_rest_stays_pending(here: Path, gate: Gate) -> None:
    make("-P", "i=range:4", "--", "sh", "-c", gate.words)
    with on_terminal("resume", "sweep", "-j", "2") as terminal:
        wait_until("two runs are under way", lambda: counts() == {"pending": 2, "running": 2})
        terminal.wait_said("0/4")
        terminal.type("\x03")
        terminal.wait_said("no further run is started; 2 runs still running")
        gate.open()
        assert terminal.wait_end() == 130
        assert "2 runs left; go on with runsemble resume sweep" in terminal.raw
    assert counts() == {"success": 2, "pending": 2}
    assert runsemble("resume", "sweep").status == 0


def test_ctrl_c_twice_ends_what_runs_which_stays_pending(here: Path, gate: Gate) -> None:
    make("-P", "i=range:4", "--", "sh", "-c", gate.words)
    with on_terminal("resume", "sweep", "-j", "2") as terminal:
        wait_until("two runs are under way", lambda: counts() == {"pending": 2, "running": 2})
        terminal.wait_said("0/4")
        terminal.type("\x03")
        terminal.wait_said("Ctrl-C again ends them")
        terminal.type("\x03")
        assert terminal.wait_end() == 130
        assert "Traceback" not in terminal.raw
    assert counts() == {"pending": 4}


def test_ctrl_c_leaves_what_is_watched_alone(here: Path, gate: Gate) -> None:
    make("-P", "i=range:3", "--", "sh", "-c", gate.words)
    pid = start("-j", "2")
    with on_terminal("watch", "sweep") as terminal:
        terminal.wait_said("2 running")
        terminal.type("\x03")
        terminal.wait_said("left; it goes on: runsemble watch sweep")
        assert terminal.wait_end() == 130
        assert "Traceback" not in terminal.raw
    assert is_alive(pid)
    gate.open()
    assert runsemble("watch", "sweep").status == 0


# Looking


@pytest.fixture
def study(here: Path) -> str:
    """A study in ``out`` that ``runsemble run`` has made: i from 0 to 5 with squares; 2 failed."""
    said = runsemble("run", "-q", "-o", "out", "-P", "i=range:6", "--", "sh", "-c", SOME_FAIL)
    assert said.status == 1
    return "out"


def test_a_directory_that_multirun_has_made_can_be_looked_at(study: str) -> None:
    said = runsemble("status", study)
    assert said.out == (
        "out: 6 of 6 runs ended (100 %)\n  success  5\n  failure  1\nFailed: exit (1×)\n"
        "  run 2 failed: exit code 3 (i=2)\n    no luck\n    see out/2/stderr\n"
    )
    value = facts("status", study)
    assert (value["schema"], value["ended"], value["causes"]) == ("runsemble.status/1", 6, {"exit": 1})
    assert value["failures"][0]["last_words"] == "no luck"
    head, *rows = runsemble("runs", study).out.splitlines()
    assert head.split()[:5] == ["run", "status", "cause", "i", "square"]
    assert rows[2].split()[:6] == ["2", "failure", "exit", "3", "2", "4"]
    assert len(rows) == 6
    assert runsemble("results", study).out.split()[:3] == ["run", "square", "i"]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ([], [0, 1, 2, 3, 4, 5]),
        (["--failed"], [2]),
        (["--success"], [0, 1, 3, 4, 5]),
        (["--pending"], []),
        (["--success", "--failed", "--where", "i > 1"], [2, 3, 4, 5]),
        (["--status", "failure", "--status", "killed"], [2]),
        (["--cause", "exit"], [2]),
        (["--cause", "oom"], []),
        (["--where", "square >= 9 and i != 4"], [3, 5]),
        (["--where", "returncode == 3 or id = 0"], [0, 2]),
        (["--where", "time < 1000 and not square > 1"], [0, 1]),
        (["--limit", "2", "--offset", "3"], [3, 4]),
        (["--where", "i > 0", "--limit", "2", "--offset", "1"], [2, 3]),
        (["--offset", "9"], []),
    ],
)
def test_runs_are_chosen_by_filters(study: str, words: list[str], ids: list[int]) -> None:
    assert listed(runsemble("runs", study, "--ids", *words)) == ids
    assert [run["id"] for run in facts("runs", study, *words)["runs"]] == ids
    said = runsemble("runs", study, *words)
    assert [int(line.split()[0]) for line in said.out.splitlines()[1:]] == ids


def test_what_is_left_out_of_a_list_is_said(study: str) -> None:
    said = runsemble("runs", study, "--limit", "2", "--offset", "1")
    assert said.err == "2 of 6 runs, after the first 1; the next ones: --offset 3, all: --limit 0\n"
    assert runsemble("runs", study, "--limit", "0").err == ""
    assert runsemble("runs", study, "--killed").err == "none of 6 runs is meant by these filters\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--where", "squar > 3"], "no run has a parameter or a result 'squar'; did you mean 'square'?"),
        (["--where", "i >"], "the condition 'i >' cannot be read"),
        (["--where", ""], "it is empty"),
        (["--status", "done"], "'done' is not one of"),
        (["--cause", "omm"], "'omm' is not one of"),
        (["--limit", "-1"], "-1 is not in the range"),
    ],
)
def test_filters_that_make_no_sense_are_refused_in_a_sentence(study: str, words: list[str], sentence: str) -> None:
    said = runsemble("runs", study, *words)
    assert said.status == 2
    assert sentence in said.sentence


def test_only_runs_that_posted_something_have_results(here: Path) -> None:
    make("-P", "i=1,3", "--", "sh", "-c", "[ {i} = 3 ] || runsemble post a=1")
    assert runsemble("results", "sweep").err == "none of 2 runs has posted a result\n"
    assert runsemble("resume", "sweep", "-q").status == 0
    assert listed(runsemble("results", "sweep", "--ids")) == [0]


def test_directories_are_printed_with_those_that_do_not_exist_on_request(here: Path) -> None:
    make("-P", "i=1,2", "--run-dir", "run {i}", "--", "true")
    directories = [str(here / "sweep" / f"run {i}") for i in (1, 2)]
    assert runsemble("rundirs", "sweep").out == ""
    assert runsemble("rundirs", "sweep", "-n").out.splitlines() == directories
    value = facts("rundirs", "sweep", "-n")
    assert [entry["run_dir"] for entry in value["directories"]] == directories
    os.mkdir(directories[1])
    assert runsemble("rundirs", "sweep", "-0").out == directories[1] + "\0"
    assert facts("rundirs", "sweep")["directories"] == [{"id": 1, "run_dir": directories[1]}]


@pytest.mark.parametrize("command", ["status", "runs", "results", "rundirs", "resume", "start", "watch", "add", "drain",
                                     "stop", "kill", "requeue", "dry-run", "on-completion"])  # fmt: skip
def test_a_directory_without_a_study_is_refused_by_every_command(here: Path, command: str) -> None:
    (here / "empty").mkdir()
    for directory, words in (("gone", "there is no directory gone"), ("empty", "there is no study in empty")):
        said = runsemble(command, directory)
        assert said.status == 2
        assert words in said.sentence


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: Path(path).write_bytes(b"x" * 10_000), "is damaged"),
        (lambda path: set_version(path, 99), "was written by a newer version of runsemble"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused_in_a_sentence(here: Path, spoil: Any, words: str) -> None:
    make("-P", "i=1", "--", "true")
    spoil("sweep/runsemble.db")
    for command in ("status", "runs", "resume", "add"):
        said = runsemble(command, "sweep", *(["-P", "i=1"] if command == "add" else []))
        assert said.status == 4, command
        assert words in said.sentence
    os.unlink("sweep/runsemble.db")


def set_version(path: str, version: int) -> None:
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {version}")
    db.commit()
    db.close()


def test_json_of_a_study_without_runs_is_whole(here: Path) -> None:
    make("-P", "i=1", "--", "true")
    for command in ("runs", "results", "rundirs"):
        said = runsemble(command, "sweep", "--json", *(["--failed"] if command == "runs" else []))
        assert json.loads(said.out)[{"rundirs": "directories"}.get(command, "runs")] == []
