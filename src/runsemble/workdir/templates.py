"""Template files: text in which parameters stand between ``%%`` signs, filled in for every run.

Two engines. ``jinja`` knows expressions, filters, ``{% if %}`` and ``{% include %}``, and refuses names it does not
know; ``tokens`` replaces ``%%name%%`` literally and leaves everything else alone. Either way bytes outside the tokens
stay as they are, line endings and a missing last one included.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, Self

from runsemble.model.files import TemplateEngine, TemplateFile
from runsemble.workdir.decks import FAMILY, DeckFile
from runsemble.workdir.jinja_engine import JinjaText
from runsemble.workdir.jinja_syntax import names_in_signs
from runsemble.workdir.template_reading import MAX_BYTES as MAX_BYTES
from runsemble.workdir.template_reading import read_template


class DeckTemplate:
    """One template file, read and parsed once.

    Args:
        file: What the user gave.
        submit_dir: From where its path is seen.

    Raises:
        TemplateError: It cannot be read, is binary, or is no valid template; the text says on which line.
    """

    def __init__(self, file: TemplateFile, submit_dir: str) -> None:
        shown = os.fspath(file.path)
        path = os.path.normpath(os.path.join(submit_dir, shown))
        raw, mode = read_template(path, shown)
        self._take(os.path.normpath(file.name), shown, path, raw.decode("utf-8", "surrogateescape"), mode, file.engine)

    def _take(self, name: str, shown: str, path: str, text: str, mode: int, engine: TemplateEngine) -> None:
        self.name = name
        self.shown = shown  #: what errors call it
        self._path, self._text, self._mode, self._engine = path, text, mode, engine
        self._pattern: tuple[tuple[str, ...], re.Pattern[str]] = (), re.compile("(?!)")
        self._jinja = JinjaText(text, path, shown) if engine == "jinja" else None

    def as_recipe(self) -> dict[str, Any]:
        """Return what `from_recipe` needs, ready for JSON: the text as it is now, whatever becomes of the file."""
        return {
            "name": self.name, "shown": self.shown, "path": self._path, "text": self._text, "mode": self._mode,
            "engine": self._engine,
        }  # fmt: skip

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> Self:
        """Return the template that `as_recipe` wrote down."""
        template = cls.__new__(cls)
        template._take(**recipe)
        return template

    def render(self, values: Mapping[str, Any]) -> tuple[str, str, int]:
        """Return the file for one run: its name, its text, its permission bits.

        Raises:
            TemplateError: With file, line, and the nearest name where one is not known.
        """
        text = self._fill_tokens(values) if self._jinja is None else self._jinja.render(values)
        return self.name, text, self._mode

    def has_places(self, names: Iterable[str]) -> bool:
        """Tell whether anything in it is filled in, where there are parameters of some names."""
        if self._jinja is None:
            return any(f"%%{name}%%" in self._text for name in names)
        return self._jinja.has_places()

    def _fill_tokens(self, values: Mapping[str, Any]) -> str:
        names = tuple(values)
        if names != self._pattern[0]:
            self._pattern = names, names_in_signs(names)
        return self._pattern[1].sub(lambda match: format(values[match[1]]), self._text) if values else self._text


class FilledFile(Protocol):
    """A file that is filled in for every run."""

    @property
    def name(self) -> str:
        """Its path in the run directory."""

    def render(self, values: Mapping[str, Any]) -> tuple[str, str, int]:
        """Return the file for one run: its name, its text, its permission bits.

        Raises:
            TemplateError: It cannot be filled in.
        """

    def as_recipe(self) -> dict[str, Any]:
        """Return what `filled_file` needs, ready for JSON."""


def filled_file(recipe: Mapping[str, Any]) -> FilledFile:
    """Return the file that `as_recipe` wrote down."""
    kind = DeckFile if recipe["engine"].startswith(FAMILY) else DeckTemplate
    return kind.from_recipe(recipe)


def load_templates(files: Iterable[TemplateFile | str | os.PathLike[str]], submit_dir: str) -> list[DeckTemplate]:
    """Read every template.

    Raises:
        TemplateError: One cannot be used; see `DeckTemplate`.
    """
    return [DeckTemplate(file if isinstance(file, TemplateFile) else TemplateFile(file), submit_dir) for file in files]
