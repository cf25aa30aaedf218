"""What the command line cannot make sense of gets one clear sentence and the right status, and leaves nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from .command_line import PROGRAM, OnTerminal, call, in_shell, needs_program, runsemble
from .support import names_in, text_of, wait_until

pytestmark = needs_program

#: Beyond this many characters nobody would call it a sentence.
LONGEST = 300
USAGE, NOTHING = 2, 5


class Bad(NamedTuple):
    """A command line that makes no sense."""

    words: str  #: after ``run``; blanks separate them, ␣ stands for a blank in one
    culprit: str  #: what the sentence must name
    advice: str = ""  #: by what it says what to do, or what would do
    stdin: bytes | None = None
    status: int = USAGE


ONE = "-P x=1"

#: In a directory that holds `FILES` and the directory ``taken``.
BAD = {
    # Parameters
    "no values": Bad("-P x echo", "-P x:", "NAME=VALUES"),
    "misspelt form": Bad("-P x=lnn:0:1:3 echo", "'lnn'", "did you mean 'lin'?"),
    "number beyond all floats": Bad("-P x=lin:0:1e400:3 echo", "1e400"),
    "bound beyond all floats": Bad("-P x=uniform:0:1e400 --sample random:3 echo", "1e400"),
    "more combinations than can be counted": Bad(
        "-P x=range:99999999 -P y=range:99999999 -P z=range:99999999 echo", ""
    ),
    "file that is not there": Bad("-P x=@missing echo", "missing", "No such file"),
    "given twice beside a table": Bad("--csv good.csv -P x=1 echo", "'x'", "twice"),
    "taken name": Bad("-P run_id=1 echo", "'run_id'", "choose another name"),
    "distribution that is not drawn from": Bad("-P x=uniform:0:1 echo", "-P x", "--sample lhs:100"),
    "nothing to draw from": Bad(f"{ONE} --sample lhs:3 echo", "--sample", "uniform:0:1"),
    "unknown method": Bad("-P x=uniform:0:1 --sample grid:3 echo", "grid:3", "lhs, sobol, random"),
    "digits that are no number": Bad("-P x=uniform:0:1 --sample random:² echo", "random:²", "METHOD:COUNT"),
    "no parameters at all": Bad("echo", "no parameters", "-P NAME=VALUES"),
    "option after the command": Bad("echo -P x=1", "-P", "go before the command"),
    "near miss of a parameter": Bad("-P beta=1 echo {bta}", "{bta}", "did you mean {beta}?"),
    "value of another type": Bad("-P x=1,a --types x=int echo", "'a'", "type int"),
    "cell of another type": Bad("--csv good.csv --types y=int echo", "good.csv, line 3", "type int"),
    # Files of parameters
    "directory as a table": Bad("--csv taken echo", "taken", "directory"),
    "unreadable table": Bad("--csv /proc/self/mem echo", "/proc/self/mem", "cannot be read"),
    "empty table": Bad("--csv empty echo", "empty", "first line must name the parameters"),
    "columns of one name": Bad("--csv twice.csv echo", "columns 1 and 2", "'x'"),
    "short row": Bad("--csv ragged.csv echo", "ragged.csv, line 3", "1 cell, but the header names 2 (x, y)"),
    "cells separated otherwise": Bad("--csv semicolons.csv echo", "'x;y'", "--delimiter ';'"),
    "Latin-1": Bad("--csv latin1.csv echo", "latin1.csv, line 2", "iconv -f LATIN1"),
    "UTF-16": Bad("--csv utf16.csv echo", "utf16.csv", "iconv -f UTF-16"),
    "table with a taken name": Bad("--csv taken.csv echo", "'run_id'", "choose another name"),
    "line that is no JSON": Bad("--jsonl broken.jsonl echo", "broken.jsonl, line 2", "no JSON"),
    "two files": Bad("--csv good.csv --jsonl broken.jsonl echo", "--csv and --jsonl", "combined"),
    "zero byte": Bad("--csv zero.csv echo {x}", "zero byte"),
    "UTF-16 on standard input": Bad("--csv - echo {x}", "standard input", "UTF-16", "x\n1\n".encode("utf-16")),
    "empty table on standard input": Bad("--csv - echo {x}", "standard input is empty", stdin=b""),
    # Arguments after :::
    "::: without a command": Bad("::: 1 2", "no command before :::", "runsemble run 'echo {}' ::: 1 2 3"),
    "options and no command": Bad("-j2", "no command", "-- python model.py"),
    "source beside none": Bad("echo :::+ 1", ":::+", "none"),
    "number of the job": Bad("echo {#} ::: 1", "{#}", "{run_id}"),
    "file of arguments that is not there": Bad("echo :::: missing", "missing", "No such file"),
    "header of nothing": Bad("--header : echo :::", "--header :", "none"),
    # Nothing to run
    "no arguments": Bad("echo :::", "nothing to run", status=NOTHING),
    "table of a header alone": Bad("--csv header.csv echo {x}", "nothing to run", status=NOTHING),
    "no lines on standard input": Bad("echo {}", "nothing to run", stdin=b"", status=NOTHING),
    "header alone on standard input": Bad("--csv - echo {x}", "nothing to run", stdin=b"x\n", status=NOTHING),
    # The command, its files and its directory
    "script that was forgotten": Bad(f"{ONE} python model.py", "model.py", "--input model.py"),
    "missing input": Bad(f"{ONE} --input missing echo", "'missing'", "does not exist"),
    "pattern that matches nothing": Bad(f"{ONE} --input *.nope echo", "'*.nope'", "matches"),
    "input above": Bad(f"{ONE} --input good.csv:../x echo", "'../x'", "inside the run directory"),
    "two inputs of one name": Bad(f"{ONE} --input good.csv --copy ragged.csv:good.csv echo", "'good.csv'", "rename"),
    "binary template": Bad(f"{ONE} --template binary echo", "binary", "use an input file"),
    "template that includes itself": Bad(f"{ONE} --template endless.txt echo", "endless.txt", "includes itself"),
    "template with an unknown name": Bad(f"{ONE} --template deck.in echo", "deck.in, line 2", "'nosuch'"),
    "output directory that exists": Bad(f"{ONE} -o taken echo", "taken exists", "give another"),
    "output directory that cannot be": Bad(f"{ONE} -o /proc/out echo", "/proc/out", "cannot be made"),
    "run directory above": Bad(f"{ONE} --run-dir ../{{x}} echo", "'../1'", "inside"),
    # What a run gets, and when to give up
    "no number of jobs": Bad(f"{ONE} -j many echo", "'many'", "integer"),
    "no duration": Bad(f"{ONE} -t soon echo", "'soon'", "1h30m"),
    "unknown kind of logs": Bad(f"{ONE} --logs none echo", "'none'", "'discard'"),
    "command taken for the end of --plot": Bad(f"{ONE} --plot x echo␣{{x}}", "'echo {x}'", "X and Y"),
    "misspelt option": Bad(f"{ONE} --progres echo", "--progres", "--progress"),
}  # fmt: skip

FILES = {
    "good.csv": b"x,y\n1,2\n3,b\n",
    "empty": b"",
    "header.csv": b"x\n",
    "binary": b"\x7fELF\0\xff\xfe",
    "twice.csv": b"x,x\n1,2\n",
    "ragged.csv": b"x,y\n1,2\n3\n",
    "semicolons.csv": b"x;y\n1;2\n",
    "latin1.csv": b"x\n\xe9\n",
    "utf16.csv": "x\n1\n".encode("utf-16"),
    "taken.csv": b"run_id\n1\n",
    "zero.csv": b"x\n\0\n",
    "broken.jsonl": b'{"x": 1}\n{"x":\n',
    "model.py": b"",
    "endless.txt": b"{% include 'endless.txt' %}",
    "deck.in": b"x = %%x%%\ny = %%nosuch%%\n",
}


@pytest.fixture
def with_files(here: Path) -> Path:
    """Stand in a directory with some files."""
    for name, data in FILES.items():
        (here / name).write_bytes(data)
    (here / "taken").mkdir()
    return here


@contextmanager
def nothing_left_in(path: Path) -> Iterator[None]:
    """Make sure that the block adds nothing to a directory."""
    before = names_in(path)
    yield
    assert names_in(path) == before


@pytest.mark.parametrize("what", BAD)
def test_bad_input_gets_one_sentence_and_leaves_nothing(with_files: Path, what: str) -> None:
    bad = BAD[what]
    with nothing_left_in(with_files):
        said = runsemble("run", *(word.replace("␣", " ") for word in bad.words.split(" ")), stdin=bad.stdin)
    assert "Traceback" not in said.err
    assert (said.status, said.out) == (bad.status, "")
    assert bad.culprit in said.sentence
    assert bad.advice in said.sentence
    assert len(said.sentence) <= LONGEST


def test_a_malformed_parameter_is_followed_by_the_accepted_forms(here: Path) -> None:
    said = runsemble("run", "-P", "x", "echo")
    assert said.err.count("\n  NAME=") == 7
    assert max(map(len, said.err.splitlines())) <= 100


def test_an_empty_value_may_be_meant(here: Path) -> None:
    said = runsemble("run", "--print", "-P", 'x="",a', "echo [{x}]")
    assert sorted(said.out.splitlines()) == ["[]", "[a]"], said.err


def test_bad_input_is_told_by_a_dry_run_too(with_files: Path) -> None:
    for words, culprit in (
        ("--csv ragged.csv echo", "ragged.csv, line 3"),
        (f"{ONE} --input missing echo", "'missing'"),
        (f"{ONE} --template deck.in echo", "'nosuch'"),
        (f"{ONE} -o taken echo", "taken exists"),
        (f"--json {ONE} -c 99999 echo", "99999 cores"),
        (f"--json {ONE} --halt later echo", "later"),
    ):
        with nothing_left_in(with_files):
            said = runsemble("run", "--dry-run", *words.split(" "))
        assert (said.status, said.out) == (USAGE, "")
        assert culprit in said.sentence


def test_no_directory_is_pointed_at_that_is_not_there(here: Path) -> None:
    said = runsemble("run", "-P", "x=1,2", "--run-dir", "same", "echo")
    assert said.status == USAGE
    assert "'same'" in said.sentence
    assert "add {run_id}" in said.sentence
    assert ("see multirun-" in said.out) == bool(names_in(here))


def test_parameters_that_turn_out_bad_later_keep_what_has_run(here: Path) -> None:
    text = "printf 'x\\n1\\n'; until [ -e out/0/done ]; do sleep 0.01; done; echo 1,2"
    said = in_shell(f"{{ {text}; }} | runsemble run --csv - -o out 'touch done; echo {{x}}'")
    assert said.status == USAGE
    assert "standard input, line 3: 2 cells, but the header names 1 (x)" in said.sentence
    assert "1 of 1 run succeeded" in said.out
    assert text_of("out/0/stdout") == "1\n"


@pytest.mark.parametrize(
    ("words", "culprit", "advice"),
    [
        (["rnu"], "'rnu'", "did you mean 'run'?"),
        (["xyz"], "'xyz'", "there are run, create, dry-run, start"),
        (["--verison"], "--verison", "--version"),
        (["completion", "tcsh"], "'tcsh'", "'fish'"),
        (["completion"], "{bash|zsh|fish}", "Missing argument"),
        (["doctor", "a", "b"], "b", "unexpected extra argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_misspelt_is_told_with_what_was_probably_meant(
    here: Path, words: list[str], culprit: str, advice: str
) -> None:
    said = runsemble(*words)
    assert (said.status, said.out) == (USAGE, "")
    assert culprit in said.sentence
    assert advice in said.sentence
    assert "Traceback" not in said.err


#: Commands that succeed, and whether their output is too long for one write.
TALKATIVE = {
    "table": "run echo ::: 1",
    "json": "run --json echo ::: 1",
    "print": "run --print echo ::: 1",
    "many lines": "run --dry-run -P x=range:20000 echo {x}",
    "help": "run --help",
    "doctor": "doctor",
}


@pytest.mark.parametrize("what", TALKATIVE)
def test_it_does_not_matter_that_nobody_reads_stdout(here: Path, what: str) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        said = runsemble(*TALKATIVE[what].split(" "), stdout=write)
    finally:
        os.close(write)
    assert "Traceback" not in said.err
    assert "Exception" not in said.err
    assert "Broken" not in said.err
    assert said.status == 0


@pytest.mark.parametrize("what", TALKATIVE)
def test_it_does_not_matter_that_stdout_is_closed(here: Path, what: str) -> None:
    said = call(["sh", "-c", 'exec runsemble "$@" >&-', "sh", *TALKATIVE[what].split(" ")])
    assert "Traceback" not in said.err
    assert said.status == 0


def test_the_first_line_of_the_output_may_be_all_that_is_wanted(here: Path) -> None:
    said = in_shell("seq 500 | runsemble run -o out --json 'true {}' 2>err | head -1; echo ${PIPESTATUS[1]}")
    assert '"schema"' in said.out
    assert said.out.splitlines()[-1] == "0"
    assert len(text_of("err").splitlines()) == 1
    assert len(names_in("out")) >= 500


def test_a_failed_run_counts_though_nobody_reads(here: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        assert runsemble("run", "exit {}", ":::", "1", stdout=write).status == 1
    finally:
        os.close(write)
    assert call(["sh", "-c", "exec runsemble run 'exit {}' ::: 1 >&-"]).status == 1


def test_stderr_may_be_closed_or_unread(here: Path) -> None:
    assert in_shell("runsemble run --print 'echo {}; exit 1' ::: 1 2>&-")[:2] == (1, "1\n")
    assert in_shell("runsemble run -P x echo 2>&-")[:2] == (USAGE, "")


#: What a line on stderr can meet: a disk that is full, and a reader that has gone.
UNHEARD = {
    "full": "runsemble run {} 2>/dev/full >out.txt",
    "unread": "runsemble run {} 2>&1 >out.txt",
}


@pytest.mark.parametrize("how", UNHEARD)
@pytest.mark.parametrize(
    ("words", "status", "lines"),
    [
        ("-o out -P x=0.10 -- sh -c 'exit 1'", 1, "1 failed"),
        ("-o out --print -P x=0.10 -- sh -c 'echo {x}; exit 1'", 1, "0.10"),
        ("-o out --json --plot x x -P x=0.10 -- true", 0, '"exit_status": 0'),
        ("--dry-run -P x=0.10 -- echo {x}", 0, "echo 0.10"),
        ("-P x echo", USAGE, ""),
        ("--nosuch", USAGE, ""),
        ("echo :::", NOTHING, ""),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_cannot_be_said_on_stderr_changes_nothing(
    here: Path, how: str, words: str, status: int, lines: str
) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        assert in_shell(UNHEARD[how].replace("{}", words, 1), stdout=write).status == status
    finally:
        os.close(write)
    assert lines in text_of("out.txt")


@pytest.mark.parametrize(
    ("words", "culprit"),
    [("echo {}", "no parameters"), ("--csv - echo", "standard input"), ("-a - echo", "standard input")],
)
def test_standard_input_may_be_closed(here: Path, words: str, culprit: str) -> None:
    with nothing_left_in(here):
        said = call(["sh", "-c", 'exec runsemble run "$@" <&-', "sh", *words.split(" ")])
    assert (said.status, said.out) == (USAGE, "")
    assert culprit in said.sentence
    assert "NoneType" not in said.err


def test_runs_have_an_empty_standard_input_when_ours_is_closed(here: Path) -> None:
    said = call(["sh", "-c", "exec runsemble run --print 'wc -c; echo {}' ::: 1 <&-"])
    assert (said.status, said.out) == (0, "0\n1\n")


def test_a_terminal_is_not_waited_at_for_parameters(here: Path) -> None:
    with nothing_left_in(here), OnTerminal([PROGRAM, "run", "echo", "{}"]) as terminal:
        assert terminal.wait_end() == USAGE
    assert "there are no parameters: give -P NAME=VALUES" in terminal.raw
    assert "Traceback" not in terminal.raw


def test_parameters_may_be_typed_where_they_are_asked_for(here: Path) -> None:
    with OnTerminal([PROGRAM, "run", "-o", "out", "--csv", "-", "echo", "{x}"]) as terminal:
        terminal.type("x\n1\n")
        wait_until("the first run has begun", lambda: os.path.exists("out/0/stdout"))
        terminal.type("2\n\x04")
        assert terminal.wait_end() == 0
    assert "2 of 2 runs succeeded" in terminal.raw


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_signs_that_the_terminal_lacks_are_no_reason_to_fail(here: Path, encoding: str) -> None:
    for words in (("run", "echo", ":::", "日本"), ("run", "--dry-run", "echo", ":::", "日本"), ("doctor",)):
        said = runsemble(*words, PYTHONIOENCODING=encoding)
        assert "Traceback" not in said.err
        assert said.status == 0


def test_without_a_home_it_is_told_what_is_wrong_all_the_same(here: Path) -> None:
    said = runsemble("run", "-P", "x", "echo", HOME=None)
    assert (said.status, said.out) == (USAGE, "")
    assert "NAME=VALUES" in said.sentence
    assert runsemble("run", "--print", "echo", ":::", "1", HOME=None)[:2] == (0, "1\n")


def test_where_nothing_can_be_written_it_says_so(here: Path) -> None:
    said = runsemble("run", "echo", ":::", "1", cwd="/proc")
    assert (said.status, said.out) == (USAGE, "")
    assert "output directory /proc/multirun-" in said.sentence
    assert "cannot be made" in said.sentence


def test_a_directory_that_is_gone_is_told(here: Path) -> None:
    said = in_shell("mkdir gone; cd gone; rmdir ../gone; runsemble run echo ::: 1")
    assert (said.status, said.out) == (USAGE, "")
    assert "current directory does not exist any more" in said.sentence


def test_a_terminal_of_no_width_is_taken_for_an_ordinary_one(here: Path) -> None:
    with OnTerminal([PROGRAM, "run", "echo", ":::", "1"], columns=0) as terminal:
        assert terminal.wait_end() == 0
    assert "run  arg1  output  status" in terminal.raw
