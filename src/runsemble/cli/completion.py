"""``runsemble completion``: what a shell needs to complete commands, options and file names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from runsemble.cli.app import COMPLETE

INSTALL = {
    "bash": 'eval "$(runsemble completion bash)"        # in ~/.bashrc; needs bash 4.4 or newer',
    "zsh": 'eval "$(runsemble completion zsh)"         # in ~/.zshrc, after compinit',
    "fish": "runsemble completion fish | source        # in ~/.config/fish/config.fish",
}


@click.command(epilog="\b\nTo have it always:\n" + "\n".join(f"  {line}" for line in INSTALL.values()))
@click.argument("shell", type=click.Choice(list(INSTALL)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what completes commands, options and file names in a shell."""
    kind = get_completion_class(shell)
    root = ctx.find_root().command
    assert kind is not None
    source = kind(root, {}, "runsemble", COMPLETE).source()
    click.echo(source.replace('string split ","', 'string split --max 1 ","'))  # in fish: a help text may hold commas
