"""``runsemble plan``: how long what is pending will take."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from dataclasses import asdict
from typing import Any

import click

from runsemble._version import __version__
from runsemble.cli import exits
from runsemble.cli.directory import absolute
from runsemble.cli.say import say
from runsemble.display.plan import plan_lines
from runsemble.ensemble.foreseeing import Foreseeing
from runsemble.model.resources import Shape, count_of
from runsemble.model.units import parse_mem_mib
from runsemble.sched.plan import Plan

#: Another one than that of ``run --dry-run``.
SCHEMA = "runsemble.makespan/1"


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False))
@click.option("-c", "--cores", type=click.IntRange(1), metavar="N", help="As if each machine had so many cores.")
@click.option("-g", "--gpus", type=click.IntRange(0), metavar="N", help="As if each machine had so many GPUs.")
@click.option("-m", "--mem", metavar="SIZE", help="As if each machine had so much memory, such as 64G.")
@click.option("--nodes", type=click.IntRange(1), metavar="N", help="As if there were so many machines.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan(directory: str, cores: int | None, gpus: int | None, mem: str | None, nodes: int | None, as_json: bool) -> int:
    """Say how long what is pending in the study in DIR will take, on this machine or on another.

    It is played by the scheduler itself, in virtual time. How long runs take is judged by those that have ended, else
    by their time limit. Half and twice the machine are compared, and what would never start is named.
    """
    mem_mib = None if mem is None else parse_mem_mib(mem)
    found, running = asyncio.run(_plan(Foreseeing(directory), cores=cores, gpus=gpus, mem_mib=mem_mib, nodes=nodes))
    if as_json:
        click.echo(json.dumps({**plan_as_json(found), "path": absolute(directory)}, indent=1))
        return exits.OK
    if not found.run_count and not found.never:
        say("nothing is pending")
        return exits.NOTHING
    width = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100
    for line in plan_lines(found, max(width, 40)):
        click.echo(line)
    if running:
        say(f"note: {count_of(running, 'run')} under way {'is' if running == 1 else 'are'} not counted")
    return exits.OK


async def _plan(ensemble: Foreseeing, **machine: int | None) -> tuple[Plan, int]:
    found = await ensemble.plan(**machine)
    return found, await ensemble.count_by_status("running")


def plan_as_json(found: Plan) -> dict[str, Any]:
    """Return a plan, ready for JSON; times are in its unit."""
    facts = {"schema": SCHEMA, "version": __version__, **asdict(found)}
    facts["makespan"] = found.makespan
    facts["waits"] = [{**asdict(one), "shape": shape_as_json(one.shape)} for one in found.waits]
    facts["never"] = [{**asdict(one), "shape": shape_as_json(one.shape)} for one in found.never]
    return facts


def shape_as_json(shape: Shape) -> dict[str, Any]:
    """Return what runs ask for, ready for JSON."""
    return {"cores": shape.cores, "gpus": shape.gpus, "mem_mib": shape.mem_mib, "named": dict(shape.named)}
