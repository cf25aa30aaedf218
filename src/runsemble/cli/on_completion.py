"""``runsemble on-completion``: the command for when nothing is pending any more."""

from __future__ import annotations

import asyncio
import shlex
from typing import Any

import click

from runsemble.cli.directory import DIRECTORY, typed
from runsemble.cli.options import OUTPUT
from runsemble.cli.reply import AS_JSON, QUIET, reply
from runsemble.cli.sections import DirectoryFirst, option
from runsemble.display.words import nearest_path
from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.errands import Completion
from runsemble.errors import UsageError

HOW = "How the command runs"


@click.command(
    cls=DirectoryFirst,
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
    epilog="\b\nExample:\n  runsemble on-completion sweep -- mail -s 'sweep is over' me@example.org",
)
@option(HOW, "--cwd", type=click.Path(file_okay=False), metavar="DIR", help="Where it starts; here unless given.")
@option(HOW, "--stdout", type=click.Path(), metavar="FILE", help="Append what it prints to FILE, not to the log.")
@option(HOW, "--stderr", type=click.Path(), metavar="FILE", help="The same for its errors.")
@option("Other", "--remove", is_flag=True, help="Have none any more.")
@option(OUTPUT, *AS_JSON, is_flag=True, help="Print the command that is set as JSON.")
@option(OUTPUT, *QUIET, is_flag=True, help="Print nothing but what goes wrong.")
@DIRECTORY
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def on_completion(directory: str, command: tuple[str, ...], **options: Any) -> int:
    """Have COMMAND run each time when nothing of the study in DIR is pending any more; without it, say which is set.

    It runs just before `post_ensemble`, in place of the one that was set before.
    """
    how = {name: options[name] for name in ("cwd", "stdout", "stderr") if options[name] is not None}
    if options["remove"] and command:
        raise UsageError("--remove takes the command away that is set: leave COMMAND out")
    if how and not command:
        raise UsageError(f"--{next(iter(how))} tells how COMMAND runs: give that, too, behind --")
    found = asyncio.run(_set(Ensemble(directory), command, options["remove"], how))
    facts = {
        "schema": "runsemble.on-completion/1",
        "path": directory,
        "command": None if found is None else found._asdict(),
    }
    return reply(_words(found, directory), facts, options)


async def _set(
    ensemble: Ensemble, command: tuple[str, ...], is_unwanted: bool, how: dict[str, str]
) -> Completion | None:
    """Change which command is set, if that is wanted; return the one that is."""
    if command or is_unwanted:
        await ensemble.on_completion(command or None, **how)
    return await ensemble.completion()


def _words(found: Completion | None, directory: str) -> str:
    if found is None:
        return f"no command is set for when nothing of {typed(directory)} is pending any more"
    return (
        f"when nothing of {typed(directory)} is pending any more, this runs in {nearest_path(found.cwd)}: "
        f"{shlex.join(found.argv)}"
    )
