"""`runsemble run`: a whole study from the shell, its output and its exit status."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from .command_line import PROGRAM, Said, call, in_shell, needs_program, planned, runsemble
from .support import names_in, run_directories_in, text_of

pytestmark = needs_program

#: Takes one option, reads a file beside it, posts a result.
MODEL = """
import argparse
from runsemble import post_run_results
parser = argparse.ArgumentParser()
parser.add_argument("--beta", type=float)
beta = parser.parse_args().beta
observed = float(open("observed.csv").read())
post_run_results({"loss": (beta - observed) ** 2})
"""
RUN_KEYS = {
    "id", "status", "cause", "message", "returncode", "attempts", "run_dir", "stdout", "stderr", "usage", "params",
    "result", "result_error", "output",
}  # fmt: skip


def statuses(said: Said) -> list[str]:
    return [run["status"] for run in said.results["runs"]]


def test_a_grid_runs_as_it_is_written_in_the_manual(here: Path) -> None:
    (here / "model.py").write_text(MODEL)
    (here / "observed.csv").write_text("0.5\n")
    said = in_shell(
        "runsemble run -P beta=lin:0.1:0.9:9 -P gamma=0.1,0.2 -j 2 -c 1 -t 30s --input model.py --input observed.csv"
        " -o sweep -- python model.py --beta {beta}"
    )
    assert (said.status, said.err) == (0, "")
    assert "18 of 18 runs succeeded" in said.out
    head, *rows = said.out.splitlines()[:19]
    assert head.split()[:5] == ["run", "beta", "gamma", "loss", "status"]
    assert [row.split()[1] for row in rows] == [f"0.{at // 2 + 1}" for at in range(18)]
    assert set(map(str, range(18))) <= set(names_in("sweep"))
    assert json.loads(text_of("sweep/1/params.json")) == {"beta": 0.1, "gamma": 0.2}
    assert json.loads(text_of("sweep/16/results.json"))["loss"] == pytest.approx(0.16)


def test_a_table_runs_as_it_is_written_in_the_manual(here: Path) -> None:
    (here / "sim").write_text('#!/bin/sh\necho "$#: $1 $2"\n')
    (here / "sim").chmod(0o755)
    (here / "params.csv").write_text("x,y\n0.10,a b\n2,c\n")
    said = in_shell("runsemble run --csv params.csv -- ./sim {x} {y}")
    assert said.status == 0
    (output,) = here.glob("multirun-*")
    assert f"2 of 2 runs succeeded in 0.1 s; see {output.name}/" in re.sub("in [^;]*;", "in 0.1 s;", said.out)
    assert [text_of(output / name / "stdout") for name in "01"] == ["2: 0.10 a b\n", "2: 2 c\n"]
    assert json.loads(text_of(output / "0/params.json")) == {"x": "0.10", "y": "a b"}


def test_lists_of_arguments_run_as_with_gnu_parallel(here: Path) -> None:
    said = in_shell("runsemble run -j2 'sleep {}' ::: 0.01 0.02 0.03")
    assert (said.status, said.err) == (0, "")
    assert [line.split()[:3] for line in said.out.splitlines()[1:4]] == [
        ["0", "0.01", "ok"],
        ["1", "0.02", "ok"],
        ["2", "0.03", "ok"],
    ]


def test_lines_of_standard_input_are_arguments_of_runs_that_do_not_read_it_themselves(here: Path) -> None:
    said = in_shell("seq 3 | runsemble run --print 'cat; echo line {}' | sort")
    assert (said.status, said.out) == (0, "line 1\nline 2\nline 3\n")


def test_json_holds_everything_that_is_known_of_every_run(here: Path) -> None:
    script = 'runsemble post loss=0.{x}; echo "out {x}"; exit {code}'
    said = runsemble("run", "-j1", "--json", "-P", "x=1,2", "-P", "code=0,3", "-o", "out", script)
    assert said.status == 1
    value = said.results
    assert (value["schema"], value["exit_status"], value["halted"]) == ("runsemble.results/1", 1, None)
    assert value["counts"] == {"success": 2, "failure": 2, "skipped": 0, "total": 4}
    assert value["command"] == ["/bin/sh", "-c", script]
    assert value["output_path"] == str(here / "out")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value["started"])
    assert value["wall_s"] > 0
    runs = value["runs"]
    assert all(set(run) == RUN_KEYS for run in runs)
    assert [(run["id"], run["status"], run["cause"], run["returncode"], run["attempts"]) for run in runs] == [
        (0, "success", "ok", 0, 1),
        (1, "failure", "exit", 3, 1),
        (2, "success", "ok", 0, 1),
        (3, "failure", "exit", 3, 1),
    ]
    assert [run["params"] for run in runs] == [{"x": x, "code": code} for x in (1, 2) for code in (0, 3)]
    assert [run["result"] for run in runs] == [{"loss": x / 10} for x in (1, 1, 2, 2)]
    assert [text_of(run["stdout"]) for run in runs] == ["out 1\n", "out 1\n", "out 2\n", "out 2\n"]
    assert all(run["usage"]["wall_s"] > 0 for run in runs)
    assert "run 1 failed: exit code 3 — see out/1/stderr" in said.err.splitlines()


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("printf '{\"a\": 0.' > results.json", "is not valid JSON"),
        ("echo '{\"a\": NaN}' > results.json", None),
        ("printf '\\377' >&2; exit 3", None),
    ],
    ids=["result in part", "not a number", "no text"],
)
def test_json_is_json_whatever_runs_leave_behind(here: Path, script: str, problem: str | None) -> None:
    said = runsemble("run", "--json", "-P", "x=1", script)

    def refuse(word: str) -> None:
        raise ValueError(word)

    (run,) = json.loads(said.out, parse_constant=refuse)["runs"]
    assert problem is None if run["result_error"] is None else problem in run["result_error"]


@pytest.mark.parametrize("words", [(b"./\xff", b":::", b"1"), (b"echo {}", b":::", b"\xff")], ids=["program", "value"])
@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["results", "plan"])
def test_json_is_json_with_bytes_that_are_no_text(here: Path, words: tuple[bytes, ...], dry: tuple[str, ...]) -> None:
    (here / os.fsdecode(b"\xff")).touch(0o755)
    said = runsemble("run", "--json", *dry, *words, PYTHONIOENCODING="utf-8:strict")
    assert "Traceback" not in said.err
    assert len(said.results["runs"]) == 1


def test_print_copies_the_output_of_runs_and_nothing_else_to_stdout(here: Path) -> None:
    said = runsemble("run", "-j1", "--print", "printf '%s\\n' {} {}; echo bad >&2; exit {}", ":::", "0", "4")
    assert (said.status, said.out) == (1, "0\n0\n4\n4\n")
    assert "run 1 failed: exit code 4 — bad" in said.err
    assert "2/2 runs in" in said.err


def test_outputs_are_printed_whole_while_runs_write_at_the_same_time(here: Path) -> None:
    said = runsemble("run", "-j2", "--print", "for i in 1 2 3; do echo {}; done", ":::", *map(str, range(40)))
    lines = said.out.split()
    assert sorted(lines, key=int) == [str(at) for at in range(40) for _ in range(3)]
    assert all(len(set(lines[at : at + 3])) == 1 for at in range(0, 120, 3))


def test_nothing_but_what_goes_wrong_is_said_when_quiet(here: Path) -> None:
    good, bad = (runsemble("run", "-q", "exit {}", ":::", code) for code in "03")
    assert good == (0, "", "")
    assert (bad.status, bad.out) == (1, "")
    assert "run 0: exit code 3 (see " in bad.err


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (2, ("no-such-program", ":::", "1")),
        (3, ("--max-failures", "0", "exit {}", ":::", "1")),
        (1, ("--halt", "soon,fail=2", "exit {}", ":::", "1", "0")),
        (4, ("kill -9 $PPID; sleep 30; true {}", ":::", "1")),
        (5, ("echo", ":::")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_the_exit_status_says_how_it_ended(here: Path, status: int, words: tuple[str, ...]) -> None:
    said = runsemble("run", *words)
    assert said.status == status
    assert "Traceback" not in said.err
    assert "\x1b" not in said.out + said.err


def test_giving_up_soon_lets_running_runs_finish_and_skips_the_others(here: Path) -> None:
    said = runsemble("run", "-j2", "--json", "--halt", "soon,fail=3%", "-P", "i=range:1000", "test {i} -ge 30")
    assert said.status == 3
    value = said.results
    assert (value["halted"], value["exit_status"]) == ("soon,fail=3%", 3)
    assert value["counts"]["failure"] == 30
    assert value["counts"]["skipped"] > 800
    assert statuses(said)[:30] == ["failure"] * 30
    assert {run["cause"] for run in value["runs"][:30]} == {"exit"}
    assert "nothing new is started: 30 runs failed" in said.err


def test_giving_up_now_ends_running_runs(here: Path) -> None:
    script = "[ {} -gt 0 ] || { until [ -e ../1/begun ]; do sleep 0.01; done; exit 7; }; touch begun; sleep 60"
    said = runsemble("run", "-j2", "--json", "--halt", "now,fail=1", "-o", "out", script, ":::", *map(str, range(9)))
    assert (said.status, said.results["halted"]) == (3, "now,fail=1")
    runs = said.results["runs"]
    assert [(run["cause"], run["returncode"]) for run in runs[:1]] == [("exit", 7)]
    assert (runs[1]["status"], runs[1]["cause"]) == ("skipped", "aborted")
    assert statuses(said)[3:] == ["skipped"] * 6


def test_one_success_is_enough_for_a_search(here: Path) -> None:
    said = runsemble("run", "-j1", "--json", "--halt", "now,success=1", "[ {} -gt 1 ]", ":::", *map(str, range(300)))
    assert (said.status, said.results["halted"]) == (0, "now,success=1")
    assert statuses(said)[:3] == ["failure", "failure", "success"]
    assert statuses(said)[-1] == "skipped"


def test_failed_runs_are_tried_again(here: Path) -> None:
    said = runsemble("run", "--retries", "2", "--json", "echo >> ../{}; [ $(wc -l < ../{}) -eq 3 ]", ":::", "a", "b")
    assert said.status == 0
    assert [run["attempts"] for run in said.results["runs"]] == [3, 3]


def test_a_run_that_takes_too_long_is_ended(here: Path) -> None:
    said = runsemble("run", "-t", "0.2s", "--json", "sleep {}", ":::", "0", "60")
    assert said.status == 1
    assert [(run["status"], run["cause"]) for run in said.results["runs"]] == [
        ("success", "ok"),
        ("failure", "timeout"),
    ]


def test_a_dry_run_prints_commands_that_a_shell_takes_and_leaves_nothing(here: Path) -> None:
    said = runsemble("run", "--dry-run", "-o", "out", "--env", "A={x}", "-P", "x=it's,b", "--", "printf", "%s.", "{x}")
    assert said.status == 0
    assert "2 runs would start" in said.err
    directories, commands = zip(*(line.split(": ", 1) for line in said.out.splitlines()), strict=True)
    assert directories == ("out/0", "out/1")
    assert in_shell("; ".join(commands)).out == "it's.b."
    assert names_in(here) == []
    plan = runsemble("run", "--dry-run", "--json", "-o", "out", "--env", "A={x}", "-P", "x=it's,b", "--", "p", "{x}")
    assert (plan.err, names_in(here)) == ("", [])
    assert {key: plan.results[key] for key in ("schema", "command", "output_path", "count")} == {
        "schema": "runsemble.plan/1",
        "command": ["p", "{x}"],
        "output_path": str(here / "out"),
        "count": 2,
    }
    assert plan.results["runs"][0] == {
        "id": 0, "run_dir": str(here / "out/0"), "argv": ["p", "it's"], "env": {"A": "it's"}, "files": [],
        "params": {"x": "it's"},
    }  # fmt: skip


def test_files_reach_runs_linked_copied_renamed_and_filled_in(here: Path) -> None:
    (here / "data.txt").write_text("data\n")
    (here / "deck.in").write_text("beta = %%beta%%\n")
    said = runsemble(
        "run", "--print", "-i", "data.txt:input", "--copy", "data.txt", "--template", "deck.in:deck", "-P", "beta=0.10",
        "echo more >> data.txt; cat input data.txt deck",
    )  # fmt: skip
    assert (said.status, said.out) == (0, "data\ndata\nmore\nbeta = 0.10\n")
    assert (here / "data.txt").read_text() == "data\n"


def test_directories_and_variables_are_named_after_parameters(here: Path) -> None:
    said = runsemble(
        "run", "--print", "-o", "out", "--run-dir", "beta={beta}", "--env", "LABEL=b{beta}", "-P", "beta=0.1",
        "echo $LABEL $RUNSEMBLE_CORES; basename $PWD",
    )  # fmt: skip
    assert said.status == 0
    assert re.fullmatch(r"b0\.1 \d+\nbeta=0\.1\n", said.out)
    assert run_directories_in("out") == ["beta=0.1"]


@pytest.mark.parametrize("logs", ["files", "merged", "tail", "discard"])
def test_output_is_kept_as_asked(here: Path, logs: str) -> None:
    said = runsemble("run", "--logs", logs, "--print", "-o", "out", "echo {}; echo err >&2", ":::", "1")
    expected: dict[str, tuple[str, set[str]]] = {
        "files": ("1\n", {"stdout", "stderr"}),
        "merged": ("1\nerr\n", {"output"}),
        "tail": ("1\nerr\n", set()),
        "discard": ("", set()),
    }
    printed, files = expected[logs]
    assert (said.status, said.out) == (0, printed)
    assert set(names_in("out/0")) - {"params.json"} == files


def test_a_study_of_many_runs_is_summed_up_with_what_failures_have_in_common(here: Path) -> None:
    said = runsemble("run", "-P", "i=range:30", "-P", "mode=fast,slow", "test {mode} = fast || exit 9")
    assert said.status == 1
    assert "30 of 60 runs succeeded, 30 failed" in said.out
    assert "Failed: exit code 9 (30×)" in said.out
    assert "mode = slow: 30 of 30 runs failed, elsewhere 0 of 30" in said.out
    assert said.out.count("see multirun-") == 1
    assert said.out.count("nothing in multirun-") == 5
    assert "further failures are counted, not listed" in said.err


def test_the_remaining_time_may_be_asked_for_where_there_is_no_terminal(here: Path) -> None:
    said = runsemble("run", "--eta", "--bar", "true {}", ":::", "1", "2")
    assert (said.status, said.err) == (0, "")
    assert "2 of 2 runs succeeded" in said.out


def test_without_home_and_path_it_runs_all_the_same(here: Path) -> None:
    said = in_shell(f"env -i {PROGRAM} run --print 'echo {{}}' ::: 1")
    assert (said.status, said.out) == (0, "1\n")


def test_a_run_may_start_a_study_of_its_own_and_shows_no_bar(here: Path) -> None:
    said = runsemble("run", "--print", "-P", "x=1,2", "runsemble run --print -P y={x} 'echo inner {y}'")
    assert (said.status, sorted(said.out.splitlines())) == (0, ["inner 1", "inner 2"])


def test_version_and_help_say_what_there_is_and_import_little(here: Path) -> None:
    assert re.fullmatch(r"runsemble \d+\.\S+\n", runsemble("--version").out)
    for words in ((), ("-h",)):
        said = runsemble(*words)
        assert said.status == 0
        assert all(name in said.out for name in ("run", "doctor", "completion", "param", "post"))
    assert runsemble("doctor", "-h").out.startswith("Usage: runsemble doctor ")
    probe = "import sys; from runsemble.cli.app import run_app; run_app(['--help']); print('asyncio' in sys.modules)"
    said = in_shell(f'python -c "{probe}" | tail -1')
    assert said.out == "False\n"


def test_every_example_of_the_help_is_understood(here: Path) -> None:
    (here / "model.py").write_text("")
    (here / "params.csv").write_text("x,y\n1,2\n")
    text = runsemble("--help").out + runsemble("run", "--help").out
    examples = [line.strip() for line in text.splitlines() if re.match(r"  +(seq .*)?runsemble run ", line)]
    assert len(examples) >= 6
    joined = " && ".join(example.replace("runsemble run", "runsemble run --dry-run") for example in examples)
    said = in_shell(joined)
    assert said.status == 0, said.err
    assert said.err.count("nothing was run") == len(examples)


def test_params_are_what_the_plan_says(here: Path) -> None:
    words = ("-P", "x=1,0.5,0.10,abc", "-o", "out")
    expected: list[dict[str, Any]] = [run["params"] for run in planned(*words, "true")]
    assert runsemble("run", *words, "true").status == 0
    assert [json.loads(text_of(f"out/{at}/params.json")) for at in range(4)] == expected
    assert expected == [{"x": 1}, {"x": 0.5}, {"x": "0.10"}, {"x": "abc"}]


def test_the_output_directory_gets_another_name_when_one_is_taken_already(here: Path) -> None:
    said = in_shell("for i in 1 2 3; do runsemble run -q true ::: 1 || exit; done")
    assert said == (0, "", "")
    assert len(os.listdir(here)) == 3


def test_the_program_is_a_module_too(here: Path) -> None:
    said = call([sys.executable, "-m", "runsemble", "run", "--print", "-q", "-P", "x=1,2", "-j1", "echo {x}"])
    assert (said.status, said.out, said.err) == (0, "1\n2\n", "")


def test_what_runs_print_is_drawn_where_it_is_a_number(here: Path) -> None:
    said = runsemble(
        "run", "-o", "out", "--plot", "k", "output", "-P", "k=range:25", "test {k} = 3 && echo none || echo .{k}"
    )
    assert said.status == 0
    assert said.out.splitlines()[-1].endswith(
        "/out/output-vs-k.png (24 of 25 runs: the others lack one of the two numbers)"
    )
    assert (here / "out/output-vs-k.png").exists()
