"""Text files whose tokens are filled in as Themis does it: for each run what is in the file by then."""

from __future__ import annotations

import importlib.util
import logging
import os
import stat
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from runsemble.errors import TemplateError, UsageError
from runsemble.workdir.deck_tokens import fill_tokens
from runsemble.workdir.lenient_jinja import LenientJinja

_log = logging.getLogger("runsemble")

Engine = Literal["jinja", "tokens"]


#: What a batch script says where the command that starts a step is to be put.
LAUNCH_KEY = "themis_launch"


def default_engine() -> Engine:
    """Return the engine of a new ensemble: Jinja's where it can be imported."""
    return "tokens" if importlib.util.find_spec("jinja2") is None else "jinja"


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=2)


class Deck:
    """A text file whose tokens are filled in for many runs: read once, and compiled once.

    Args:
        template: Its path.
        engine: ``tokens``: ``%%name%%`` and nothing else. ``jinja``: also expressions and blocks.
        warn: Called with what a person should know; by default that is a `UserWarning`.

    Raises:
        OSError: It cannot be read.
        UsageError: There is no such engine.
    """

    def __init__(
        self, template: str | os.PathLike[str], engine: Engine = "tokens", warn: Callable[[str], None] = _warn
    ) -> None:
        if engine not in get_args(Engine):
            raise UsageError(f"the engine must be 'jinja' or 'tokens', not {engine!r}")
        self.engine = engine
        self.path = os.path.abspath(template)
        with open(self.path, "rb") as file:
            self.info = os.fstat(file.fileno())  #: of the file as it was read
            self._raw = file.read()
        self._is_binary = b"\0" in self._raw
        self._text = _as_lines(self._raw.decode("utf-8", "surrogateescape"))
        self._say = warn
        self._jinja = LenientJinja(self._text, self.path, warn)

    def render(self, sample: Mapping[Any, Any]) -> bytes:
        """Return the file for one run.

        Line ends become line feeds, unless nothing is filled in. A file that is no valid template is filled in by the
        other engine, with a warning; so is one that names what the sample lacks, where that becomes nothing.

        Raises:
            TemplateError: An expression in it cannot be computed.
        """
        if self._is_binary:
            if sample:
                self._say(f"{self.path} is a binary file, and is copied as it is")
            return self._raw
        values = {str(key): value for key, value in sample.items()}
        text = self._by_jinja(values) if self.engine == "jinja" else None
        if text is None:
            if not values:
                return self._raw
            text = fill_tokens(self._text, values)
        return text.encode("utf-8", "surrogateescape")

    def _by_jinja(self, values: Mapping[str, Any]) -> str | None:
        try:
            template = self._jinja.compiled_for(values)
        except TemplateError as error:
            self._say(f"{self.path} is no valid template, so only %%name%% is replaced in it: {error}")
            return None
        return template.render(values)


def _as_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


#: Begins the name of an engine of these in the recipe of a study.
FAMILY = "themis-"
#: Decks that were read lately, by path and engine, with what tells whether the file has changed since.
_KEPT: dict[tuple[str, Engine], Deck] = {}
_MOST_KEPT = 256


class DeckFile:
    """A deck as the runs of a study have it: read when the first of them needs it, and again when it has changed.

    Args:
        path: The file, absolute.
        engine: What fills in its tokens.
        values: What is filled in beside the run's own parameters.
    """

    def __init__(self, path: str, engine: Engine, values: Mapping[str, str] | None = None) -> None:
        self.name = os.path.basename(path)  #: in the run directory
        self.shown = path  #: what errors call it
        self._engine: Engine = engine
        self._values = dict(values or {})

    def as_recipe(self) -> dict[str, Any]:
        """Return what `from_recipe` needs, ready for JSON."""
        return {"engine": FAMILY + self._engine, "path": self.shown, "values": self._values}

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> DeckFile:
        """Return the deck that `as_recipe` wrote down."""
        engine: Engine = "jinja" if recipe["engine"] == FAMILY + "jinja" else "tokens"
        return cls(recipe["path"], engine, recipe["values"])

    def render(self, values: Mapping[str, Any]) -> tuple[str, str, int]:
        """Return the file for one run: its name, its text, its permission bits.

        Raises:
            TemplateError: It cannot be read, or an expression in it cannot be computed.
        """
        try:
            deck = _current(self.shown, self._engine)
        except OSError as error:
            raise TemplateError(f"{self.shown} cannot be read: {error.strerror}") from None
        rendered = deck.render({**values, **self._values})
        return self.name, rendered.decode("utf-8", "surrogateescape"), stat.S_IMODE(deck.info.st_mode)


def _current(path: str, engine: Engine) -> Deck:
    """Return a deck as the file is now."""
    deck = _KEPT.get((path, engine))
    if deck is None or _state(deck.info) != _state(os.stat(path)):
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        deck = _KEPT[path, engine] = Deck(path, engine, _Once().say)
    return deck


def _state(info: os.stat_result) -> tuple[int, ...]:
    return info.st_mtime_ns, info.st_size, info.st_ino, info.st_mode


class _Once:
    """Passes each warning on to the log, but none twice: there are many runs."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            _log.warning("%s", text)
