"""What the sub-commands do with an ensemble, and what they print."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from runsemble.compat.themis import Themis
from runsemble.compat.themis.__main__ import main
from runsemble.compat.themis._follow import follow
from runsemble.compat.themis._progress import progress_bar
from runsemble.compat.themis._runs import Step
from runsemble.compat.themis._variables import RUNID_ENV_VAR, SETUPDIR_ENV_VAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    code: int
    out: str
    err: str


Type = Callable[[str], Done]


@pytest.fixture
def type_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Type:
    monkeypatch.chdir(tmp_path)
    Path("app").write_text("#!/bin/sh\n")
    Path("app").chmod(0o755)
    Path("hooks.py").write_text(
        "from runsemble.compat.themis import user_utils\n\n\ndef post_run():\n    return 10 * user_utils.run_id()\n"
    )
    Path("params.csv").write_text("a,b\n1,x\n2,y\n")
    Path("steps.csv").write_text("args,batch_script\n/bin/ls -l,False\n/bin/echo,yes\n")

    def type_(line: str) -> Done:
        code = main(line.split())
        captured = capsys.readouterr()
        return Done(code=code, out=captured.out, err=captured.err)

    return type_


@pytest.fixture
def ensemble(type_: Type) -> Themis:
    assert type_("create --interface hooks.py app params.csv") == SILENT
    return Themis()


SILENT = Done(code=0, out="", err="")


def test_create_makes_a_run_for_each_row(type_: Type) -> None:
    assert type_("create -a=-x -n 4 app params.csv") == SILENT
    runs = Themis().runs([1, 2])
    assert [run.sample for run in runs.values()] == [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]
    app = os.path.abspath("app")
    assert [(step.args, step.tasks) for run in runs.values() for step in run.steps] == [([app, "-x"], 4)] * 2


def test_create_without_parameters_makes_no_run(type_: Type) -> None:
    assert type_("create app") == SILENT
    assert Themis().count_by_status() == 0


def test_create_leaves_an_ensemble_that_is_there_alone(type_: Type, ensemble: Themis) -> None:
    text = "Themis setup exists in './.themis_setup' and `--overwrite` flag not given, doing nothing...\n"
    assert type_("create app") == Done(code=0, out=text, err="")
    assert ensemble.count_by_status() == 2
    assert type_("create app --overwrite") == SILENT
    assert Themis().count_by_status() == 0


def test_create_composite_gives_every_run_the_same_steps(type_: Type) -> None:
    assert type_("--setup-dir s create-composite params.csv steps.csv") == SILENT
    runs = Themis("s").runs([1, 2])
    assert [[(step.args, step.batch_script) for step in run.steps] for run in runs.values()] == [
        [(["/bin/ls", "-l"], False), (["/bin/echo"], True)]
    ] * 2


def test_runs_are_added(type_: Type, ensemble: Themis) -> None:
    Path("more.csv").write_text("args,tasks\n-y,3\n")
    assert type_("add more.csv --vary-all") == SILENT
    assert type_("add-composite params.csv steps.csv") == SILENT
    runs = ensemble.runs(range(1, 6))
    assert [len(run.steps) for run in runs.values()] == [1, 1, 1, 2, 2]
    (step,) = runs[3].steps
    assert (step.args, step.tasks) == ([os.path.abspath("app"), "-y"], 3)
    assert runs[3].sample == {"args": "-y", "tasks": "3"}


def test_a_table_that_is_none_is_an_error_and_nothing_is_created(type_: Type) -> None:
    assert type_("create app nothing.csv").err.startswith("FileNotFoundError: ")
    assert type_("create-composite params.csv params.csv").err.startswith("ValueError: params.csv, step 0: 'a' is none")
    assert not Themis.exists()


def test_an_allocation_is_still_to_come(type_: Type, ensemble: Themis) -> None:
    done = type_("execute-alloc -N 2")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("NotImplementedError: execute_alloc comes with")


def test_a_local_execution_is_silent(type_: Type, ensemble: Themis) -> None:
    assert type_("execute-local -b --timeout 2") == SILENT
    assert ensemble.filter_by_status(Themis.RUN_SUCCESS) == (1, 2)


def test_runs_are_prepared_killed_and_restarted(type_: Type, ensemble: Themis) -> None:
    assert type_("dryrun -v 1 2").out.splitlines() == [f"Executing dry run #{run} in 'runs/{run}'..." for run in (1, 2)]
    assert sorted(os.listdir("runs")) == ["1", "2"]
    assert type_("kill 1 2") == SILENT
    assert type_("restart 2 --hard") == SILENT
    assert ensemble.filter_by_status(Themis.RUN_KILLED) == (1,)


def test_a_command_is_run_once_all_have_ended(type_: Type, ensemble: Themis) -> None:
    assert type_("completion --stdout done -- echo all") == SILENT
    assert type_("execute-local -b") == SILENT
    assert Path("done").read_text() == "all\n"


def test_progress_is_a_bar_after_the_counts(type_: Type, ensemble: Themis) -> None:
    ensemble.kill_runs([1])
    bar = "\n" + progress_bar(1, 2) + "\n\n\n"
    assert type_("progress").out == bar
    counts = "Queued runs: 1\nSuccessful runs: 0\nFailed runs: 0\nKilled runs: 1\nAborted runs: 0\n"
    assert type_("progress -v").out == type_("-v progress").out == counts + bar


def test_progress_is_followed_until_all_runs_have_ended() -> None:
    states = iter([(0, 2), (0, 2), (1, 2), (2, 2)])
    stream, pauses = io.StringIO(), list[float]()
    follow(lambda: next(states), stream, 0.25, pauses.append)
    assert stream.getvalue().splitlines() == [progress_bar(done, 2, None) for done in (0, 1, 2)]
    assert pauses == [0.25] * 3


def test_what_has_ended_is_not_waited_for(type_: Type, ensemble: Themis) -> None:
    ensemble.kill_runs([1, 2])
    assert type_("progress --follow").out == progress_bar(2, 2) + "\n"


def test_runs_are_displayed_in_a_half_open_range(type_: Type, ensemble: Themis) -> None:
    lines = type_("display 2 9 -d -r").out.splitlines()
    assert lines[2] == "|  Run  | Step |   Status   |   Directory   |    Result     |"
    assert lines[4:6] == ["|   2   |  0   |   queued   |    runs/2     |     None      |", lines[1]]
    assert type_("display 1 2").out.count("queued") == 1
    assert type_("display 3 9").out == "No runs found in that range\n"


def test_statuses_are_numbers_on_a_line_or_a_count(type_: Type, ensemble: Themis) -> None:
    ensemble.kill_runs([2])
    assert type_("status").out == "1 2\n"
    assert type_("status Killed").out == "2\n"
    assert type_("status failed").out == "\n"
    assert type_("status queued killed -c").out == "2\n"


@pytest.mark.parametrize(("form", "begins"), [("json", "["), ("CSV", "run_id,"), ("yaml", "- ")])
def test_everything_is_written_to_the_standard_output(type_: Type, ensemble: Themis, form: str, begins: str) -> None:
    done = type_(f"write {form}")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(begins)
    assert done.out.count("queued") == 2


def test_directories_are_lines_or_a_list(type_: Type, ensemble: Themis) -> None:
    here = os.getcwd()
    assert type_("dryrun 1") == SILENT
    assert type_("rundirs").out == f"{here}/runs/1\n"
    assert json.loads(type_("rundirs --json -n").out) == [f"{here}/runs/1", f"{here}/runs/2"]


def test_the_hook_after_runs_is_called_for_all_or_some(type_: Type, ensemble: Themis) -> None:
    assert type_("dryrun 1 2") == SILENT
    assert type_("post") == SILENT
    assert ensemble.runs([1])[1].result is None
    assert type_("post 2 -s -v").out == "Result of post_run 2: 20\n"
    assert [run.result for run in ensemble.runs([1, 2]).values()] == [None, 20]


def test_an_error_is_named_with_its_type_and_ends_with_1(type_: Type, ensemble: Themis) -> None:
    assert type_("post 99") == Done(code=1, out="", err="ValueError: No run has the id 99\n")
    assert type_("completion").err.startswith("ValueError: there is no command")
    assert "Traceback" in type_("-v post 99").err


def test_no_ensemble_is_said_to_be_at_fault_of_the_option(type_: Type) -> None:
    wanted = f"Invalid value given for the `--setup-dir` argument: setup not found in '{os.getcwd()}/zz'\n"
    assert type_("--setup-dir zz status") == Done(code=1, out="", err=wanted)


@pytest.mark.parametrize("line", ["", "runtime"])
def test_nothing_to_do_is_answered_with_the_usage(type_: Type, line: str) -> None:
    done = type_(line)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("usage: themis")


def test_files_are_parsed_and_collected_within_runs(
    type_: Type, ensemble: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETUPDIR_ENV_VAR, ensemble.setup_dir)
    monkeypatch.setenv(RUNID_ENV_VAR, "2")
    Path("deck").write_text("b is %%b%%\n")
    Path("out.bin").write_bytes(b"\0\xff")
    assert type_("runtime parse deck filled") == SILENT
    assert Path("filled").read_text() == "b is y\n"
    assert type_("runtime collect out.bin") == SILENT
    assert ensemble.runs([2])[2].result == b"\0\xff"


def test_a_step_of_a_run_made_from_a_table_is_one_of_ours(type_: Type, ensemble: Themis) -> None:
    assert all(isinstance(step, Step) for run in ensemble.runs([1, 2]).values() for step in run.steps)
