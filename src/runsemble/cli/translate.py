"""Turns options of the command line into those of a study, errors included."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from runsemble.cli.sources import SourceOptions
from runsemble.errors import CommandError, UsageError
from runsemble.launch.environment import base_environment
from runsemble.launch.placeholders import Template
from runsemble.model.files import FileResource, TemplateEngine, TemplateFile
from runsemble.model.resources import Request
from runsemble.model.text import shown
from runsemble.model.units import parse_duration, parse_mem_mib
from runsemble.runners.options import StudyOptions, retry_policy
from runsemble.sched.policy import parse_halt
from runsemble.sched.retry import RetryPolicy, parse_retries
from runsemble.workdir.layout import current_directory
from runsemble.workdir.staging import plan_staging

T = TypeVar("T")


def source_options(options: dict[str, Any]) -> SourceOptions:
    """Return what is said about parameters.

    Raises:
        UsageError: Something in it makes no sense; the text names the option.
    """
    if options["header"] not in (None, ":"):
        raise UsageError(f"--header {options['header']}: the only form is --header :")
    return SourceOptions(
        axes=options["axes"],
        csv=options["csv"],
        jsonl=options["jsonl"],
        arg_file=options["arg_file"],
        is_zipped=options["is_zipped"],
        sample=options["sample"],
        seed=options["seed"],
        types=options["types"],
        delimiter=_delimiter(options["delimiter"]),
        is_null_separated=options["is_null_separated"],
        has_header=options["header"] is not None,
    )


def study_options(options: dict[str, Any], cmd: list[str]) -> StudyOptions:
    """Return what is said about the study.

    Raises:
        UsageError: Something in it makes no sense; the text names the option.
    """
    mem_mib = _read("--mem", options["mem"], _positive_mem) or 0
    if options["halt"] is not None:
        _read("--halt", options["halt"], parse_halt)
    return StudyOptions(
        cmd=cmd,
        output_path=options["output_path"],
        input_files=[
            *_read_all("--input", options["inputs"], _input),
            *_read_all("--copy", options["copies"], _copy),
        ],
        templates=_read_all("--template", options["templates"], partial(_template, engine=options["template_engine"])),
        request=Request(cores=options["cores"], gpus=options["gpus"], tasks=options["tasks"], mem_mib=mem_mib),
        timeout_s=_read("--timeout", options["timeout"], _positive_duration),
        retry=retry_policy(
            _read("--retries", options["retries"], parse_retries) or RetryPolicy(), options.get("abort_on", ())
        ),
        max_failures=options["max_failures"],
        halt=options["halt"],
        env=dict(map(_variable, options["env"])),
        run_dir=options["run_dir"],
        runs_here=options["runs_here"],
        output=options["logs"],
        keep=options["keep"],
    )


def with_hook_options(study: StudyOptions, options: dict[str, Any]) -> StudyOptions:
    """Return a study with what is said about hooks.

    Raises:
        UsageError: There is a limit for hooks, and none to limit; or it makes no sense.
    """
    text = options["hook_timeout"]
    if text is None:
        return replace(study, hooks=options["hooks"])
    if options["hooks"] is None:
        raise UsageError("--hook-timeout limits hooks, and there are none: give --hooks FILE")
    timeout_s = None if text == "none" else _read("--hook-timeout", text, _positive_duration)
    return replace(study, hooks=options["hooks"], hook_timeout_s=timeout_s)


def names_in_run(study: StudyOptions) -> set[str]:
    """Return the inputs and templates that every run directory will hold.

    Raises:
        InputFileError: An input is not there.
    """
    staged, _ = plan_staging(study.input_files, current_directory(), "")
    templates = [item if isinstance(item, TemplateFile) else TemplateFile(item) for item in study.templates]
    return {item.name for item in staged} | {os.path.normpath(item.name) for item in templates}


def refuse_missing_program(cmd: Sequence[str], staged: Collection[str]) -> None:
    """Refuse a command whose program is not there, before every run finds that out by itself.

    Args:
        cmd: The command.
        staged: What run directories will hold.

    Raises:
        CommandError: It is on no directory of PATH, or no file that can be executed.
    """
    program = cmd[0]
    if not Template(program).is_constant:
        return
    if "/" in program:
        if os.path.normpath(program) not in staged:
            _refuse_no_program(program)
        return
    if shutil.which(program, path=base_environment(os.environ).get("PATH")) is None:
        hint = ""
        if len(cmd) > 1 and " " in program:
            hint = "; it is followed by further words, so it is taken for the name of a program, not for the shell"
        raise CommandError(f"command not found: {program}{hint}")


def _refuse_no_program(path: str) -> None:
    if not os.path.exists(path):
        raise CommandError(f"command not found: there is no file {shown(path)}")
    if os.path.isdir(path):
        raise CommandError(f"command not found: {path} is a directory")
    if not os.access(path, os.X_OK):
        raise CommandError(f"{path} cannot be executed: chmod +x {shlex.quote(path)}, or name what runs it, such as sh")


def _read(option: str, text: str | None, parse: Callable[[str], T]) -> T | None:
    """Return what the text of an option means; None for one that was not given.

    Raises:
        UsageError: It means nothing; the text names the option.
    """
    return None if text is None else _read_all(option, [text], parse)[0]


def _read_all(option: str, texts: Sequence[str], parse: Callable[[str], T]) -> list[T]:
    read = []
    for text in texts:
        try:
            read.append(parse(text))
        except UsageError as error:
            raise UsageError(f"{option} {text}: {str(error).removeprefix(f'halt={text!r}: ')}") from None
    return read


def _positive_duration(text: str) -> float:
    seconds = parse_duration(text)
    if seconds <= 0:
        raise UsageError("a time limit must be longer than 0")
    return seconds


def _positive_mem(text: str) -> int:
    mib = parse_mem_mib(text)
    if mib <= 0:
        raise UsageError("a memory limit must be more than 0")
    return mib


def _input(text: str) -> FileResource:
    path, name = _path_and_name(text)
    return FileResource(path, rename=name)


def _copy(text: str) -> FileResource:
    path, name = _path_and_name(text)
    return FileResource(path, "copy", name)


def _template(text: str, engine: TemplateEngine) -> TemplateFile:
    path, name = _path_and_name(text)
    return TemplateFile(path, name, engine)


def _path_and_name(text: str) -> tuple[str, str | None]:
    """Return a file and the name it gets in run directories, from ``FILE`` or ``FILE:NAME``."""
    path, colon, name = text.rpartition(":")
    return (text, None) if not colon or not path or os.path.lexists(text) else (path, name)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--env {text}: write NAME=VALUE")
    return name, value


def _delimiter(text: str | None) -> str | None:
    if text is None:
        return None
    plain = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(plain) != 1 or plain in '\r\n"':
        raise UsageError(f"--delimiter {text!r}: give one character, or tab")
    return plain
