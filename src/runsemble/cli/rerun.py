"""``runsemble rerun``: one run again, recorded or by hand."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict

import click

from runsemble.cli import exits
from runsemble.cli.as_json import run_text
from runsemble.cli.logs import PieceWriter
from runsemble.cli.say import finish_saying, say
from runsemble.display.table import printable
from runsemble.display.words import nearest_path
from runsemble.ensemble.by_hand import RESULTS_BY_HAND, RunCommand
from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.sync import blocking
from runsemble.errors import CommandError, LeaseError, UsageError
from runsemble.store.lease import Holder

SCHEMA = "runsemble.rerun/1"
#: Seconds within which the last that a run wrote is printed.
_LAST_S = 5.0


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False))
@click.argument("run", metavar="RUN", type=int)
@click.option("--hard", is_flag=True, help="From its first step, and not from the one that failed.")
@click.option("--here", is_flag=True, help="In this terminal, by hand: nothing of it is recorded.")
@click.option("--print", "prints", is_flag=True, help="With --here: print a line for a shell that does it.")
@click.option("--json", "as_json", is_flag=True, help="Print how it ended as JSON, or with --print what is started.")
def rerun(directory: str, run: int, hard: bool, here: bool, prints: bool, as_json: bool) -> int:
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
    if here and as_json and not prints:
        raise UsageError("--here leaves this terminal to the run, so there is no JSON: add --print, or leave it out")
    ensemble = Ensemble(directory)
    if here:
        command = asyncio.run(ensemble.command_of(run))
        return _print_command(command, ensemble.path, run) if as_json else _by_hand(command, run, prints)
    return blocking(_again_as_json if as_json else _again)(ensemble, run, hard)


async def _again_as_json(ensemble: Ensemble, run: int, hard: bool) -> int:
    """Run a run again, or have its driver do so; print how it stands then."""
    driver = await _requeue(ensemble, run, hard)
    if driver is None:
        with suppress(LeaseError):  # somebody drives it by now
            await ensemble.execute(only=[run])
    one = await ensemble.run(run)
    head = {"schema": SCHEMA, "path": ensemble.path}
    sys.stdout.write(f'{json.dumps(head)[:-1]}, "run": {run_text(one, step=one.step, began=one.began)}}}\n')
    return exits.OK if driver is not None or one.status in ("success", "pending", "running") else exits.FAILED


async def _requeue(ensemble: Ensemble, run: int, hard: bool) -> Holder | None:
    """Let a run be executed again; return who drives the study.

    Raises:
        UsageError: It is running.
    """
    status = (await ensemble.run(run)).status
    if status == "running":
        raise UsageError(f"run {run} is running; end it first: runsemble kill {nearest_path(ensemble.path)} {run}")
    if status != "pending":
        await ensemble.requeue_runs([run], hard=hard)
    return await ensemble.driver()


async def _again(ensemble: Ensemble, run: int, hard: bool) -> int:
    driver = await _requeue(ensemble, run, hard)
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


def _print_command(command: RunCommand, path: str, run: int) -> int:
    facts = {"schema": SCHEMA, "path": path, "id": run, **asdict(command)}
    click.echo(json.dumps(facts))
    return exits.OK


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
