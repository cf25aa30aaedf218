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
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from runsemble.errors import TemplateError
from runsemble.model.files import TemplateFile
from runsemble.model.text import quote, why_no_bytes

if TYPE_CHECKING:
    import jinja2
    from jinja2.lexer import Token

#: Largest file that is taken for a template, in bytes: it travels to the agent with every run.
MAX_BYTES = 16 * 2**20

#: Blanks one of which stands for a carriage return, which Jinja would make a line end, while a text is parsed.
_STAND_INS = "\x1c\x1d\x1e\x1f\x0b\x0c\x85\u2028\u2029"
#: What begins a part in which ``%%`` means nothing, and what ends it: raw text, blocks, comments.
_OPENING = re.compile(r"(?P<raw>\{%[-+]?\s*raw\s*-?%\})|(?P<block>\{%(?!%))|(?P<comment>\{#)")
_ENDS = {"raw": re.compile(r"\{%-?\s*endraw\s*[-+]?%\}"), "block": re.compile("%}"), "comment": re.compile("#}")}
#: The number of items of an array, in a script for a shell: no comment begins here.
_SHELL_LENGTH = re.compile(r"\$\{#[\w@*]+(\[[^\]\n]*\])?\}")
#: What may follow a ``%%`` that begins a token: a name, a text, a group, a sign; or a blank, under conditions.
_OPENS = re.compile(r"[^\W\d]|[\"'(\[{~+-]|\d")
_LITERAL = "{% raw %}%%{% endraw %}"
_LITERAL_COMMENT = "{% raw %}{#{% endraw %}"


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
        self.shown = os.fspath(file.path)  #: what errors call it
        self._path = os.path.normpath(os.path.join(submit_dir, self.shown))
        raw, self._mode = _read(self._path, self.shown)
        self._text = raw.decode("utf-8", "surrogateescape")
        self._pattern: tuple[tuple[str, ...], re.Pattern[str]] = (), re.compile("(?!)")
        self._jinja = self._compile() if file.engine == "jinja" else None

    def render(self, values: Mapping[str, Any]) -> tuple[str, str, int]:
        """Return the file for one run: its name, its text, its permission bits.

        Raises:
            TemplateError: With file, line, and the nearest name where one is not known.
        """
        text = self._fill_tokens(values) if self._jinja is None else self._render_jinja(self._jinja, values)
        return self.name, text, self._mode

    def has_places(self, names: Iterable[str]) -> bool:
        """Tell whether anything in it is filled in, where there are parameters of some names."""
        if self._jinja is None:
            return any(f"%%{name}%%" in self._text for name in names)
        from jinja2.nodes import TemplateData

        tree = _environment(os.path.dirname(self._path)).parse(self._text)
        parts = [part for node in tree.body for part in getattr(node, "nodes", [node])]
        return not all(isinstance(part, TemplateData) for part in parts)

    # Literal tokens

    def _fill_tokens(self, values: Mapping[str, Any]) -> str:
        names = tuple(values)
        if names != self._pattern[0]:
            longest_first = sorted(names, key=len, reverse=True)
            self._pattern = names, re.compile("%%(" + "|".join(map(re.escape, longest_first)) + ")%%")
        return self._pattern[1].sub(lambda match: format(values[match[1]]), self._text) if values else self._text

    # Jinja

    def _compile(self) -> jinja2.Template:
        import jinja2

        environment = _environment(os.path.dirname(self._path))
        try:
            template: jinja2.Template = environment.from_string(self._text)
            _fetch_included(environment, self._text, set())
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(f"template {self.shown}, line {error.lineno}: {error.message}") from None
        except TemplateError as error:
            raise TemplateError(f"template {self.shown}: {error}") from None
        except Exception as error:  # of the compiler's: nested too deeply, a number too long
            raise TemplateError(f"template {self.shown} is too much for Python: {_first_line(error)}") from None
        return template

    def _render_jinja(self, template: jinja2.Template, values: Mapping[str, Any]) -> str:
        import jinja2

        try:
            return template.render(values)
        except TemplateError as error:  # of an included file
            raise TemplateError(f"{self._where(error)}{error}") from None
        except jinja2.UndefinedError as error:
            raise TemplateError(self._where(error) + _unknown_name(str(error), values)) from None
        except jinja2.TemplateNotFound as error:
            raise TemplateError(f"{self._where(error)}there is no file {error.name!r} beside it to include") from None
        except RecursionError:
            raise TemplateError(f"template {self.shown}: it includes itself, directly or through another") from None
        except jinja2.TemplateError as error:
            raise TemplateError(self._where(error) + (error.message or type(error).__name__)) from None
        except Exception as error:  # an expression of the user's: 1 / 0, a filter that does not suit
            raise TemplateError(f"{self._where(error)}{type(error).__name__}: {_first_line(error)}") from None

    def _where(self, error: Exception) -> str:
        """Return "template FILE, line N: ", for the innermost template in the traceback of an error."""
        line, name = getattr(error, "lineno", 0), self.shown
        trace = error.__traceback__
        while trace is not None:
            if "__jinja_exception__" in trace.tb_frame.f_globals:
                line, file = trace.tb_lineno, trace.tb_frame.f_code.co_filename
                name = file if os.path.isabs(file) and file != self._path else self.shown
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


def _environment(directory: str) -> jinja2.Environment:
    import jinja2
    from jinja2.ext import Extension
    from jinja2.lexer import TokenStream
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
            return raw.decode("utf-8", "surrogateescape"), path, None

    class OurSyntax(Extension):
        """Turns a text into what Jinja has to have, and gives its carriage returns back once it is in pieces."""

        def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
            self._stand_in = _choose_stand_in(source)
            return _as_jinja(source, self._stand_in)

        def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
            return _with_carriage_returns(stream, self._stand_in)

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
        extensions=[OurSyntax],
    )


def _choose_stand_in(text: str) -> str:
    """Return a blank that does not occur in a text; a carriage return if none of those does either.

    Raises:
        TemplateError: All of them do.
    """
    for sign in _STAND_INS if "\r" in text else "\r":
        if sign not in text:
            return sign
    raise TemplateError("it holds carriage returns, and too many kinds of control characters; use an input file")


def _with_carriage_returns(stream: Iterable[Token], stand_in: str) -> Iterator[Token]:
    for token in stream:
        if token.type in ("data", "string"):
            token = token._replace(value=token.value.replace(stand_in, "\r"))
        yield token


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
    """Return a text as Jinja has to have it: no carriage returns, and nothing that looks like a token but is none."""
    source = text.replace("\r", stand_in)
    if "%%" not in source and "{#" not in source:
        return source
    pieces = []
    at = 0
    for start, end in _parts_of_jinja(source):
        pieces += [_spare_signs(source[at:start]), source[start:end]]
        at = end
    return "".join(pieces) + _spare_signs(source[at:])


def _parts_of_jinja(source: str) -> Iterator[tuple[int, int]]:
    """Yield where raw texts, blocks and comments begin and end; an opening that has no end begins nothing."""
    endless: set[str] = set()  #: kinds of which no part ends any more, so that an end is looked for once
    at = 0
    while (opening := _OPENING.search(source, at)) is not None:
        at = opening.end()
        kind = str(opening.lastgroup)
        if kind in endless or (kind == "comment" and _SHELL_LENGTH.match(source, max(0, opening.start() - 1))):
            continue
        end = _ENDS[kind].search(source, at)
        if end is None:
            endless.add(kind)
        else:
            at = end.end()
            yield opening.start(), at


def _spare_signs(text: str) -> str:
    pieces = []
    at = 0
    while (start := text.find("%%", at)) >= 0:
        before = text[at:start].replace("{#", _LITERAL_COMMENT)
        end = text.find("%%", start + 2)
        if end < 0 or not _is_token(text, start, end):
            pieces += [before, _LITERAL]
            at = start + 2
            continue
        if before.endswith("{"):  # else the brace and the first sign would begin a block
            before = before[:-1] + "{% raw %}{{% endraw %}"
        pieces += [before, text[start : end + 2]]
        at = end + 2
    return "".join(pieces) + text[at:].replace("{#", _LITERAL_COMMENT)


def _is_token(text: str, start: int, end: int) -> bool:
    """Tell whether what stands between two ``%%`` is meant to be filled in, rather than a sentence about percentages.

    A token has no blanks at its ends, or has them at both; a number before it makes it a percentage, unless a name
    follows at once.
    """
    inside = text[start + 2 : end]
    follows_number = re.search(r"\d[ \t]?$", text[max(0, start - 2) : start]) is not None
    if inside[:1].isspace() != inside[-1:].isspace():
        return False
    if inside[:1].isspace():
        return not follows_number and "\n" not in inside and bool(inside.strip())
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
