"""The top of the command line: its sub-commands, each imported when it is called, and what becomes of errors."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from runsemble._version import __version__
from runsemble.cli import exits
from runsemble.cli.say import finish_saying, say
from runsemble.errors import AgentError, FeedError, LeaseError, RunsembleError, StoreError

#: Every sub-command under the heading of its topic: where it is, and what it does in a few words.
TOPICS = {
    "Run a study": {
        "run": ("runsemble.cli.run", "Run a command over many parameter sets."),
    },
    "Ensembles, which outlive this terminal": {
        "create": ("runsemble.cli.create", "Make an ensemble in a directory; nothing runs yet."),
        "dry-run": ("runsemble.cli.dry_run", "Prepare the directories of runs, and start nothing."),
        "start": ("runsemble.cli.start", "Execute what is pending in the background."),
        "resume": ("runsemble.cli.resume", "Execute what is pending here, with a bar."),
        "watch": ("runsemble.cli.watch", "Follow what is executed elsewhere."),
        "add": ("runsemble.cli.add", "Add runs, also while others are executed."),
        "requeue": ("runsemble.cli.requeue", "Let runs be executed again."),
        "kill": ("runsemble.cli.kill", "End runs for good."),
        "on-completion": ("runsemble.cli.on_completion", "Have a command run when nothing is pending any more."),
        "drain": ("runsemble.cli.drain", "Start nothing more; what runs may finish."),
        "stop": ("runsemble.cli.stop", "End what runs, and go on another time."),
    },
    "Look at a study": {
        "status": ("runsemble.cli.status", "Say how far it is, who executes it, and what failed."),
        "runs": ("runsemble.cli.runs", "List its runs."),
        "results": ("runsemble.cli.results", "List what its runs posted."),
        "why": ("runsemble.cli.why", "Say why a run waits, runs, is tried again, or ended as it did."),
        "logs": ("runsemble.cli.logs", "Print what a run wrote; -f follows it."),
        "rerun": ("runsemble.cli.rerun", "Run one run again; --here in this terminal."),
        "export": ("runsemble.cli.export", "Write a study as csv, json, yaml or parquet."),
        "plan": ("runsemble.cli.plan", "Say how long what is pending will take, on this machine or another."),
        "suggest": ("runsemble.cli.suggest", "Say what runs should ask for, from what they used."),
        "rundirs": ("runsemble.cli.rundirs", "Print the directories of its runs."),
        "pack": ("runsemble.cli.pack", "Pack what successful runs wrote into one file."),
        "rebuild": ("runsemble.cli.rebuild", "Make the record of a study anew that is damaged or lost."),
    },
    "This machine": {
        "doctor": ("runsemble.cli.doctor", "Look at this machine, and say what it means for runs."),
        "completion": ("runsemble.cli.completion", "Print what completes commands in bash, zsh or fish."),
    },
    "In a run": {
        "param": ("runsemble.cli.in_run", "Print the parameters of the run, or one of them."),
        "post": ("runsemble.cli.in_run", "Submit the result of the run."),
    },
}
#: The same without the headings.
COMMANDS = {name: entry for commands in TOPICS.values() for name, entry in commands.items()}

#: Set by a shell that asks what could come next.
COMPLETE = "_RUNSEMBLE_COMPLETE"

EPILOG = """\b
The first minute:
  runsemble run 'echo {}' ::: one two three
  runsemble run -P x=lin:0:1:5 --input model.py -- python model.py {x}

\b
A study that outlives this terminal:
  runsemble create sweep -P x=lin:0:1:500 --input model.py -- python model.py {x}
  runsemble start sweep
  runsemble watch sweep
"""


class LazyGroup(click.Group):
    """Imports a sub-command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, words = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), cmd_name.replace("-", "_"))
        command.short_help = words
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command that was typed; suggest the nearest one if there is none."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            import difflib  # which takes longer to import than most commands to be carried out

            near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(COMMANDS)}"
            ctx.fail(f"there is no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by topic, without importing them."""
        width = max(map(len, COMMANDS))
        for topic, commands in TOPICS.items():
            with formatter.section(topic):
                formatter.write_dl([(name.ljust(width), words) for name, (_, words) in commands.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EPILOG,
    invoke_without_command=True,
)
@click.version_option(__version__, "--version", message="%(prog)s %(version)s")
@click.pass_context
def app(ctx: click.Context) -> None:
    """Run one program over many parameter sets, on exactly the cores and GPUs it asks for."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run_app(argv: list[str]) -> int:
    """Run the command line; return the exit status. A mistake of the user's is one sentence on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what the terminal lacks must not end a study
    try:
        return _run([*argv[1:2], "--help"] if argv[:1] == ["help"] else argv)
    finally:
        finish_saying()


def _run(argv: list[str]) -> int:
    try:
        status = _invoke(argv)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.Abort:
        return exits.INTERRUPTED
    except click.ClickException as error:
        with suppress(OSError):  # nobody may be there to read it
            error.show()
        return error.exit_code
    except (AgentError, FeedError, StoreError, LeaseError) as error:
        return complain(error, argv[0], exits.INFRASTRUCTURE)
    except RunsembleError as error:
        return complain(error, argv[0], exits.USAGE)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        return stop_writing(exits.OK)
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EIO, errno.EDQUOT):
            raise
        stop_writing(0)
        return complain(f"standard output cannot be written: {error.strerror}", argv[0], exits.INFRASTRUCTURE)
    return status if isinstance(status, int) else exits.OK


def _invoke(argv: list[str]) -> Any:
    if COMPLETE in os.environ:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # nothing may be written into the line that is being typed
        return app.main(argv, prog_name="runsemble", complete_var=COMPLETE, standalone_mode=False)
    with app.make_context("runsemble", list(argv)) as context:  # `main` would make a failure of a closed pipe
        return app.invoke(context)


def stop_writing(status: int) -> int:
    """Take it as it comes that nobody reads stdout any more; return `status`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def complain(error: object, command: str, status: int) -> int:
    """Say what went wrong, and in which command; return the exit status."""
    say(f"runsemble {command}: {error}")
    return status
