"""GNU parallel's way of writing a command and its arguments: ``:::``, ``{}``, ``{1}``, ``{/.}``.

Source: parallel(1), sections "Input sources" and "Replacement strings".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from runsemble.errors import CommandError, ParameterError
from runsemble.launch.placeholders import ShellText, Template
from runsemble.model.params import RESERVED
from runsemble.model.resources import count_of
from runsemble.space.files import LinesFile

#: What begins a source of arguments: (from files, side by side with the source before).
SEPARATORS = {":::": (False, False), ":::+": (False, True), "::::": (True, False), "::::+": (True, True)}

_REPLACEMENT = re.compile(r"\{(\d*)(//|/\.|/|\.|)\}")
_REPLACEMENT_IN_SHELL = re.compile(r"(?<!\$)" + _REPLACEMENT.pattern)  # the others are the shell's own
#: A word in braces that is no parameter: ``awk '{print}'``.
_AWK = "print"
_UNSUPPORTED = {
    "{#}": "the number of the job: write {run_id}, which counts from 0",
    "{%}": "the number of the slot: runs see theirs in the variable RUNSEMBLE_CORES",
}


@dataclass
class Source:
    """The arguments after one ``:::``."""

    values: list[str] = field(default_factory=list)
    is_file: bool = False  #: the values name files that hold the arguments, one per line
    is_linked: bool = False  #: goes side by side with the source before

    def read_files(self, is_null_separated: bool) -> None:
        """Put what the files hold in the place of their names.

        Raises:
            ParameterError: One cannot be read.
        """
        if self.is_file:
            files = [LinesFile(path, parameter="", is_null_separated=is_null_separated) for path in self.values]
            self.values = [text for file in files for text in file.texts()]
            self.is_file = False


def split_sources(words: Sequence[str]) -> tuple[list[str], list[Source]]:
    """Separate a command from the sources of arguments that follow it.

    Raises:
        CommandError: There is no command before the first source, or the first one is to go beside another.
    """
    first = next((at for at, word in enumerate(words) if word in SEPARATORS), len(words))
    command, sources = list(words[:first]), list[Source]()
    for word in words[first:]:
        if word in SEPARATORS:
            is_file, is_linked = SEPARATORS[word]
            if is_linked and not sources:
                raise CommandError(f"{word} goes side by side with a source before it, and there is none")
            sources.append(Source([], is_file, is_linked))
        else:
            sources[-1].values.append(word)
    if sources and not command:
        raise CommandError("there is no command before :::; write it first, such as: runsemble run 'echo {}' ::: 1 2 3")
    return command, sources


def name_sources(command: Sequence[str], count: int, known: Collection[str]) -> list[str]:
    """Return the names of the parameters that `count` sources of arguments give.

    When the command names exactly as many parameters that come from nowhere else, the sources are those, in the order
    in which the command first names them; else ``arg1``, ``arg2`` and so on.

    Raises:
        ParameterError: The command names others, and not as many as there are sources.
    """
    named = _names_in(command)
    unknown = list(dict.fromkeys(name for name in named if name not in known and name not in RESERVED))
    default = [f"arg{at}" for at in range(1, count + 1)]
    unknown = [name for name in unknown if name not in default and name != _AWK]
    pattern = _REPLACEMENT_IN_SHELL if is_shell_text(command) else _REPLACEMENT
    if not unknown or any(pattern.search(word) for word in command):
        return default
    if len(unknown) == count:
        return unknown
    braces = ", ".join(f"{{{name}}}" for name in unknown)
    verb = "follows" if count == 1 else "follow"
    raise ParameterError(f"the command names {braces}, but {count_of(count, 'list')} of arguments {verb} it")


def fill_in_sources(command: Sequence[str], names: Sequence[str], known: Collection[str]) -> list[str]:
    """Return a command in which ``{}``, ``{2}`` or ``{/.}`` are placeholders that `runsemble.multirun` knows.

    A command that uses no argument gets them all at its end.

    Raises:
        ParameterError: ``{3}`` where there are two sources; a replacement string that has no meaning here.
    """
    is_shell = is_shell_text(command)
    pattern = _REPLACEMENT_IN_SHELL if is_shell else _REPLACEMENT
    for word in command:
        for text, instead in _UNSUPPORTED.items():
            if text in (word.replace("$" + text, "") if is_shell else word):
                raise ParameterError(f"{text} is, in GNU parallel, {instead}")
    used = set(_names_in(command))
    if not used & set(names) and not any(pattern.search(word) for word in command):
        more = [f"{{{name}}}" for name in names]
        return [" ".join([command[0], *more])] if is_shell else [*command, *more]
    words: list[str] = []
    for word in command:
        alone = _REPLACEMENT.fullmatch(word)
        if alone and not alone[1] and not is_shell:
            words += [_braces(name, alone[2]) for name in names]
        else:
            words.append(pattern.sub(lambda match: _placeholder(match, names), word))
    return words


def is_shell_text(command: Sequence[str]) -> bool:
    """Tell whether a command is one text for a shell, rather than a program and its arguments."""
    return len(command) == 1 and any(sign in command[0] for sign in " \t\n;|&<>$`*?~'\"()")


def _names_in(command: Sequence[str]) -> list[str]:
    """Return what stands in braces in a command, in order."""
    words = [ShellText(command[0])] if is_shell_text(command) else command
    return [name for word in words for name in Template(word).names]


def _placeholder(match: re.Match[str], names: Sequence[str]) -> str:
    number, part = match.groups()
    if not number:
        return " ".join(_braces(name, part) for name in names)
    if len(number) > 9 or not 1 <= int(number) <= len(names):
        raise ParameterError(f"{match[0]}: the command has {count_of(len(names), 'list')} of arguments, counted from 1")
    return _braces(names[int(number) - 1], part)


def _braces(name: str, part: str) -> str:
    return f"{{{name}:{part}}}" if part else f"{{{name}}}"
