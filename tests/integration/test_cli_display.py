"""What `runsemble run` draws: as wide as the terminal, on stderr, in colour only where that is wanted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from runsemble.display.table import columns_of

from .command_line import PROGRAM, OnTerminal, needs_program, plain, runsemble
from .support import Gate

pytestmark = needs_program

#: Four runs, the third of which fails after the others have been drawn as running.
STUDY = ["run", "-j2", "-o", "out", "--eta", "-P", "i=0,1,2,3"]
#: The least width of a table.
LEAST = 20


def screen(raw: str, columns: int) -> list[str]:
    """Return the lines that a terminal shows after it has been sent something."""
    pyte = pytest.importorskip("pyte")
    shown = pyte.Screen(columns, 200)
    pyte.Stream(shown).feed(raw)
    return [line.rstrip() for line in shown.display]


def drawings(raw: str) -> list[str]:
    """Return every bar that has been drawn."""
    return [piece for piece in re.split(r"[\r\n]", plain(raw)) if re.search(r"\d/4(?!/)( |$)", piece)]


@pytest.mark.parametrize("columns", [10, 40, 80, 200])
def test_the_bar_fits_the_terminal_and_ends_with_all_runs(here: Path, gate: Gate, columns: int) -> None:
    script = f"{gate.words}; test {{i}} -ne 2"
    with OnTerminal([PROGRAM, *STUDY, script], columns) as terminal:
        terminal.wait_said("0/4")
        gate.open()
        assert terminal.wait_end() == 1
    drawn = drawings(terminal.raw)
    assert max(map(columns_of, drawn)) <= columns
    assert "4/4" in drawn[-1]
    assert "2/4" not in drawn[-1]
    lines = screen(terminal.raw, columns)
    assert sum("4/4" in line for line in lines) == 1, "there are remains of a bar on the screen"
    assert not any(re.search(r"[0-3]/4( |$)", line) for line in lines)
    text = "".join(lines)
    assert ("3 of 4 runs succeeded, 1 failed" in text) or columns < 40
    assert "run 2 failed: exit code 1" in text
    if columns >= 24:
        assert re.match(r"100%\|█+\| 4/4", drawn[-1])
        assert "1 failed" in drawn[-1]
    if columns >= 120:
        assert "runs/s" in drawn[-1]


@pytest.mark.parametrize("columns", [10, 40, 80, 200])
def test_the_table_fits_the_terminal(here: Path, columns: int) -> None:
    words = [
        "-P",
        "beta=0.1,0.123456789",
        "-P",
        "name=a,日本語日本語日本語日本語日本語日本語",
        "-P",
        f"text={'x' * 90}",
    ]
    with OnTerminal([PROGRAM, "run", *words, "exit 1"], columns, {"NO_COLOR": "1"}) as terminal:
        assert terminal.wait_end() == 1
    lines = terminal.raw.replace("\r\n", "\n").split("\n")
    begin = next(at for at, line in enumerate(lines) if line.startswith("run  "))
    table = lines[begin : lines.index("", begin)]
    assert len(table) >= 5
    assert max(map(columns_of, table)) <= max(columns, LEAST)
    assert [line.split()[0] for line in table[1:5]] == ["0", "1", "2", "3"]
    assert ("(no room for" in table[-1]) == (columns < 80)


def test_the_bar_disappears_behind_messages_and_comes_again(here: Path, gate: Gate) -> None:
    script = f"test {{i}} = 0 && exit 7; {gate.words}"
    with OnTerminal([PROGRAM, *STUDY, script], 100) as terminal:
        terminal.wait_said("run 0 failed: exit code 7 — see out/0/stderr")
        gate.open()
        assert terminal.wait_end() == 1
    lines = screen(terminal.raw, 100)
    assert lines[0] == "run 0 failed: exit code 7 — see out/0/stderr"
    assert re.match(r"100%\|█+\| 4/4 \[.*1 failed", lines[1])
    assert lines[2].startswith("run  i  status")


def test_the_remaining_time_and_its_clock_are_shown_when_they_can_be_told(here: Path, gate: Gate) -> None:
    script = f"[ {{i}} -lt 2 ] || {{ {gate.words}; }}"
    with OnTerminal([PROGRAM, *STUDY, script], 100) as terminal:
        terminal.wait_said("ends ")
        gate.open()
        assert terminal.wait_end() == 0
    (shown, *_) = (piece for piece in drawings(terminal.raw) if "ends " in piece)
    assert re.search(r"2/4 \[00:0\d<[\d.-]+ m?s, ends (\d\d:\d\d:\d\d-)?\d\d:\d\d:\d\d, ", shown)
    assert "ends" not in drawings(terminal.raw)[-1]


@pytest.mark.parametrize(
    ("env", "on_terminal", "is_coloured"),
    [
        ({}, True, True),
        ({"NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({"CLICOLOR": "0"}, True, False),
        ({}, False, False),
        ({"FORCE_COLOR": "1"}, False, True),
    ],
    ids=[
        "terminal",
        "terminal and NO_COLOR",
        "dumb terminal",
        "terminal and CLICOLOR",
        "no terminal",
        "no terminal and FORCE_COLOR",
    ],
)
def test_failures_are_red_where_colour_is_wanted(
    here: Path, env: Mapping[str, str | None], on_terminal: bool, is_coloured: bool
) -> None:
    words = ["run", "--bar", "exit {}", ":::", "0", "1"]
    if on_terminal:
        with OnTerminal([PROGRAM, *words], env=env) as terminal:
            assert terminal.wait_end() == 1
        shown = terminal.raw
    else:
        said = runsemble(*words, **env)
        shown = said.out + said.err
        assert "\r" not in shown
    assert ("\x1b[31m  run 1 failed: exit code 1" in shown) == is_coloured
    assert ("\x1b" in shown) == is_coloured
    assert "run 1 failed" in plain(shown)


def test_no_run_and_no_parameter_can_move_the_cursor(here: Path) -> None:
    evil = "\x1b[2J\x1b]0;title\x07\r"
    script = "printf '%s' {x} {x} >&2; printf '%s' {x}; exit 1"
    with OnTerminal([PROGRAM, "run", "-P", f"x={evil},a", script], env={"NO_COLOR": "1"}) as terminal:
        assert terminal.wait_end() == 1
    assert "\x1b[2J" not in terminal.raw
    assert "\x1b]" not in terminal.raw
    assert "\x07" not in terminal.raw
    assert "?[2J" in terminal.raw


@pytest.mark.parametrize("words", [("--no-bar",), ("-q",)], ids=["no bar", "quiet"])
def test_the_bar_may_be_unwanted(here: Path, words: tuple[str, ...]) -> None:
    with OnTerminal([PROGRAM, "run", *words, "sleep {}", ":::", "0.2", "0.3"]) as terminal:
        assert terminal.wait_end() == 0
    assert "\r" not in terminal.raw.replace("\r\n", "\n")
    assert ("2 of 2 runs succeeded" in terminal.raw) == (words == ("--no-bar",))


def test_the_bar_is_shown_on_stderr_when_stdout_goes_elsewhere(here: Path, gate: Gate) -> None:
    command = 'exec "$0" run -j2 --json "$1" ::: 1 2 > results'
    with OnTerminal(["sh", "-c", command, PROGRAM, f"{gate.words}; true {{}}"]) as terminal:
        terminal.wait_said("0/2")
        gate.open()
        assert terminal.wait_end() == 0
    assert "| 2/2 [" in plain(terminal.raw)
    assert json.loads((here / "results").read_text())["counts"]["success"] == 2


def test_printed_output_on_a_terminal_has_its_own_lines_and_no_bar_between(here: Path, gate: Gate) -> None:
    script = f"[ {{i}} -lt 2 ] || {{ {gate.words}; }}; echo this is {{i}}; exit {{i}}"
    with OnTerminal([PROGRAM, "run", "-j4", "--print", "-P", "i=0,1,2", script], 100) as terminal:
        terminal.wait_said("this is 1")
        gate.open()
        assert terminal.wait_end() == 1
    lines = [line for line in screen(terminal.raw, 100) if line]
    assert sorted(lines[:3]) == ["this is 0", "this is 1", "this is 2"]
    assert re.fullmatch("3/3 runs in .*: 1 succeeded, 2 failed, 0 skipped", lines[3])
    assert "2 of 3 runs failed" in lines[4]


def test_printed_output_that_goes_elsewhere_leaves_the_terminal_to_the_bar(here: Path, gate: Gate) -> None:
    command = 'exec "$0" run --print "$1" ::: 1 2 > printed'
    with OnTerminal(["sh", "-c", command, PROGRAM, f"{gate.words}; echo {{}}"]) as terminal:
        terminal.wait_said("0/2")
        gate.open()
        assert terminal.wait_end() == 0
    assert "| 2/2 [" in plain(terminal.raw)
    assert "2/2 runs" not in terminal.raw


def test_help_may_be_asked_for_as_a_command(here: Path) -> None:
    assert runsemble("help") == runsemble("--help")
    assert runsemble("help", "run") == runsemble("run", "--help")
    assert runsemble("help", "param") == runsemble("param", "--help")


def test_help_does_not_sprawl_on_a_wide_terminal(here: Path) -> None:
    with OnTerminal([PROGRAM, "run", "--help"], 200) as terminal:
        assert terminal.wait_end() == 0
    assert max(map(columns_of, terminal.raw.replace("\r", "").split("\n"))) <= 100
