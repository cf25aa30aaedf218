"""What all commands on studies have in common."""

from __future__ import annotations

import click
import pytest

from runsemble.cli.app import COMMANDS, app

#: Commands that are called by a shell or in a run, and say one thing only.
WITHOUT = {"completion", "param", "post"}


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - WITHOUT))
def test_every_command_can_answer_in_json(name: str) -> None:
    context = click.Context(app)
    command = app.get_command(context, name)
    assert command is not None
    assert any("--json" in parameter.opts for parameter in command.params)
