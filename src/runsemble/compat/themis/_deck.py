"""Fills in the tokens of one text file for one run."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from runsemble.workdir.decks import Deck, Engine, default_engine

Sample = Mapping[Any, Any]


def parse_input_deck(
    template: str | os.PathLike[str],
    output_path: str | os.PathLike[str],
    sample: Sample,
    engine: Engine | None = None,
) -> None:
    """Fill in the tokens of a file for one run; see `Deck`.

    Args:
        template: The file.
        output_path: Where to write it; may be the same file.
        sample: What the tokens stand for.
        engine: Jinja's where it can be imported, when None.

    Raises:
        OSError: The one cannot be read, or the other not written.
        TemplateError: An expression in it cannot be computed.
    """
    write_deck(Deck(template, default_engine() if engine is None else engine), output_path, sample)


def parse_input_deck_base(
    template: str | os.PathLike[str], output_path: str | os.PathLike[str], sample: Sample
) -> None:
    """Do what `parse_input_deck` does, where ``%%name%%`` is replaced and nothing else."""
    parse_input_deck(template, output_path, sample, "tokens")


def parse_input_deck_jinja(
    template_path: str | os.PathLike[str], output_path: str | os.PathLike[str], sample: Sample
) -> None:
    """Do what `parse_input_deck` does, with expressions and blocks."""
    parse_input_deck(template_path, output_path, sample, "jinja")


def write_deck(deck: Deck, output_path: str | os.PathLike[str], sample: Sample) -> None:
    """Write a deck for one run, with the mode and the times of the template; it may be the template itself.

    Raises:
        TemplateError: An expression in it cannot be computed; nothing is written.
        IsADirectoryError: There is a directory of that name.
        OSError: It cannot be written.
    """
    _replace(os.path.abspath(output_path), deck.render(sample), deck.info)


def _replace(path: str, content: bytes, like: os.stat_result) -> None:
    """Put a file in the place of another, which is not written through: it may be a link to a file of the user's."""
    with suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(21, "Is a directory", path)
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):  # a pipe, /dev/stdout
            with open(path, "wb") as file:
                file.write(content)
            return
    partial = f"{path}.{os.getpid()}.part"
    try:
        with open(partial, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), stat.S_IMODE(like.st_mode))
        os.utime(partial, ns=(like.st_atime_ns, like.st_mtime_ns))
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise
