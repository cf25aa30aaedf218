"""``param`` and ``post`` as help and completion know them; `runsemble.inrun.command` does the work."""

from __future__ import annotations

import click

from runsemble.inrun import command

_AS_IT_IS = {"ignore_unknown_options": True, "help_option_names": list[str]()}


@click.command(context_settings=_AS_IT_IS, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def param(arguments: tuple[str, ...]) -> int:
    """Inside a run: print its parameters, or one of them."""
    return command.main(["param", *arguments])


@click.command(context_settings=_AS_IT_IS, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def post(arguments: tuple[str, ...]) -> int:
    """Inside a run: submit its result."""
    return command.main(["post", *arguments])
