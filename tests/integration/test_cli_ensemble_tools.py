"""The commands that look into an ensemble: why, logs, export, rebuild, rerun, plan, suggest."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from .command_line import PROGRAM, OnTerminal, Said, in_shell, needs_program, runsemble
from .ensembles import made, shell
from .support import Gate, names_in

pytestmark = needs_program


@pytest.fixture
def failed(here: Path) -> None:
    """Make an ensemble of three runs, of which the last one failed twice."""

    async def make() -> None:
        script = "echo out {x}; echo err {x} >&2; runsemble post y={x}; [ {x} != 2 ]"
        ensemble = await made(*shell(script), retries=1, timeout_s=50)
        await ensemble.execute()

    asyncio.run(make())


def make(*cmd: str, **options: Any) -> None:
    """Make an ensemble in which nothing has run."""
    asyncio.run(made(*cmd, **options))


def ok(*words: str, **more: Any) -> Said:
    said = runsemble(*words, **more)
    assert said.status == 0, said.err
    return said


# why


def test_why_says_it_in_a_sentence_with_the_last_words_and_what_to_do(failed: None) -> None:
    lines = ok("why", "sweep", "2").out.splitlines()
    assert lines[0] == "run 2 failed: exit code 1 (attempt 2); 1 retry was made (retries=1)"
    assert [line.split(",")[0] for line in lines[1:3]] == ["  attempt 1: exit code 1", "  attempt 2: exit code 1"]
    assert lines[3:] == [
        "the last it wrote:",
        "  | err 2",
        "log: sweep/2/stderr",
        "→ try it in this terminal: runsemble rerun sweep 2 --here",
        "→ queue it again: runsemble requeue sweep 2",
    ]


def test_why_as_json_tells_the_same_and_every_attempt(failed: None, here: Path) -> None:
    value = ok("why", "sweep", "2", "--json").results
    assert (value["schema"], value["id"], value["status"], value["cause"]) == ("runsemble.why/1", 2, "failure", "exit")
    assert value["last_lines"] == ["err 2"]
    assert value["log"] == f"{here}/sweep/2/stderr"
    assert [(one["attempt"], one["cause"], one["returncode"]) for one in value["attempts"]] == [
        (1, "exit", 1), (2, "exit", 1),
    ]  # fmt: skip


def test_what_is_not_there_is_one_sentence(failed: None) -> None:
    for command in ("why", "logs", "rerun"):
        said = runsemble(command, "sweep", "9")
        assert (said.status, said.out) == (2, "")
        assert "there is no run 9 in" in said.sentence
        assert "no study" in runsemble(command, "nowhere", "0").sentence


# logs


def test_logs_prints_both_outputs_under_headings_or_one_of_them_as_it_is(failed: None, here: Path) -> None:
    assert ok("logs", "sweep", "0").out == "==> stdout <==\nout 0\n\n==> stderr <==\nerr 0\n"
    assert ok("logs", "sweep", "0", "--stdout").out == "out 0\n"
    assert ok("logs", "sweep", "2", "--stderr", "--attempt", "1", "-n", "5").out == "err 2\n"
    assert ok("logs", "sweep", "2", "--path").out.split() == [f"{here}/sweep/2/stdout", f"{here}/sweep/2/stderr"]
    assert ok("logs", "sweep", "2", "--path", "--attempt", "1", "--stderr").out.split() == [
        f"{here}/sweep/2/.attempts/1/stderr"
    ]


def test_logs_says_when_there_is_nothing_to_print(here: Path) -> None:
    make("true")
    said = runsemble("logs", "sweep", "0")
    assert (said.status, said.out, said.err) == (5, "", "run 0 has not started yet\n")
    assert "leave --attempt out" in runsemble("logs", "sweep", "0", "-f", "--attempt", "1").sentence


def test_logs_as_json_tells_the_same(failed: None, here: Path) -> None:
    value = ok("logs", "sweep", "2", "--json").results
    assert (value["schema"], value["path"], value["run"], value["status"]) == (
        "runsemble.logs/1", f"{here}/sweep", 2, "failure"
    )  # fmt: skip
    pieces = [{"attempt": 2, "name": name, "text": f"{name[3:]} 2\n"} for name in ("stdout", "stderr")]
    assert value["pieces"] == pieces
    followed = [json.loads(line) for line in ok("logs", "sweep", "2", "-f", "--json").out.splitlines()]
    assert followed[-2:] == [pieces[1], {key: value[key] for key in ("schema", "path", "run", "status")}]
    (file,) = ok("logs", "sweep", "2", "--path", "--stdout", "--json").results["files"]
    assert file == {"name": "stdout", "file": f"{here}/sweep/2/stdout"}


def test_logs_follows_a_run_to_its_end(gate: Gate) -> None:
    make(*shell(f"echo one; {gate.words}; echo two"), runs=1)
    with OnTerminal([PROGRAM, "logs", "sweep", "0", "-f"]) as terminal:
        terminal.wait_said("nobody drives the study")

        async def drive() -> None:
            from runsemble.ensemble.ensemble import Ensemble

            task = asyncio.get_running_loop().create_task(Ensemble("sweep").execute())
            await asyncio.to_thread(terminal.wait_said, "one")
            gate.open()
            await task

        asyncio.run(drive())
        assert terminal.wait_end() == 0
        terminal.wait_said("run 0: success") if "run 0: success" not in terminal.raw else None
        assert "two" in terminal.raw


def test_following_a_pipe_that_is_closed_ends(failed: None) -> None:
    said = in_shell("runsemble logs sweep 0 -f | head -1")
    assert said.out == "==> stdout <==\n"


# export


def test_export_writes_to_stdout_or_to_a_file_that_is_whole(failed: None, here: Path) -> None:
    rows = list(csv.DictReader(ok("export", "sweep", "csv").out.splitlines()))
    assert [(row["run"], row["x"], row["y"], row["status"]) for row in rows] == [
        ("0", "0", "0", "success"), ("1", "1", "1", "success"), ("2", "2", "2", "failure"),
    ]  # fmt: skip
    said = ok("export", "sweep", "json", "-o", "t.json", "--status", "failure")
    assert (said.out, said.err) == ("", "1 run written to t.json\n")
    assert [row["run"] for row in json.loads(Path("t.json").read_text())] == [2]
    assert "nowhere/t cannot be written" in runsemble("export", "sweep", "csv", "-o", "nowhere/t").sentence


def test_export_as_json_tells_what_was_written_where(failed: None, here: Path) -> None:
    value = ok("export", "sweep", "csv", "-o", "t.csv", "--json").results
    assert value == {
        "schema": "runsemble.export/1", "path": f"{here}/sweep", "file": f"{here}/t.csv", "format": "csv", "runs": 3,
        "unread": 0,
    }  # fmt: skip
    assert "give -o FILE" in runsemble("export", "sweep", "csv", "--json").sentence


def test_export_says_what_a_format_needs(failed: None, here: Path) -> None:
    (here / "yaml.py").write_text("raise ImportError")
    said = runsemble("export", "sweep", "yaml", PYTHONPATH=f"{here}:{os.environ.get('PYTHONPATH', '')}")
    assert said.status == 2
    assert said.sentence == "runsemble export: export as yaml needs PyYAML: pip install 'runsemble[yaml]'"


def test_export_into_a_closed_pipe_is_no_failure(failed: None) -> None:
    said = in_shell("runsemble export sweep csv | true; echo ${PIPESTATUS[0]}")
    assert (said.out, said.err) == ("0\n", "")


# rebuild


def test_rebuild_says_what_was_found_and_the_damaged_record_says_how_to_come_by_it(failed: None) -> None:
    assert ok("rebuild", "sweep").out == "nothing is wrong with the record of sweep, so nothing was done\n"
    data = bytearray(Path("sweep/runsemble.db").read_bytes())
    data[:4096] = os.urandom(4096)
    Path("sweep/runsemble.db").write_bytes(data)
    assert "runsemble rebuild" in runsemble("why", "sweep", "0").err
    lines = ok("rebuild", "sweep").out.splitlines()
    assert lines[0] == "rebuilt: 3 runs with 4 attempts and 3 results"
    (damaged,) = (name for name in names_in("sweep") if "damaged" in name)
    assert lines[1:] == [f"the old record is kept: sweep/{damaged}"]
    assert ok("why", "sweep", "2").out.startswith("run 2 failed")


def test_rebuild_from_directories_says_what_is_not_known(failed: None) -> None:
    os.unlink("sweep/runsemble.db")
    said = ok("rebuild", "sweep")
    assert said.out.splitlines() == [
        "rebuilt: 3 runs with 0 attempts and 3 results",
        "of 3 runs only the directory was left",
        "how 3 runs ended is not known: they are pending again",
        "runs that had not started may have left no trace: add them again (runsemble add sweep)",
        "→ look at them: runsemble runs sweep; go on: runsemble resume sweep",
    ]
    assert ok("rebuild", "sweep", "--json").results["is_whole"] is True


# rerun


def test_rerun_runs_one_run_in_the_foreground_and_says_how_it_ended(failed: None) -> None:
    said = runsemble("rerun", "sweep", "2")
    assert said.status == 1
    assert "out 2\n" in said.out
    assert said.err.startswith("run 2 failed: exit code 1 (attempt 4)")
    assert ok("rerun", "sweep", "1").err.startswith("run 1 succeeded at attempt 2")


def test_rerun_here_replaces_the_command_and_records_nothing(failed: None) -> None:
    said = runsemble("rerun", "sweep", "2", "--here")
    assert (said.status, said.out) == (1, "out 2\n")
    assert said.err.splitlines() == [
        "run 2 in sweep/2: nothing of it is recorded; what it posts goes to sweep/2/results-by-hand.json",
        "err 2",
    ]
    assert Path("sweep/2/results-by-hand.json").read_text() == '{"y":2}'
    assert len(ok("why", "sweep", "2", "--json").results["attempts"]) == 2


def test_rerun_here_can_print_a_line_for_a_shell(failed: None, here: Path) -> None:
    line = ok("rerun", "sweep", "2", "--here", "--print").out
    words = shlex.split(line)
    assert words[:3] == ["env", "-C", f"{here}/sweep/2"]
    assert words[-3:-1] == ["sh", "-c"]
    said = in_shell(line)
    assert (said.status, said.out, said.err) == (1, "out 2\n", "err 2\n")


def test_rerun_as_json_tells_how_it_ended_or_what_is_started(failed: None, here: Path) -> None:
    said = runsemble("rerun", "sweep", "2", "--json")
    assert said.status == 1
    run = said.results["run"]
    assert (run["id"], run["status"], run["attempts"], run["params"]) == (2, "failure", 4, {"x": 2})
    value = ok("rerun", "sweep", "2", "--here", "--print", "--json").results
    assert (value["id"], value["cwd"], value["argv"][0]) == (2, f"{here}/sweep/2", "sh")
    assert value["env"]["RUNSEMBLE_PARAMS"] == '{"x":2}'


def test_rerun_refuses_options_that_make_no_sense(failed: None) -> None:
    assert "add --here" in runsemble("rerun", "sweep", "2", "--print").sentence
    assert "--hard has no meaning" in runsemble("rerun", "sweep", "2", "--here", "--hard").sentence


# plan, suggest


def test_plan_answers_for_this_machine_or_another(here: Path) -> None:
    make("true", runs=64, timeout_s=60, cores=2)
    lines = ok("plan", "sweep", "--cores", "64").out.splitlines()
    assert lines[0] == "64 runs would take 2 min 0 s on 64 cores"
    assert [line.split()[0] for line in lines[-3:]] == ["32", "64", "128"]
    value = ok("plan", "sweep", "--cores", "1", "--nodes", "2", "--mem", "4G", "--json").results
    assert (value["schema"], value["never"][0]["count"]) == ("runsemble.makespan/1", 64)
    assert "is no size" in runsemble("plan", "sweep", "--mem", "lots").sentence


def test_plan_says_when_nothing_is_pending(failed: None) -> None:
    said = runsemble("plan", "sweep")
    assert (said.status, said.out, said.err) == (5, "", "nothing is pending\n")


def test_suggest_ends_a_line_with_the_option_to_write(failed: None) -> None:
    assert ok("suggest", "sweep").out.startswith("too few runs have ended")
    for _ in range(3):
        ok("rerun", "sweep", "0")
    lines = ok("suggest", "sweep").out.splitlines()
    assert lines[0] == "runs with 1 core, from 5 attempts:"
    assert lines[1].startswith("→ memory  asked for no limit of memory, 95 % of runs used no more than ")
    assert lines[1].endswith(": --mem 64M")
    assert ok("suggest", "sweep", "--json").results["suggestions"][0]["count"] == 5


# dry-run and on-completion


def test_a_dry_run_prints_what_would_start_where_and_what_would_not(here: Path) -> None:
    (here / "hooks.py").write_text("def prep_run():\n    open('prepared', 'x')\n")
    ok("create", "sweep", "-P", "x=1,2,3", "--hooks", "hooks.py", "--hook-timeout", "1m", "--", "echo", "{x}")
    said = ok("dry-run", "sweep", "--where", "x > 1")
    assert (said.out, said.err) == (
        "sweep/1: echo 2\nsweep/2: echo 3\n", "2 runs of sweep are prepared; nothing was started\n"
    )  # fmt: skip
    assert names_in(here / "sweep/1") == ["params.json", "prepared"]
    assert not (here / "sweep/0").exists()
    said = runsemble("dry-run", "sweep", "1", "--json")
    assert (said.status, said.err) == (
        1, "run 1: prep_run ended with exit code 1: FileExistsError: [Errno 17] File exists: 'prepared'\n"
    )  # fmt: skip
    (run,) = said.results["runs"]
    assert (run["id"], run["run_dir"], run["commands"]) == (1, f"{here}/sweep/1", [["echo", "2"]])
    assert run["error"].startswith("prep_run ended")
    assert ok("dry-run", "sweep", "1", "--no-hooks", "-q") == (0, "", "")
    assert ok("status", "sweep", "--json").results["counts"]["pending"] == 3


def test_the_command_on_completion_is_set_shown_and_removed(here: Path) -> None:
    ok("create", "sweep", "-P", "x=1", "--", "true")
    assert ok("on-completion", "sweep", "--json").results["command"] is None
    said = ok("on-completion", "sweep", "--stdout", "news", "--json", "--", "echo", "is over", "--loud")
    command = said.results["command"]
    assert (command["argv"][1:], command["cwd"], command["stdout"]) == (
        ["is over", "--loud"],
        str(here),
        f"{here}/news",
    )
    assert ok("on-completion", "sweep").out.endswith("echo 'is over' --loud\n")
    ok("resume", "sweep", "-q")
    assert (here / "news").read_text() == "is over --loud\n"
    assert "no command is set" in ok("on-completion", "sweep", "--remove").out
    assert ok("on-completion", "sweep", "--json").results["command"] is None
    for words in (["--remove", "--", "true"], ["--cwd", "."], ["--", "no-such-program"]):
        assert runsemble("on-completion", "sweep", *words).status == 2


def test_hooks_are_refused_on_the_command_line_before_anything_is_lost(here: Path) -> None:
    ok("create", "sweep", "-P", "x=1", "--", "true")
    (here / "hooks.py").write_text("import no_such_module\n")
    said = runsemble("create", "sweep", "--overwrite", "-P", "x=1", "--hooks", "hooks.py", "--", "true")
    assert said.status == 2
    assert said.sentence.endswith("hooks.py cannot be imported: ModuleNotFoundError: No module named 'no_such_module'")
    assert ok("status", "sweep", "--json").results["total"] == 1
    for words in (["--hook-timeout", "5"], ["--hooks", "hooks.py", "--hook-timeout", "0"]):
        assert runsemble("create", "other", *words, "--", "true").status == 2
    assert names_in(here) == ["hooks.py", "sweep"]
