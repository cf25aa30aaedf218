"""Template files: text in which parameters stand between ``%%`` signs, filled in for every run.

Two engines. ``jinja`` knows expressions, filters, ``{% if %}`` and ``{% include %}``, and refuses names it does not
know; ``tokens`` replaces ``%%name%%`` literally and leaves everything else alone. Either way bytes outside the tokens
stay as they are, line endings and a missing last one included.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runsemble.errors import TemplateError
from runsemble.model.files import TemplateFile

if TYPE_CHECKING:
    import jinja2

#: Largest file that is taken for a template, in bytes: it travels to the agent with every run.
MAX_BYTES = 16 * 2**20

#: Stands for a carriage return while Jinja, which would make it a line end, is at work.
_CR = "\ue00d"
#: Parts of a template in which ``%%`` means nothing.
_NOT_OURS = re.compile(r"(\{%[-+]?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*[-+]?%\}|\{#.*?#\})", re.DOTALL)


class DeckTemplate:
    """One template file, read and parsed once.

    Args:
        file: What the user gave.
        submit_dir: From where its path is seen.

    Raises:
        TemplateError: It cannot be read, is binary, or is no valid template; the text says on which line.
    """

    def __init__(self, file: TemplateFile, submit_dir: str) -> None:
        self.name = os.path.normpath(file.name)
        self._path = os.path.normpath(os.path.join(submit_dir, os.fspath(file.path)))
        self._shown = os.fspath(file.path)
        raw, self._mode = _read(self._path, self._shown)
        self._text = raw.decode("utf-8", "surrogateescape")
        self._jinja = self._compile() if file.engine == "jinja" else None

    def render(self, values: Mapping[str, Any]) -> tuple[str, str, int]:
        """Return the file for one run: its name, its text, its permission bits.

        Raises:
            TemplateError: With file, line, and the nearest name where one is not known.
        """
        text = self._fill_tokens(values) if self._jinja is None else self._render_jinja(self._jinja, values)
        return self.name, text, self._mode

    # Literal tokens

    def _fill_tokens(self, values: Mapping[str, Any]) -> str:
        if not values:
            return self._text
        return _known_tokens(tuple(values)).sub(lambda match: format(values[match[1]]), self._text)

    # Jinja

    def _compile(self) -> jinja2.Template:
        import jinja2

        environment = _environment(os.path.dirname(self._path))
        source = self._text.replace("\r", _CR)
        try:
            template: jinja2.Template = environment.from_string(_spare_prose(source))
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(f"template {self._shown}, line {error.lineno}: {error.message}") from None
        template.filename = self._path
        _fetch_included(environment, source, set())
        return template

    def _render_jinja(self, template: jinja2.Template, values: Mapping[str, Any]) -> str:
        import jinja2

        try:
            return template.render(values).replace(_CR, "\r")
        except jinja2.UndefinedError as error:
            raise TemplateError(self._where(error) + _unknown_name(str(error), values)) from None
        except jinja2.TemplateNotFound as error:
            raise TemplateError(f"{self._where(error)}there is no file {error.name!r} beside it to include") from None
        except RecursionError:
            raise TemplateError(f"template {self._shown}: it includes itself, directly or through another") from None
        except jinja2.TemplateError as error:
            raise TemplateError(self._where(error) + (error.message or type(error).__name__)) from None
        except Exception as error:  # an expression of the user's: 1 / 0, a filter that does not suit
            raise TemplateError(f"{self._where(error)}{type(error).__name__}: {error}") from None

    def _where(self, error: Exception) -> str:
        """Return "template FILE, line N: ", for the innermost template in the traceback of an error."""
        line, name = getattr(error, "lineno", 0), self._shown
        trace = error.__traceback__
        while trace is not None:
            if "__jinja_exception__" in trace.tb_frame.f_globals:
                line, file = trace.tb_lineno, trace.tb_frame.f_code.co_filename
                name = file if os.path.isabs(file) and file != self._path else self._shown
            trace = trace.tb_next
        return f"template {name}" + (f", line {line}: " if line else ": ")


def load_templates(files: Iterable[TemplateFile | str | os.PathLike[str]], submit_dir: str) -> list[DeckTemplate]:
    """Read every template.

    Raises:
        TemplateError: One cannot be used; see `DeckTemplate`.
    """
    return [DeckTemplate(file if isinstance(file, TemplateFile) else TemplateFile(file), submit_dir) for file in files]


def _read(path: str, shown: str) -> tuple[bytes, int]:
    try:
        with open(path, "rb") as file:
            info = os.fstat(file.fileno())
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise TemplateError(f"template {shown} cannot be read: {error.strerror} ({path})") from None
    if len(raw) > MAX_BYTES:
        raise TemplateError(f"template {shown} has more than {MAX_BYTES >> 20} MiB; use an input file instead")
    if b"\0" in raw:
        raise TemplateError(f"template {shown} is a binary file; use an input file instead")
    return raw, stat.S_IMODE(info.st_mode)


def _environment(directory: str) -> jinja2.Environment:
    import jinja2
    from jinja2.sandbox import SandboxedEnvironment

    class Loader(jinja2.FileSystemLoader):
        def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Any]:
            path = os.path.normpath(os.path.join(directory, template))
            try:
                raw, _ = _read(path, template)
            except TemplateError:
                raise jinja2.TemplateNotFound(template) from None
            text = raw.decode("utf-8", "surrogateescape").replace("\r", _CR)
            return _spare_prose(text), path, None

    return SandboxedEnvironment(
        variable_start_string="%%",
        variable_end_string="%%",
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
        loader=Loader(directory),
    )


def _fetch_included(environment: jinja2.Environment, source: str, seen: set[str]) -> None:
    """Load what a template includes by name, so that nothing is read from disk while runs are being prepared.

    What cannot be loaded may never be needed: if it is, rendering says so.
    """
    import jinja2.meta

    for name in jinja2.meta.find_referenced_templates(environment.parse(_spare_prose(source))):
        if name is None or name in seen or environment.loader is None:
            continue
        seen.add(name)
        try:
            environment.get_template(name)
            inner, _, _ = environment.loader.get_source(environment, name)
        except jinja2.TemplateError:
            continue
        _fetch_included(environment, inner, seen)


def _spare_prose(source: str) -> str:
    """Return a source in which every ``%%`` that begins no token is written so that Jinja leaves it alone."""
    if "%%" not in source:
        return source
    parts = _NOT_OURS.split(source)
    return "".join(part if at % 2 else _spare_signs(part) for at, part in enumerate(parts))


def _spare_signs(text: str) -> str:
    pieces = []
    at = 0
    while (start := text.find("%%", at)) >= 0:
        pieces.append(text[at:start])
        end = text.find("%%", start + 2)
        if end >= 0 and _is_expression(text[start + 2 : end]):
            pieces.append(text[start : end + 2])
            at = end + 2
        else:
            pieces.append("{% raw %}%%{% endraw %}")
            at = start + 2
    return "".join(pieces) + text[at:]


def _is_expression(text: str) -> bool:
    """Tell whether what stands between two ``%%`` is meant to be filled in."""
    if text and not text[0].isspace() and "\n" not in text:
        return True  # and if it is no expression, that is an error
    import jinja2

    try:
        jinja2.Environment().compile_expression(text)
    except jinja2.TemplateError:
        return False
    return True


_patterns: dict[tuple[str, ...], re.Pattern[str]] = {}


def _known_tokens(names: Sequence[str]) -> re.Pattern[str]:
    key = tuple(names)
    pattern = _patterns.get(key)
    if pattern is None:
        _patterns.clear()
        longest_first = sorted(names, key=len, reverse=True)
        pattern = _patterns[key] = re.compile("%%(" + "|".join(map(re.escape, longest_first)) + ")%%")
    return pattern


def _unknown_name(message: str, values: Mapping[str, Any]) -> str:
    """Word what Jinja says of an undefined name, with the nearest one that is known."""
    found = re.fullmatch(r"'(.+)' is undefined", message)
    if found is None:
        return message
    near = difflib.get_close_matches(found[1], values, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(values)) or 'none'}"
    return f"there is no parameter {found[1]!r}{hint}"
