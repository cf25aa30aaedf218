"""The engine ``jinja``: one text, compiled once, rendered for every run."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from runsemble.errors import TemplateError
from runsemble.workdir.jinja_syntax import as_jinja, choose_stand_in, with_carriage_returns
from runsemble.workdir.template_reading import read_template

if TYPE_CHECKING:
    import jinja2
    from jinja2.lexer import Token

_NONE: Mapping[str, str] = MappingProxyType({})


class JinjaText:
    """One text in which ``%%`` signs enclose expressions of Jinja.

    Args:
        text: What stands in the file.
        path: The file, absolute; others are included from beside it.
        shown: What errors call it.
        undefined: What stands for a name that is not known; by default such a name is an error.
        aliases: For names that are always meant when they stand alone between signs, even after a number or where
            they are none to Jinja, such as ``a.b``: what they are called in expressions.

    Raises:
        TemplateError: It is no valid template; the text says on which line.
    """

    def __init__(
        self,
        text: str,
        path: str,
        shown: str,
        *,
        undefined: type[jinja2.Undefined] | None = None,
        aliases: Mapping[str, str] = _NONE,
    ) -> None:
        self.shown = shown
        self._text = text
        self._path = path
        self._aliases = aliases
        self._environment = _environment(os.path.dirname(path), aliases, undefined)
        self._template = self._compile()

    def has_places(self) -> bool:
        """Tell whether anything in it is filled in."""
        from jinja2.nodes import TemplateData

        tree = self._environment.parse(self._text)
        parts = [part for node in tree.body for part in getattr(node, "nodes", [node])]
        return not all(isinstance(part, TemplateData) for part in parts)

    def _compile(self) -> jinja2.Template:
        import jinja2

        try:
            template: jinja2.Template = self._environment.from_string(self._text)
            _fetch_included(self._environment, self._text, set())
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(f"template {self.shown}, line {error.lineno}: {error.message}") from None
        except TemplateError as error:
            raise TemplateError(f"template {self.shown}: {error}") from None
        except Exception as error:  # of the compiler's: nested too deeply, a number too long
            raise TemplateError(f"template {self.shown} is too much for Python: {_first_line(error)}") from None
        return template

    def render(self, values: Mapping[str, Any]) -> str:
        """Return the text for one run.

        Raises:
            TemplateError: With file, line, and the nearest name where one is not known.
        """
        import jinja2

        named = {**values, **{alias: values[name] for name, alias in self._aliases.items()}}
        try:
            return self._template.render(named)
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


def _environment(
    directory: str, aliases: Mapping[str, str], undefined: type[jinja2.Undefined] | None
) -> jinja2.Environment:
    import jinja2
    from jinja2.ext import Extension
    from jinja2.lexer import TokenStream
    from jinja2.runtime import TemplateReference
    from jinja2.sandbox import SandboxedEnvironment

    class Loader(jinja2.BaseLoader):
        def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Any]:
            path = os.path.normpath(os.path.join(directory, template))
            try:
                raw, _ = read_template(path, template)
            except TemplateError as error:
                if getattr(error, "missing", False):
                    raise jinja2.TemplateNotFound(template) from None
                raise
            return raw.decode("utf-8", "surrogateescape"), path, None

    class OurSyntax(Extension):
        """Turns a text into what Jinja has to have, and gives its carriage returns back once it is in pieces."""

        def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
            self._stand_in = choose_stand_in(source)
            return as_jinja(source, self._stand_in, aliases)

        def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
            return with_carriage_returns(stream, self._stand_in)

    def finalize(value: Any) -> Any:
        if isinstance(value, TemplateReference) or (callable(value) and not isinstance(value, jinja2.Undefined)):
            raise jinja2.TemplateRuntimeError(f"{_name_of(value)} is a function, and no parameter has that name")
        return value

    return SandboxedEnvironment(
        variable_start_string="%%",
        variable_end_string="%%",
        undefined=undefined or jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
        finalize=finalize,
        loader=Loader(),
        extensions=[OurSyntax],
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
