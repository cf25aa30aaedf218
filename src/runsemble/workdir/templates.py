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
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from runsemble.errors import TemplateError
from runsemble.model.files import TemplateFile
from runsemble.model.text import quote, why_no_bytes

if TYPE_CHECKING:
    import jinja2

#: Largest file that is taken for a template, in bytes: it travels to the agent with every run.
MAX_BYTES = 16 * 2**20

#: Blanks one of which stands for a carriage return while Jinja, which would make it a line end, is at work.
_STAND_INS = "\x1c\x1d\x1e\x1f\x0b\x0c\x85\u2028\u2029"
#: Parts of a template in which ``%%`` means nothing: raw text, blocks, comments.
_NOT_OURS = re.compile(
    r"(\{%[-+]?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*[-+]?%\}|\{%(?!%).*?%\}|\{#.*?#\})",
    re.DOTALL,
)
#: What may follow a ``%%`` that begins a token: a name, a text, a group, a sign; or a blank, under conditions.
_OPENS = re.compile(r"[^\W\d]|[\"'(\[{~+-]|\d")
_LITERAL = "{% raw %}%%{% endraw %}"


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
        self._pattern: tuple[tuple[str, ...], re.Pattern[str]] = (), re.compile("(?!)")
        self._stand_in = self._choose_stand_in("")
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
        names = tuple(values)
        if names != self._pattern[0]:
            longest_first = sorted(names, key=len, reverse=True)
            self._pattern = names, re.compile("%%(" + "|".join(map(re.escape, longest_first)) + ")%%")
        return self._pattern[1].sub(lambda match: format(values[match[1]]), self._text) if values else self._text

    # Jinja

    def _choose_stand_in(self, values: str) -> str:
        """Return a sign that occurs neither in the text nor in the values."""
        for sign in _STAND_INS:
            if sign not in self._text and sign not in values:
                return sign
        raise TemplateError(f"template {self._shown}: it, or a parameter, holds too many kinds of control characters")

    def _compile(self) -> jinja2.Template:
        import jinja2

        environment = _environment(os.path.dirname(self._path), self._stand_in)
        source = _as_jinja(self._text, self._stand_in)
        try:
            template: jinja2.Template = environment.from_string(source)
            _fetch_included(environment, source, set())
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(f"template {self._shown}, line {error.lineno}: {error.message}") from None
        except TemplateError:
            raise
        except Exception as error:  # of the compiler's: nested too deeply, a number too long
            raise TemplateError(f"template {self._shown} is too much for Python: {_first_line(error)}") from None
        return template

    def _render_jinja(self, template: jinja2.Template, values: Mapping[str, Any]) -> str:
        import jinja2

        texts = "".join(map(str, values.values()))
        if self._stand_in in texts:
            self._stand_in = self._choose_stand_in(texts)
            self._jinja = template = self._compile()
        try:
            return template.render(values).replace(self._stand_in, "\r")
        except TemplateError as error:  # of an included file
            raise TemplateError(f"{self._where(error)}{error}") from None
        except jinja2.UndefinedError as error:
            raise TemplateError(self._where(error) + _unknown_name(str(error), values)) from None
        except jinja2.TemplateNotFound as error:
            raise TemplateError(f"{self._where(error)}there is no file {error.name!r} beside it to include") from None
        except RecursionError:
            raise TemplateError(f"template {self._shown}: it includes itself, directly or through another") from None
        except jinja2.TemplateError as error:
            raise TemplateError(self._where(error) + (error.message or type(error).__name__)) from None
        except Exception as error:  # an expression of the user's: 1 / 0, a filter that does not suit
            raise TemplateError(f"{self._where(error)}{type(error).__name__}: {_first_line(error)}") from None

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
    """Return what is in a template file, and its permission bits.

    Raises:
        TemplateError: It cannot be read, is too large, or binary; `missing` says whether it is not there.
    """
    if problem := why_no_bytes(path):
        raise TemplateError(f"template {quote(shown)} cannot be read: its path {problem}", missing=True)
    try:
        with open(path, "rb") as file:
            info = os.fstat(file.fileno())
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError)
        raise TemplateError(f"template {shown} cannot be read: {error.strerror} ({path})", missing=is_missing) from None
    if len(raw) > MAX_BYTES:
        raise TemplateError(f"template {shown} has more than {MAX_BYTES >> 20} MiB; use an input file instead")
    if b"\0" in raw:
        raise TemplateError(f"template {shown} is a binary file; use an input file instead")
    return raw, stat.S_IMODE(info.st_mode)


def _environment(directory: str, stand_in: str) -> jinja2.Environment:
    import jinja2
    from jinja2.runtime import TemplateReference
    from jinja2.sandbox import SandboxedEnvironment

    class Loader(jinja2.BaseLoader):
        def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Any]:
            path = os.path.normpath(os.path.join(directory, template))
            try:
                raw, _ = _read(path, template)
            except TemplateError as error:
                if getattr(error, "missing", False):
                    raise jinja2.TemplateNotFound(template) from None
                raise
            return _as_jinja(raw.decode("utf-8", "surrogateescape"), stand_in), path, None

    def finalize(value: Any) -> Any:
        if isinstance(value, TemplateReference) or (callable(value) and not isinstance(value, jinja2.Undefined)):
            raise jinja2.TemplateRuntimeError(f"{_name_of(value)} is a function, and no parameter has that name")
        return value

    return SandboxedEnvironment(
        variable_start_string="%%",
        variable_end_string="%%",
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
        finalize=finalize,
        loader=Loader(),
    )


def _name_of(value: Any) -> str:
    return repr(getattr(value, "__name__", type(value).__name__))


def _fetch_included(environment: jinja2.Environment, source: str, seen: set[str]) -> None:
    """Load what a template includes by name, so that nothing is read from disk while runs are being prepared.

    What cannot be had may never be needed: if it is, rendering says so.
    """
    import jinja2.meta

    for name in jinja2.meta.find_referenced_templates(environment.parse(source)):
        if name is None or name in seen or environment.loader is None:
            continue
        seen.add(name)
        try:
            environment.get_template(name)
            inner, _, _ = environment.loader.get_source(environment, name)
        except (jinja2.TemplateError, TemplateError):
            continue
        _fetch_included(environment, inner, seen)


def _as_jinja(text: str, stand_in: str) -> str:
    """Return a text as Jinja has to have it: no carriage returns, and no ``%%`` that begins no token."""
    source = text.replace("\r", stand_in)
    if "%%" not in source:
        return source
    parts = _NOT_OURS.split(source)
    return "".join(part if at % 2 else _spare_signs(part) for at, part in enumerate(parts))


def _spare_signs(text: str) -> str:
    pieces = []
    at = 0
    while (start := text.find("%%", at)) >= 0:
        before = text[at:start]
        end = text.find("%%", start + 2)
        if end < 0 or not _is_token(text, start, end):
            pieces += [before, _LITERAL]
            at = start + 2
            continue
        if before.endswith("{"):  # else the brace and the first sign would begin a block
            before = before[:-1] + "{% raw %}{{% endraw %}"
        pieces += [before, text[start : end + 2]]
        at = end + 2
    return "".join(pieces) + text[at:]


def _is_token(text: str, start: int, end: int) -> bool:
    """Tell whether what stands between two ``%%`` is meant to be filled in, rather than a sentence about percentages.

    A token has no blanks at its ends, or has them at both; a number before it makes it a percentage, unless a name
    follows at once.
    """
    inside = text[start + 2 : end]
    follows_number = re.search(r"\d[ \t]?$", text[max(0, start - 2) : start]) is not None
    if inside[:1].isspace():
        return not follows_number and inside[-1:].isspace() and "\n" not in inside and bool(inside.strip())
    opening = _OPENS.match(inside)
    return opening is not None and (not follows_number or re.match(r"[^\W\d]", inside) is not None)


def _unknown_name(message: str, values: Mapping[str, Any]) -> str:
    """Word what Jinja says of an undefined name, with the nearest one that is known."""
    found = re.fullmatch(r"'(.+)' is undefined", message)
    if found is None:
        return message
    near = difflib.get_close_matches(found[1], values, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(values)) or 'none'}"
    return f"there is no parameter {found[1]!r}{hint}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
