"""The command line of Themis: its sub-commands with their arguments."""

from __future__ import annotations

from argparse import REMAINDER, ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

from runsemble.compat.themis import _handlers
from runsemble.compat.themis import _options as options
from runsemble.compat.themis._records import STATUS_WORDS
from runsemble.compat.themis._version import __version__

_PARAMETERS = "a table of comma-separated values, with a header: one run for each row"
_STEPS = "a table of comma-separated values, with any of the arguments of Step in its header"


def setup_parsers() -> ArgumentParser:
    """Return the parser; what it returns has `handler`, to be called with the whole of it."""
    parser = ArgumentParser(prog="themis", description="Create ensembles of runs, execute them, and look at them.")
    parser.add_argument(
        "--setup-dir", default="./.themis_setup", metavar="DIR", help="where the ensemble is; default: ./.themis_setup"
    )
    parser.add_argument("-v", "--verbose", action="count", default=0, help="say more")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="subcommands", dest="subcommand")
    for setup in (_creating, _executing, _looking, _changing, _within_runs):
        setup(commands)
    return parser


def _command(
    commands: Any, name: str, handler: Callable[[Namespace], None] | None, text: str, **more: Any
) -> ArgumentParser:
    parser: ArgumentParser = commands.add_parser(name, help=text, description=text + ".", **more)
    if handler is not None:
        parser.set_defaults(handler=handler)
    return parser


def _creating(commands: Any) -> None:
    note = {"epilog": options.BEFORE_POSITIONALS}
    create = _command(commands, "create", _handlers.handle_create_subcommand, "Create an ensemble", **note)
    create.add_argument("application", help="the program")
    create.add_argument("--no-batch-script", action="store_true", help="its text is not to be filled in for every run")
    options.add_creation_options(create)
    options.add_run_options(create)
    create.add_argument("parameterfile", nargs="?", help=_PARAMETERS)
    text = "Create an ensemble whose runs have several steps"
    composite = _command(commands, "create-composite", _handlers.handle_create_comp_subcommand, text, **note)
    options.add_creation_options(composite)
    _add_tables(composite)
    add = _command(commands, "add", _handlers.handle_add_subcommand, "Add runs")
    add.add_argument("parameterfile", help=_PARAMETERS)
    options.add_run_options(add)
    text = "Add runs with several steps"
    _add_tables(_command(commands, "add-composite", _handlers.handle_add_composite_command, text))


def _add_tables(parser: ArgumentParser) -> None:
    parser.add_argument("parameterfile", help=_PARAMETERS)
    parser.add_argument("stepfile", help=_STEPS)


def _executing(commands: Any) -> None:
    dry = _command(commands, "dryrun", _handlers.handle_dryrun_subcommand, "Prepare runs, but do not execute them")
    options.add_run_ids(dry, "*")
    options.add_verbose(dry)
    text = "Execute the ensemble in an allocation of a scheduler"
    alloc = _command(commands, "execute-alloc", _handlers.handle_execute_alloc_subcommand, text)
    alloc.add_argument("-N", "--nodes", type=int, default=1, help="how many nodes; default: 1")
    alloc.add_argument("-p", "--partition", metavar="NAME", help="the part of the machine")
    alloc.add_argument("-b", "--bank", metavar="NAME", help="who pays")
    alloc.add_argument("-m", "--name", default="themis", help="what the job is called; default: themis")
    alloc.add_argument("-t", "--timeout", type=int, default=60, metavar="N", help="minutes; default: 60")
    alloc.add_argument(
        "-r", "--repeats", type=int, default=0, metavar="N", help="how often to ask again; -1: as often as it takes"
    )
    alloc.add_argument(
        "--early-stop", type=int, default=0, metavar="N", help="minutes before the end when nothing more is started"
    )
    options.add_execution_options(alloc)
    text = "Execute the ensemble on this machine"
    local = _command(commands, "execute-local", _handlers.handle_execute_local_subcommand, text)
    local.add_argument("-b", "--block", action="store_true", help="wait until it is over")
    local.add_argument("-t", "--timeout", type=float, metavar="N", help="minutes; default: without limit")
    options.add_execution_options(local)


def _looking(commands: Any) -> None:
    progress = _command(commands, "progress", _handlers.handle_progress_subcommand, "Say how far the ensemble is")
    options.add_verbose(progress)
    progress.add_argument("-f", "--follow", action="store_true", help="until all runs have ended")
    progress.add_argument("--interval", type=float, default=1.0, metavar="S", help="seconds between two looks")
    note = {"epilog": "Give the numbers first: a number after an option is taken for a width."}
    _display(_command(commands, "display", _handlers.handle_display_subcommand, "Show a table of runs", **note))
    status = _command(commands, "status", _handlers.handle_status_subcommand, "Say which runs have a status")
    status.add_argument(
        "status_names",
        nargs="*",
        type=options.status_word,
        metavar="{" + ",".join(STATUS_WORDS) + "}",
        help="default: any of them",
    )
    status.add_argument("-c", "--count", action="store_true", help="say how many they are")
    write = _command(commands, "write", _handlers.handle_write_subcommand, "Write what is known of all runs")
    write.add_argument("format", type=str.lower, choices=["yaml", "json", "csv"], help="how")
    rundirs = _command(commands, "rundirs", _handlers.handle_rundir_subcommand, "Say where runs have their directories")
    rundirs.add_argument("--json", action="store_true", help="as a list in JSON")
    rundirs.add_argument("-n", "--nonexistent", action="store_true", help="also those that are not there yet")


def _display(parser: ArgumentParser) -> None:
    parser.add_argument("lowerbound", type=int, help="the number of the first run")
    parser.add_argument("upperbound", type=int, help="one more than the number of the last run")
    for short, name, width, what in (
        ("-a", "--arguments", 15, "programs with their arguments"),
        ("-r", "--result", 15, "results"),
        ("-s", "--sample", 12, "samples"),
        ("-d", "--directory", 15, "directories"),
    ):
        text = f"show {what}, in so many characters; default: {width}"
        parser.add_argument(short, name, nargs="?", type=int, const=width, default=0, metavar="W", help=text)
    parser.add_argument("-t", "--resources", action="store_true", help="show tasks, cores and GPUs")
    parser.add_argument("-c", "--colcount", type=int, default=4, metavar="N", help="most columns for a sample")
    parser.add_argument("--all", nargs="?", type=int, const=15, default=0, metavar="W", help="show everything")


def _changing(commands: Any) -> None:
    kill = _command(commands, "kill", _handlers.handle_kill_subcommand, "Kill runs", aliases=["dequeue"])
    options.add_run_ids(kill, "+")
    restart = _command(
        commands, "restart", _handlers.handle_requeue_subcommand, "Let runs run again", aliases=["requeue"]
    )
    options.add_run_ids(restart, "+")
    restart.add_argument("--hard", action="store_true", help="from their first steps on")
    post = _command(commands, "post", _handlers.handle_post_subcommand, "Call the hook post_run; default: for all runs")
    options.add_run_ids(post, "*")
    post.add_argument("-s", "--save", action="store_true", help="store what it returns")
    options.add_verbose(post)
    text = "Set the command that is run once all runs have ended"
    completion = _command(commands, "completion", _handlers.handle_completion_subcommand, text)
    completion.add_argument("--stdout", metavar="FILE", help="where its output goes")
    completion.add_argument("--stderr", metavar="FILE", help="where its errors go")
    completion.add_argument("--cwd", default=".", metavar="DIR", help="where it starts")
    completion.add_argument("args", nargs=REMAINDER, help="the command")


def _within_runs(commands: Any) -> None:
    runtime = _command(commands, "runtime", None, "Do something from within a run")
    inner = runtime.add_subparsers(title="subcommands", dest="runtime_subcommand")
    parse = _command(inner, "parse", _handlers.handle_runtime_parse, "Fill in the tokens of a file")
    parse.add_argument("source", help="the file")
    parse.add_argument("dest", help="where to write it")
    collect = _command(inner, "collect", _handlers.handle_runtime_collect, "Store what is in a file as the result")
    collect.add_argument("source", help="the file")
