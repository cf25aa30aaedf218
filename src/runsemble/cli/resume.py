"""``runsemble resume``: executes what is pending, in the foreground."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import Any

import click

from runsemble.cli import exits
from runsemble.cli.app import complain, stop_writing
from runsemble.cli.directory import DIRECTORY, typed
from runsemble.cli.driving import driver_words, is_driven, is_over, look_who
from runsemble.cli.ending import Ending, terminate, wants_bar
from runsemble.cli.id_words import ids_words
from runsemble.cli.options import JOBS, OUTPUT, PROGRESS_OPTIONS, RESOURCES
from runsemble.cli.say import say
from runsemble.cli.sections import SectionedCommand, option
from runsemble.ensemble.driver import Driver
from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.execution import Execution
from runsemble.ensemble.sync import blocking
from runsemble.errors import AgentError, LeaseError, StoreError, UsageError
from runsemble.model import events
from runsemble.model.resources import count_of
from runsemble.model.units import parse_duration
from runsemble.runners.local import ParallelLocalRunner
from runsemble.runners.progress import Showing


@click.command(cls=SectionedCommand, epilog=f"\b\n{exits.HELP}")
@DIRECTORY
@JOBS
@option(
    RESOURCES,
    "--deadline",
    metavar="TIME",
    help="When everything must be over: nothing starts that cannot finish, what runs then is ended and stays pending.",
)
@option(
    RESOURCES,
    "--allow-multiple",
    is_flag=True,
    help="Take part where another process drives the study; else that is an error.",
)
@option("When runs fail", "--failed", is_flag=True, help="Let those that failed be executed again, too.")
@option(OUTPUT, "--json", "as_json", is_flag=True, help="Print the runs as JSON at the end, instead of a summary.")
@PROGRESS_OPTIONS
def resume(directory: str, **options: Any) -> int:
    """Execute what is pending of the study in DIR, and wait for it.

    It goes on exactly where it was interrupted: runs that never noticed are taken over, none that has ended is
    repeated. The first Ctrl-C lets running runs finish and starts no further one, the second ends them, the third
    kills them; what has not ended stays pending.
    """
    deadline_s(options)  # before anything is changed
    if options["failed"]:
        asyncio.run(_requeue_failed(directory, options))
    _, counts = asyncio.run(look_who(directory))
    if is_over(counts):
        _say_nothing_pending(directory, counts["failure"])
        if options["as_json"]:
            asyncio.run(_print_runs(directory))
        return exits.OK
    began = time.monotonic()
    ending = _carry_out(directory, options)
    if ending.problem:
        complain(ending.problem, "resume", 0)
    try:
        if ending.result is not None:
            asyncio.run(_report(ending, directory, options, time.monotonic() - began))
        sys.stdout.flush()
    except BrokenPipeError:
        stop_writing(0)
    return ending.exit_status


async def _requeue_failed(directory: str, options: dict[str, Any]) -> None:
    ensemble = Ensemble(directory)
    failed = await ensemble.filter_by_status("failure")
    again = await ensemble.requeue_runs(failed) if failed else []
    if again and not options["quiet"]:
        say(f"{count_of(len(again), 'run')} that failed will be executed again ({ids_words(again)})")


def _say_nothing_pending(directory: str, failed: int) -> None:
    here = typed(directory)
    hint = f"; {failed} failed: runsemble resume --failed {here} executes those again" if failed else ""
    say(f"nothing is pending in {here}{hint}")


def _carry_out(directory: str, options: dict[str, Any]) -> Ending[Driver]:
    ending = Ending[Driver]()
    runner = ParallelLocalRunner(max_parallel=options["jobs"])
    runner.bus.listen(lambda event: ending.broken.append(str(event)), events.Aborted)
    showing = Showing(wants_bar(options), options["shows_eta"], says_end=options["as_json"])
    execution = Execution(
        make_runner=lambda: runner,
        showing=showing,
        deadline_s=deadline_s(options),
        allow_multiple=options["allow_multiple"],
    )
    driver = Driver(directory, execution)

    async def carry_out() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate, ending)
        await driver.run()

    try:
        blocking(carry_out)()
        ending.result = driver
        if driver.is_out_of_time:
            ending.status = exits.DEADLINE
    except KeyboardInterrupt as interrupt:
        ending.result, ending.status = getattr(interrupt, "result", None), ending.status or exits.INTERRUPTED
    except LeaseError as error:
        ending.problem = f"{error}; follow it: runsemble watch {typed(directory)}"
        ending.status = exits.INFRASTRUCTURE
    except (AgentError, StoreError) as error:
        ending.result, ending.problem, ending.status = driver, str(error), exits.INFRASTRUCTURE
    except UsageError as error:
        ending.problem, ending.status = str(error), exits.USAGE
    return ending


def deadline_s(options: dict[str, Any]) -> float | None:
    """Return how many seconds there are, None for as many as it takes.

    Raises:
        UsageError: That is no time.
    """
    text = options["deadline"]
    return None if text is None else parse_duration(text)


async def _report(ending: Ending[Driver], directory: str, options: dict[str, Any], wall_s: float) -> None:
    if options["as_json"]:
        await _print_runs(directory)
    elif not options["quiet"]:
        from runsemble.cli.study_summary import print_study_summary

        await print_study_summary(directory, wall_s)
    lease, counts = await look_who(directory)
    if not is_over(counts) and not options["as_json"]:
        left = counts["pending"] + counts["running"]
        if is_driven(lease):
            others = driver_words(lease, directory)
            say(f"{count_of(left, 'run')} left, {others}; follow it: runsemble watch {typed(directory)}")
        else:
            say(_left_words(ending, directory, left))


async def _print_runs(directory: str) -> None:
    from runsemble.cli.listing import list_runs
    from runsemble.ensemble.choice import Choice

    await list_runs(directory, Choice(), {"only_ids": False, "as_json": True, "limit": None, "offset": 0})


def _left_words(ending: Ending[Driver], directory: str, left: int) -> str:
    """Word why runs are left over, and what to do."""
    if ending.status == exits.DEADLINE:
        return f"the time is over: {count_of(left, 'run')} left; go on with runsemble resume {typed(directory)}"
    why = f"given up, because {ending.result.reason}: " if ending.result is not None and ending.result.reason else ""
    return f"{why}{count_of(left, 'run')} left; go on with runsemble resume {typed(directory)}"
