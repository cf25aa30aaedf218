"""``runsemble rerun``: one run again, recorded or by hand."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress

import click

from runsemble.cli import exits
from runsemble.cli.logs import PieceWriter
from runsemble.cli.say import finish_saying, say
from runsemble.display.table import printable
from runsemble.display.words import nearest_path
from runsemble.ensemble.by_hand import RESULTS_BY_HAND, RunCommand
from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.sync import blocking
from runsemble.errors import CommandError, LeaseError, UsageError

#: Seconds within which the last that a run wrote is printed.
_LAST_S = 5.0


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False))
@click.argument("run", metavar="RUN", type=int)
@click.option("--hard", is_flag=True, help="From its first step, and not from the one that failed.")
@click.option("--here", is_flag=True, help="In this terminal, by hand: nothing of it is recorded.")
@click.option("--print", "prints", is_flag=True, help="With --here: print a line for a shell that does it.")
def rerun(directory: str, run: int, hard: bool, here: bool, prints: bool) -> int:
    """Run run RUN of the study in DIR again.

    Where somebody drives the study, the run is queued there; otherwise it is run here and now, alone, and what it
    writes is printed.

    With --here, its command replaces this one: with the same arguments, environment, directory and cores, in this
    terminal, so that it can be tried in a debugger or with keys pressed. It has no limits of time and memory then.
    """
    if prints and not here:
        raise UsageError("--print prints what --here would do: add --here")
    if here and hard:
        raise UsageError("--here starts one command, so --hard has no meaning there")
    if here:
        return _by_hand(asyncio.run(Ensemble(directory).command_of(run)), run, prints)
    return blocking(_again)(Ensemble(directory), run, hard)


async def _again(ensemble: Ensemble, run: int, hard: bool) -> int:
    status = (await ensemble.run(run)).status
    if status == "running":
        raise UsageError(f"run {run} is running; end it first: runsemble kill {nearest_path(ensemble.path)} {run}")
    if status != "pending":
        await ensemble.requeue_runs([run], hard=hard)
    driver = await ensemble.driver()
    if driver is not None:
        say(f"run {run} will be run again by {driver}: runsemble logs {nearest_path(ensemble.path)} {run} -f")
        return exits.OK
    printing = asyncio.create_task(_print_output(ensemble, run))
    try:
        await ensemble.execute(only=[run])
        await asyncio.wait([printing], timeout=_LAST_S)
    except LeaseError as error:
        say(f"run {run} was queued: {error}")
        return exits.OK
    finally:
        printing.cancel()
        await asyncio.wait([printing])
    found = await ensemble.why(run)
    say(printable(found.sentence))
    return exits.OK if found.run.status == "success" else exits.FAILED


async def _print_output(ensemble: Ensemble, run: int) -> None:
    """Print what the next attempt of a run writes, while it does."""
    writer = PieceWriter(sys.stdout.buffer, has_headers=False, says_sources=False)
    with suppress(UsageError):  # it is not kept
        async for piece in ensemble.follow(run, lines=0):
            writer.write(piece)


def _by_hand(command: RunCommand, run: int, prints: bool) -> int:
    if prints:
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(command.shell_line(os.environ)) + b"\n")
        return exits.OK
    step = f", step {command.step + 1} of {command.step_count}," if command.step_count > 1 else ""
    results = nearest_path(os.path.join(command.directory, RESULTS_BY_HAND))
    say(f"run {run}{step} in {nearest_path(command.cwd)}: nothing of it is recorded; what it posts goes to {results}")
    os.makedirs(command.cwd, exist_ok=True)
    os.chdir(command.cwd)
    _pin(command.cores)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and the program would inherit that
        signal.signal(number, signal.SIG_DFL)
    sys.stdout.flush()
    finish_saying()
    try:
        os.execvpe(command.argv[0], command.argv, command.env)
    except OSError as error:
        raise CommandError(f"{command.argv[0]} cannot be started: {error.strerror}") from error


def _pin(cores: tuple[int, ...]) -> None:
    """Put this process on the cores that the run had, if they are there."""
    if not cores:
        return
    try:
        os.sched_setaffinity(0, cores)
    except OSError:
        say(f"note: not all of the cores {','.join(map(str, cores))} that it had can be used here, so it is not pinned")
