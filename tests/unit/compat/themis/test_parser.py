"""The command line's arguments, as section 2 of the specification has them."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import pytest

from runsemble.compat.themis import __main__ as command
from runsemble.compat.themis import _requests
from runsemble.compat.themis._display import Shown
from runsemble.compat.themis._parser import setup_parsers
from runsemble.errors import UsageError

SUBCOMMANDS = {
    "create application": "create",
    "create-composite parameters steps": "create_comp",
    "dryrun": "dryrun",
    "execute-alloc": "execute_alloc",
    "execute-local": "execute_local",
    "add parameters": "add",
    "progress": "progress",
    "display 1 2": "display",
    "status": "status",
    "write csv": "write",
    "kill 1": "kill",
    "dequeue 1": "kill",
    "restart 1": "requeue",
    "requeue 1": "requeue",
    "rundirs": "rundir",
    "post": "post",
    "completion ls": "completion",
}


def parse(line: str) -> Namespace:
    return setup_parsers().parse_args(line.split())


def values(line: str) -> dict[str, Any]:
    args = vars(parse(line))
    for name in ("handler", "subcommand", "setup_dir", "verbose"):
        args.pop(name)
    return args


@pytest.mark.parametrize(("line", "name"), SUBCOMMANDS.items())
def test_every_subcommand_has_its_handler(line: str, name: str) -> None:
    assert parse(line).handler is getattr(command, f"handle_{name}_subcommand")


def test_three_handlers_have_names_of_their_own() -> None:
    assert parse("add-composite p s").handler is command.handle_add_composite_command
    assert parse("runtime parse a b").handler is command.handle_runtime_parse
    assert parse("runtime collect a").handler is command.handle_runtime_collect


CREATION = {
    "flux": False,
    "max_restarts": 0,
    "max_failed_runs": None,
    "overwrite": False,
    "interface": None,
    "run_dir_names": None,
    "run_parse": None,
    "run_symlink": None,
    "run_copy": None,
    "abort_on": None,
}
RUNS = {"args": None, "ntasks": 1, "cores_per_task": 1, "gpus_per_task": 0, "vary_all": False}
EXECUTION = {"allow_multiple": False, "parallel": None, "max_concurrency": None}


@pytest.mark.parametrize(
    ("line", "defaults"),
    [
        ("create app", {"application": "app", "no_batch_script": False, "parameterfile": None, **CREATION, **RUNS}),
        ("create-composite p s", {"parameterfile": "p", "stepfile": "s", **CREATION}),
        ("add p", {"parameterfile": "p", **RUNS}),
        ("add-composite p s", {"parameterfile": "p", "stepfile": "s"}),
        (
            "execute-alloc",
            {
                "nodes": 1,
                "partition": None,
                "bank": None,
                "name": "themis",
                "timeout": 60,
                "repeats": 0,
                "early_stop": 0,
                **EXECUTION,
            },
        ),
        ("execute-local", {"block": False, "timeout": None, **EXECUTION}),
        ("dryrun", {"run_ids": []}),
        ("progress", {"follow": False, "interval": 1.0}),
        (
            "display 3 9",
            {
                "lowerbound": 3,
                "upperbound": 9,
                "arguments": 0,
                "result": 0,
                "sample": 0,
                "directory": 0,
                "resources": False,
                "colcount": 4,
                "all": 0,
            },
        ),
        ("status", {"status_names": [], "count": False}),
        ("write YAML", {"format": "yaml"}),
        ("kill 1 2", {"run_ids": [1, 2]}),
        ("restart 3", {"run_ids": [3], "hard": False}),
        ("rundirs", {"json": False, "nonexistent": False}),
        ("post", {"run_ids": [], "save": False}),
        ("completion ls -l", {"args": ["ls", "-l"], "stdout": None, "stderr": None, "cwd": "."}),
        ("runtime parse a b", {"source": "a", "dest": "b", "runtime_subcommand": "parse"}),
        ("runtime collect a", {"source": "a", "runtime_subcommand": "collect"}),
    ],
)
def test_the_defaults_are_the_published_ones(line: str, defaults: dict[str, Any]) -> None:
    assert values(line) == defaults


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("create --no-batch-script app", "no_batch_script", True),
        ("create app p --flux", "flux", True),
        ("create app p --flux /opt/flux", "flux", "/opt/flux"),
        ("create --max-restarts -1 app", "max_restarts", -1),
        ("create --max-failed-runs 3 app", "max_failed_runs", 3),
        ("create --overwrite app", "overwrite", True),
        ("create --interface f.py app", "interface", "f.py"),
        ("create -r {run_id} app", "run_dir_names", "{run_id}"),
        ("create --run-dir-names x app", "run_dir_names", "x"),
        ("create --parse a b -- app", "run_parse", ["a", "b"]),
        ("create --symlink a -- app", "run_symlink", ["a"]),
        ("create --copy a b -- app", "application", "app"),
        ("create app --copy a b", "run_copy", ["a", "b"]),
        ("create app --abort-on 3 4", "abort_on", [3, 4]),
        ("create app p -a=-x", "args", "-x"),
        ("create app p --args x", "args", "x"),
        ("create app p -n 4", "ntasks", 4),
        ("create app p --cores-per-task 4", "cores_per_task", 4),
        ("create app p -g 4", "gpus_per_task", 4),
        ("add p --vary-all", "vary_all", True),
        ("execute-alloc -N 3", "nodes", 3),
        ("execute-alloc -p x", "partition", "x"),
        ("execute-alloc -b x", "bank", "x"),
        ("execute-alloc -m x", "name", "x"),
        ("execute-alloc -t 5", "timeout", 5),
        ("execute-alloc -r -1", "repeats", -1),
        ("execute-alloc --early-stop 5", "early_stop", 5),
        ("execute-alloc --max-concurrency 5", "max_concurrency", 5),
        ("execute-local --timeout 0.5", "timeout", 0.5),
        ("execute-local -b", "block", True),
        ("execute-local --parallel 2", "parallel", 2),
        ("execute-local --allow-multiple", "allow_multiple", True),
        ("display 1 2 -a", "arguments", 15),
        ("display 1 2 -a30", "arguments", 30),
        ("display 1 2 -r", "result", 15),
        ("display 1 2 -s", "sample", 12),
        ("display 1 2 -s 8", "sample", 8),
        ("display 1 2 -d", "directory", 15),
        ("display 1 2 -t", "resources", True),
        ("display 1 2 -c 9", "colcount", 9),
        ("display 1 2 --all", "all", 15),
        ("display 1 2 --all 20", "all", 20),
        ("status Queued FAILED -c", "status_names", ["queued", "failed"]),
        ("status -c", "count", True),
        ("restart 1 --hard", "hard", True),
        ("requeue 1 --hard", "hard", True),
        ("rundirs --json -n", "nonexistent", True),
        ("post 1 2 -s", "save", True),
        ("progress --follow", "follow", True),
        ("completion --stdout f --cwd d -- ls", "args", ["--", "ls"]),
        ("completion --stdout f ls --stdout g", "stdout", "f"),
        ("--setup-dir d status", "setup_dir", "d"),
    ],
)
def test_every_flag_is_understood(line: str, name: str, value: Any) -> None:
    assert getattr(parse(line), name) == value


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("status", 0),
        ("-v status", 1),
        ("progress", 0),
        ("-v progress", 1),
        ("progress -v", 1),
        ("-vv dryrun", 2),
        ("dryrun -vv 1", 2),
    ],
)
def test_verbosity_counts_before_the_subcommand_as_well_as_after(line: str, count: int) -> None:
    assert parse(line).verbose == count


@pytest.mark.parametrize(
    "line",
    [
        "create",
        "create-composite p",
        "add",
        "display 1",
        "display a b",
        "status running",
        "write xml",
        "kill",
        "kill x",
        "restart",
        "runtime parse a",
        "nonsense",
        "create app p -n many",
    ],
)
def test_what_makes_no_sense_ends_with_2(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(line)
    assert caught.value.code == 2
    assert "usage: themis" in capsys.readouterr().err


def test_a_status_that_is_none_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("status foo")
    wanted = "invalid choice: 'foo' (choose from 'queued', 'successful', 'failed', 'killed', 'aborted')"
    assert wanted in capsys.readouterr().err


def test_the_version_is_that_of_the_original(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse("--version")
    assert caught.value.code == 0
    assert capsys.readouterr().out == "themis 1.2\n"


def test_help_says_what_to_put_before_positional_arguments_and_hides_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("create --help")
    text = capsys.readouterr().out
    assert "`--`" in text
    assert "--interface" not in text


# Translation


def test_what_describes_an_ensemble_goes_to_create() -> None:
    line = "create --overwrite --parse a b --copy c --symlink d -r x --interface i.py --max-restarts 2 --flux f"
    args = parse(line + " --max-failed-runs 3 --abort-on 4 --no-batch-script app")
    args.setup_dir = "s"
    assert _requests.create_arguments(args) == {
        "application": "app",
        "run_parse": ["a", "b"],
        "run_copy": ["c"],
        "run_symlink": ["d"],
        "run_dir_names": "x",
        "app_interface": "i.py",
        "setup_dir": "s",
        "max_restarts": 2,
        "max_failed_runs": 3,
        "app_is_batch_script": False,
        "use_flux": "f",
        "abort_on": [4],
    }


def test_an_ensemble_of_several_steps_has_no_application() -> None:
    arguments = _requests.create_arguments(parse("create-composite p s"))
    assert "application" not in arguments
    assert "app_is_batch_script" not in arguments


def test_what_describes_an_execution_goes_there() -> None:
    assert _requests.local_arguments(parse("execute-local -b --timeout 1.5 --parallel 2 --max-concurrency 9")) == {
        "blocking": True,
        "timeout": 1.5,
        "parallelism": 2,
        "allow_multiple": False,
        "max_concurrency": 9,
    }
    line = "execute-alloc -N 2 -p p -b b -m n -t 3 -r 4 --early-stop 1 --allow-multiple --parallel 5"
    assert _requests.alloc_arguments(parse(line)) == {
        "nodes": 2,
        "partition": "p",
        "bank": "b",
        "name": "n",
        "timeout": 3,
        "repeats": 4,
        "early_stop": 1,
        "parallelism": 5,
        "allow_multiple": True,
        "max_concurrency": None,
    }


def test_columns_are_those_asked_for() -> None:
    assert _requests.shown_columns(parse("display 1 2")) == Shown()
    assert _requests.shown_columns(parse("display 1 2 -a -s 20 -t -c 7")) == Shown(
        args=15, sample=20, resources=True, sample_columns=7
    )
    assert _requests.shown_columns(parse("display 1 2 --all -r 30")) == Shown(
        args=15, result=30, sample=15, directory=15, resources=True
    )


@pytest.mark.parametrize(
    ("words", "command"), [(["--", "ls", "--"], ["ls", "--"]), (["ls", "-l"], ["ls", "-l"]), (("a",), ["a"])]
)
def test_one_pair_of_dashes_before_a_command_is_left_out(words: Any, command: list[str]) -> None:
    assert _requests.command_of(words) == command


@pytest.mark.parametrize("words", [[], ["--"]])
def test_no_command_is_an_error(words: list[str]) -> None:
    with pytest.raises(UsageError, match="there is no command"):
        _requests.command_of(words)
