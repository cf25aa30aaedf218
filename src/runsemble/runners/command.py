"""One command of a study, ready to be filled in for each of its runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from runsemble.errors import CommandError, TemplateError
from runsemble.launch.argv import check_command, mpirun_argv, resolve_program
from runsemble.launch.placeholders import ShellText, Template
from runsemble.model.files import TemplateFile
from runsemble.model.resources import Request
from runsemble.model.step import Step
from runsemble.model.text import why_no_bytes
from runsemble.workdir.decks import LAUNCH_KEY, DeckFile, Engine
from runsemble.workdir.templates import DeckTemplate, FilledFile, filled_file

#: Starts a command in the caller's directory.
_GO_HERE = ["/bin/sh", "-c", 'cd "$RUNSEMBLE_SUBMIT_DIR" && exec "$@"', "sh"]


class FilledCommand(NamedTuple):
    """A command as one run has it."""

    argv: list[str]
    env: dict[str, str]
    cwd: str | None
    files: list[tuple[str, str, int]] | None  #: name, text, permission bits of each file that it brings


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCommand:
    """A command with placeholders, and what it needs."""

    request: Request
    timeout_s: float | None
    words: tuple[str, ...]  #: as they were given, the program as a run has to name it
    program: str  #: as it was given
    argv: tuple[Template, ...]  #: with what is put before them
    env: Mapping[str, Template]
    cwd: Template | None
    script: FilledFile | None  #: the program itself, where it is filled in for every run
    call: Mapping[str, Any] | None = None  #: what is called in Python instead, as agents load it; path in the study

    @classmethod
    def of_step(
        cls, step: Step, submit_dir: str, there: Collection[str], *, is_literal: bool = False, runs_here: bool = False,
        deck_engine: Engine | None = None,
    ) -> Self:  # fmt: skip
        """Return the command of a step.

        Args:
            step: What the user asked for.
            submit_dir: The caller's directory.
            there: What is in the run directory.
            is_literal: Nothing in it is a placeholder.
            runs_here: It starts in the caller's directory.
            deck_engine: What fills in its script as Themis does it; None: it is a template of ours.

        Raises:
            CommandError: The command makes no sense, or its script is none.
        """
        if callable(step.cmd):
            raise TypeError("functions are for `Study` to write down")
        words = check_command(step.cmd)
        program, words[0] = words[0], resolve_program(words[0], submit_dir, there)
        script = _load_script(words[0], submit_dir, deck_engine) if step.batch_script else None
        cwd = None if step.cwd is None else os.fspath(step.cwd)
        return cls._of(
            step.request, step.timeout_s, words, program, dict(step.env or {}), cwd, script, is_literal, runs_here
        )

    @classmethod
    def _of(
        cls, request: Request, timeout_s: float | None, words: list[str], program: str, env: Mapping[str, str],
        cwd: str | None, script: FilledFile | None, is_literal: bool, runs_here: bool,
    ) -> Self:  # fmt: skip
        argv = [*_GO_HERE, *words] if runs_here else words
        if request.tasks > 1:
            argv = _with_mpirun(request.tasks, argv)
        return cls(
            request=request,
            timeout_s=timeout_s,
            words=tuple(words),
            program=program,
            argv=tuple(Template(word, is_literal=is_literal) for word in argv),
            env={name: Template(value, is_literal=is_literal) for name, value in env.items()},
            cwd=None if cwd in (None, "", ".") else Template(str(cwd), is_literal=is_literal),
            script=script,
        )

    @classmethod
    def of_call(cls, step: Step, words: Sequence[str], call: Mapping[str, Any], *, is_literal: bool = False) -> Self:
        """Return the command of a step that is called in Python.

        Args:
            step: What it needs.
            words: What it is called for people.
            call: What agents load.
            is_literal: Nothing in it is a placeholder.
        """
        cwd = None if step.cwd is None else os.fspath(step.cwd)
        command = cls._of(
            replace_tasks(step.request), step.timeout_s, list(words), words[0], dict(step.env or {}), cwd, None,
            is_literal, False,
        )  # fmt: skip
        return replace(command, call=dict(call))

    def as_recipe(self) -> dict[str, Any]:
        """Return what `from_recipe` needs, ready for JSON."""
        request = self.request
        return {
            "cmd": [{"shell": word} if isinstance(word, ShellText) else word for word in self.words],
            "program": self.program,
            "cores": request.cores, "gpus": request.gpus, "tasks": request.tasks, "mem_mib": request.mem_mib,
            "named": dict(request.named), "timeout_s": self.timeout_s,
            "env": {name: value.text for name, value in self.env.items()},
            "cwd": self.cwd.text if self.cwd is not None else None,
            "script": self.script.as_recipe() if self.script is not None else None,
            "call": self.call,
        }  # fmt: skip

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any], *, is_literal: bool, runs_here: bool) -> Self:
        """Return the command that `as_recipe` wrote down.

        Raises:
            CommandError: It needs ``mpirun``, and there is none here.
        """
        sizes = {name: recipe[name] for name in ("cores", "gpus", "tasks", "mem_mib", "named")}
        words = [ShellText(word["shell"]) if isinstance(word, dict) else word for word in recipe["cmd"]]
        script = filled_file(recipe["script"]) if recipe["script"] is not None else None
        command = cls._of(
            Request(**sizes), recipe["timeout_s"], words, recipe["program"], recipe["env"], recipe["cwd"], script,
            is_literal, runs_here,
        )  # fmt: skip
        return replace(command, call=recipe.get("call"))

    def fill(self, values: Mapping[str, Any], known: Collection[str], *, has_script: bool = False) -> FilledCommand:
        """Return the command as one run has it.

        Args:
            values: What the names of placeholders stand for.
            known: Further names, of parameters that other runs have.
            has_script: Its script, if it is one, is brought by others.

        Raises:
            PlaceholderError: A placeholder cannot be filled in.
            TemplateError: The script cannot.
            CommandError: What comes of it is no text that the kernel can take.
        """
        argv = [word.fill(values, known) for word in self.argv]
        env = {name: value.fill(values, known) for name, value in self.env.items()} if self.env else {}
        cwd = self.cwd.fill(values, known) if self.cwd is not None else None
        files = None
        if self.script is not None:
            files = None if has_script else [self.script.render(values)]
            argv[len(argv) - len(self.words)] = os.path.join(str(values["run_dir"]), self.script.name)
        if why_no_bytes("".join(argv)) or (env and why_no_bytes("".join(env.values()))):
            raise self._no_bytes(argv, env)
        return FilledCommand(argv, env, cwd, files)

    def _no_bytes(self, argv: list[str], env: Mapping[str, str]) -> CommandError:
        """Return the error for the first of several texts that the kernel cannot take."""
        before = len(argv) - len(self.words)  # mpirun, or what goes to the caller's directory
        places = {f"cmd[{at - before}]": word for at, word in enumerate(argv)}
        places |= {f"env[{name!r}]": value for name, value in env.items()}
        place, problem = next((place, problem) for place, text in places.items() if (problem := why_no_bytes(text)))
        return CommandError(f"{place} {problem}")


def with_hooks(
    commands: list[StudyCommand], hooks: Mapping[str, Mapping[str, Any]], timeout_s: float | None
) -> list[StudyCommand]:
    """Return the commands of a run with those of its hooks before and after them.

    Args:
        commands: The user's.
        hooks: What agents load, by the name of the hook; those that there are.
        timeout_s: Seconds that each hook may take; None: as long as it likes.
    """
    small = Step(["true"], timeout_s=timeout_s)
    before = [StudyCommand.of_call(small, ["prep_run"], hooks["prep_run"])] if "prep_run" in hooks else []
    after = [StudyCommand.of_call(small, ["post_run"], hooks["post_run"])] if "post_run" in hooks else []
    return [*before, *commands, *after]


def replace_tasks(request: Request) -> Request:
    """Return what a Python call needs.

    Raises:
        CommandError: It asks for several tasks, which a function cannot have.
    """
    if request.tasks > 1:
        raise CommandError("a function runs in one process, so it cannot have several tasks: leave tasks out")
    return request


def _with_mpirun(tasks: int, argv: list[str]) -> list[str]:
    mpirun = shutil.which("mpirun")
    if mpirun is None:
        raise CommandError(f"tasks={tasks} needs mpirun, and there is none on PATH: load or install an MPI")
    return mpirun_argv(mpirun, tasks, argv)


def _load_script(program: str, submit_dir: str, deck_engine: Engine | None) -> FilledFile:
    """Return the program of a batch script as a template.

    Raises:
        CommandError: It is no text.
    """
    path = program if "/" in program else shutil.which(program)
    if path is None:
        raise CommandError(f"the batch script {program} is not on PATH; give its path")
    if deck_engine is not None:
        return DeckFile(path, deck_engine, {LAUNCH_KEY: ""})  # on this machine nothing starts what it starts
    try:
        return DeckTemplate(TemplateFile(path, os.path.basename(path)), submit_dir)
    except TemplateError as error:
        raise CommandError(f"the batch script {path} cannot be filled in: {error}") from None
