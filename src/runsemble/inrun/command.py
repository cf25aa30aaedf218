"""``runsemble param`` and ``runsemble post``: the in-run helpers for shell scripts and every other language.

Nothing heavier than ``json`` is imported, since a run may call these many times.
"""

from __future__ import annotations

import os
import sys

from runsemble import codec
from runsemble.errors import NotInRun, StaleAttempt
from runsemble.inrun import get_run_params, post_run_results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PARAM_HELP = """\
Usage: runsemble param [NAME]

Print the run's parameter NAME: text as it is, anything else as JSON.
Without NAME, print all parameters as one JSON object.
"""

POST_HELP = """\
Usage: runsemble post KEY=VALUE ...
       runsemble post --json TEXT | FILE | -

Submit the result of this run; a later post replaces an earlier one.

A VALUE that is JSON (0.3, true, null, [1,2], "text") is taken as such, and a
number written otherwise (.3, 1., +2, inf, nan) as a number; 007 and any other
as text. With --json the whole result is one JSON value: given as it is,
in a file, or on standard input (-).
"""


def main(argv: list[str]) -> int:
    """Run one of the two commands; return the exit status: 0, 1 if it failed, 2 for a wrong usage.

    Args:
        argv: "param" or "post", and its arguments.
    """
    verb, *arguments = argv
    text = PARAM_HELP if verb == "param" else POST_HELP
    if "-h" in arguments[:1] or "--help" in arguments[:1]:
        sys.stdout.write(text)
        return 0
    try:
        if verb == "param":
            return _param(arguments)
        return _post(arguments)
    except _Misuse as error:
        sys.stderr.write(
            text + "\nrunsemble " + verb + ": " + str(error) + "\n"
        )  # last words are what is shown of a run
        return 2
    except (NotInRun, StaleAttempt, ValueError, KeyError) as error:
        sys.stderr.write("runsemble " + verb + ": " + str(error.args[0]) + "\n")
    except OSError as error:
        sys.stderr.write("runsemble " + verb + ": " + str(error) + "\n")
    return 1


class _Misuse(Exception):
    """The arguments make no sense."""


def _param(arguments: list[str]) -> int:
    if len(arguments) > 1:
        raise _Misuse("one name at most")
    params = get_run_params()
    if not arguments:
        sys.stdout.write(codec.encode(params) + "\n")
        return 0
    name = arguments[0]
    if name not in params:
        raise KeyError("this run has no parameter " + repr(name) + "; it has " + (", ".join(params) or "none"))
    value = params[name]
    sys.stdout.write((value if type(value) is str else codec.encode(value)) + "\n")
    return 0


def _post(arguments: list[str]) -> int:
    if not arguments:
        raise _Misuse("nothing to post")
    if arguments[0] == "--json":
        if len(arguments) != 2:
            raise _Misuse("--json takes one argument")
        post_run_results(_json(arguments[1]))
        return 0
    results: dict[str, Any] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or not name:
            raise _Misuse(repr(argument) + " is not of the form KEY=VALUE")
        results[name] = _value(text)
    post_run_results(results)
    return 0


def _value(text: str) -> Any:
    try:
        return codec.decode(text)
    except ValueError:
        number = _number(text)
        return text if number is None else number


def _number(text: str) -> Any:
    """Return the decimal number that a text is in a spelling that is no JSON; None if it is none."""
    plain = text[1:] if text[:1] in ("+", "-") else text
    if plain.lower() not in ("nan", "inf", "infinity"):
        if plain.strip("0123456789.eE+-") or plain[:1] not in tuple("0123456789.") or not plain.isascii():
            return None
        if plain[0] == "0" and plain[1:2].isdigit():
            return None  # 007 is rather a name
    try:
        return int(text) if plain.isdigit() else float(text)
    except ValueError:
        return None


def _json(source: str) -> Any:
    where = "the argument of --json"
    text = source
    if source == "-":
        where, text = "standard input", sys.stdin.read()
    elif os.path.isfile(source):
        where = source
        with open(source, encoding="utf-8") as file:
            text = file.read()
    try:
        return codec.decode(text)
    except ValueError as error:
        raise ValueError(where + " is neither JSON nor a file that holds it: " + str(error)) from None
