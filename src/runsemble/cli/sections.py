"""Options that a command's help lists under headings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


class _Option(click.Option):
    def __init__(self, *args: Any, section: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section


class SectionedCommand(click.Command):
    """Lists its options under the headings that `option` gave them."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the headings and what belongs under them."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(parameter, "section", "Other"), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def option(section: str, *names: str, **attributes: Any) -> Callable[[Any], Any]:
    """Return a decorator that adds an option under a heading."""
    return click.option(*names, cls=_Option, section=section, **attributes)
