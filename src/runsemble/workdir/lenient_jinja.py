"""The engine of Jinja, as lenient as Themis has it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from runsemble.workdir.jinja_engine import JinjaText

if TYPE_CHECKING:
    import jinja2

#: Words that mean something to Jinja wherever a parameter could stand.
_RESERVED = frozenset(
    {"and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"}
    | {"self", "super", "caller"}
)
#: So many kinds of samples are kept in mind.
_KINDS = 32


class LenientJinja:
    """A text in which ``%%`` signs enclose expressions, compiled once for each kind of sample.

    Names of the sample that are none to Jinja, such as ``a.b``, are replaced literally. A name that is not known
    becomes nothing, with a warning; it stays where the sample has such literal names, since the text is no real
    template then.

    Args:
        text: What stands in the file.
        path: The file, absolute.
        warn: Called with what a person should know.
    """

    def __init__(self, text: str, path: str, warn: Callable[[str], None]) -> None:
        self._text = text
        self._path = path
        self._warn = warn
        self._compiled: dict[tuple[str, ...], JinjaText] = {}

    def compiled_for(self, names: Iterable[str]) -> JinjaText:
        """Return it for samples with some names.

        Raises:
            TemplateError: It is no valid template.
        """
        known = tuple(names)
        if known not in self._compiled:
            if len(self._compiled) == _KINDS:
                self._compiled.clear()
            self._compiled[known] = self._compile(known)
        return self._compiled[known]

    def _compile(self, names: tuple[str, ...]) -> JinjaText:
        aliases = {name: name if _is_name(name) else f"_runsemble_{at}" for at, name in enumerate(names)}
        undefined = _lenient(self._warn, self._path, stays=not all(map(_is_name, names)))
        return JinjaText(self._text, self._path, os.path.basename(self._path), undefined=undefined, aliases=aliases)


def _is_name(name: str) -> bool:
    return name.isidentifier() and name not in _RESERVED


def _lenient(warn: Callable[[str], None], path: str, *, stays: bool) -> type[jinja2.Undefined]:
    import jinja2

    class Lenient(jinja2.Undefined):
        __slots__ = ()

        def __str__(self) -> str:
            name = self._undefined_name
            becomes = "stays" if stays else "becomes nothing"
            warn(f"{path}: there is no value for {name!r}, so its token {becomes}")
            return f"%%{name}%%" if stays else ""

    return Lenient
