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


class DirectoryFirst(SectionedCommand):
    """Takes a directory before its options, behind which the words of a command may follow."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as if the directory stood behind the options, where click looks for it."""
        before = self._count_options(ctx, args)
        if before == len(args):
            return super().parse_args(ctx, args)
        directory, rest = args[before], args[before + 1 :]
        after = self._count_options(ctx, rest)
        options = [*args[:before], *rest[:after]]
        return super().parse_args(ctx, [*_without_end(options), "--", directory, *rest[after:]])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the pieces of the usage line: options stand behind the directory."""
        directory, *words = (piece for piece in super().collect_usage_pieces(ctx) if piece != self.options_metavar)
        return [directory, self.options_metavar or "", *words]

    def _count_options(self, ctx: click.Context, args: list[str]) -> int:
        """Return how many of the words are options and their values, before the first other word."""
        given, left, _ = self.make_parser(ctx).parse_args(list(args))
        directory, command = given.get("directory"), given.get("command")
        words = [*([directory] if isinstance(directory, str) else []), *(command if isinstance(command, tuple) else [])]
        return len(args) - len(words) - len(left)


def _without_end(options: list[str]) -> list[str]:
    """Return options without the ``--`` that ends them."""
    return options[:-1] if options[-1:] == ["--"] else options


def option(section: str, *names: str, **attributes: Any) -> Callable[[Any], Any]:
    """Return a decorator that adds an option under a heading."""
    return click.option(*names, cls=_Option, section=section, **attributes)
