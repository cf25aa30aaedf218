"""One study: its commands, what its runs need, and how each parameter set becomes a run."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self

from runsemble.errors import CommandError, DirectoryError, InputFileError, PlaceholderError, TemplateError
from runsemble.launch.environment import base_environment, mpi_environment
from runsemble.launch.functions import function_name, import_directories, pickle_function
from runsemble.launch.hooks import find_hooks
from runsemble.launch.placeholders import AsWritten, Template
from runsemble.model.params import WrittenParams, plain_params
from runsemble.model.resources import Request
from runsemble.model.step import Step
from runsemble.runners.command import FilledCommand, StudyCommand, with_hooks
from runsemble.runners.options import StudyOptions, retry_as_recipe, retry_from_recipe
from runsemble.workdir.formats import get_run_dir
from runsemble.workdir.layout import (
    PRIVATE,
    RunDirectories,
    make_output_directory,
    output_path_of,
    posts_of,
    run_directory,
    why_exists,
)
from runsemble.workdir.staging import (
    StagedFile,
    check_names,
    make_shared_copies,
    plan_freely,
    plan_staging,
    refuse_forgotten_inputs,
)
from runsemble.workdir.templates import FilledFile, filled_file, load_templates

#: Texts of what runs alone have that are remembered.
KNOWN_OWN = 64


@dataclass(slots=True)
class PreparedRun:
    """A run as it is handed to a runner."""

    id: int
    directory: str
    params_text: str
    commands: list[FilledCommand]  #: one after the other
    files: list[tuple[str, str, int]] | None  #: name, text, permission bits of each file of its own

    @property
    def argv(self) -> list[str]:
        """The first command."""
        return self.commands[0].argv

    @property
    def env(self) -> dict[str, str]:
        """What is added to the environment of the first command."""
        return self.commands[0].env


class Study:
    """A study whose inputs are found; `make` it before its runs are prepared.

    Args:
        options: What the user asked for.
        submit_dir: The caller's directory.
        directories: An output directory that exists already; None: one of the study's own, made by `make`.

    Raises:
        UsageError: Something in the options cannot be.
    """

    def __init__(self, options: StudyOptions, submit_dir: str, directories: RunDirectories | None = None) -> None:
        self.options = options
        self.submit_dir = submit_dir
        self._directories = directories or RunDirectories(output_path_of(options.output_path, submit_dir))
        self.output_path = self._directories.output_path
        self.templates: Sequence[FilledFile]
        self._copies: list[tuple[str, str]]
        if options.is_tidy:
            self.staged, self._copies = plan_freely(options.input_files), []
            self.templates = options.decks
        else:
            self.staged, self._copies = plan_staging(options.input_files, submit_dir, self.output_path)
            self.templates = load_templates(options.templates, submit_dir)
            check_names([template.name for template in self.templates], self.staged)
        self._take_steps([self._with_env(step) for step in options.steps] or [self._only_step(options.cmd)])
        self.cmd = options.cmd
        self._take_names()

    def _with_env(self, step: Step) -> Step:
        """Return a step with the variables of the study, where it has no other value for them."""
        return replace(step, env={**(self.options.env or {}), **(step.env or {})})

    def _take_names(self) -> None:
        self._run_dir = None if self.options.run_dir is None else Template(self.options.run_dir)
        self._is_unique = self._run_dir is not None and self._run_dir.is_only("run_id")
        self._known: set[str] = set()
        self._last_own: tuple[str | None, str] = (None, "")
        self._is_made = False
        self._is_wanted = True
        #: Returns the commands in JSON of what a run alone has, see `command_of`; many runs have the same.
        self.commands_in = lru_cache(KNOWN_OWN)(self._commands_in)

    @property
    def _names(self) -> list[str]:
        """What is in every run directory."""
        return [item.name for item in self.staged] + [template.name for template in self.templates]

    def _only_step(self, cmd: Any) -> Step:
        request = self.options.request
        return Step(
            cmd, cores=request.cores, gpus=request.gpus, tasks=request.tasks, mem_mib=request.mem_mib or None,
            named=request.named, timeout_s=self.options.timeout_s, env=self.options.env,
        )  # fmt: skip

    def _take_steps(self, steps: Sequence[Step]) -> None:
        there, options = self._names, self.options
        self._functions: dict[str, Callable[..., Any]] = {}
        self._hooks = {} if options.hooks is None else find_hooks(options.hooks, self.submit_dir)
        commands = [self._command(step, there) for step in steps]
        if not options.is_tidy:
            _check_scripts(commands, there)
        self.commands = with_hooks(commands, self._hooks, options.hook_timeout_s)
        if not options.is_literal and not options.runs_here:
            for command in self.commands:
                if command.call is not None:
                    continue
                words = (word for word in command.words[1:] if Template(word).is_constant)
                refuse_forgotten_inputs(words, self.submit_dir, there)

    def _command(self, step: Step, there: list[str]) -> StudyCommand:
        options = self.options
        if not callable(step.cmd):
            return StudyCommand.of_step(
                step, self.submit_dir, there, is_literal=options.is_literal, runs_here=options.runs_here,
                deck_engine=options.deck_engine,
            )  # fmt: skip
        path = os.path.join(PRIVATE, f"function-{len(self._functions)}.pickle")
        self._functions[path] = step.cmd
        seed = {} if options.seed is None else {"seed": options.seed}
        call = {"kind": "function", "path": path, "import_from": import_directories(), **seed}
        return StudyCommand.of_call(step, [function_name(step.cmd)], call)

    @property
    def has_calls(self) -> bool:
        """Whether any of its commands is called in Python."""
        return any(command.call is not None for command in self.commands)

    def located(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """Return what agents load for a call, with the path as it is by now."""
        return {**call, "path": os.path.join(self.output_path, call["path"])}

    def with_command(self, cmd: Sequence[str | os.PathLike[str]]) -> Study:
        """Return a study that runs another command, and shares everything else with this one.

        Raises:
            UsageError: The command makes no sense.
        """
        other = copy.copy(self)
        other.cmd = cmd
        other._take_steps([self._only_step(cmd)])
        return other

    def with_own_directories(self) -> Study:
        """Return the same study with nothing known of who has which run directory."""
        other = copy.copy(self)
        other._directories = RunDirectories(self.output_path)
        return other

    @property
    def posts(self) -> str | None:
        """Where runs put their results, absolute; None: each in its own directory."""
        return posts_of(self.output_path) if self.options.is_tidy else None

    @property
    def has_default_directories(self) -> bool:
        """Whether nobody chose names for the directories of runs."""
        return self.options.run_dir is None

    def as_recipe(self) -> dict[str, Any]:
        """Return what `from_recipe` needs to prepare runs of this study, ready for JSON."""
        options = self.options
        return {
            "steps": [command.as_recipe() for command in self.commands],
            "templates": [template.as_recipe() for template in self.templates],
            "staged": [[item.how, self._in_output(item.source), item.name, item.origin] for item in self.staged],
            "submit_dir": self.submit_dir, "run_dir": options.run_dir, "output": options.output,
            "directory": options.directory, "runs_here": options.runs_here, "is_literal": options.is_literal,
            "retry": retry_as_recipe(options.retry), "hooks": self._hooks, "env": dict(options.env or {}),
            "is_bare": options.is_bare, "is_tidy": options.is_tidy, "has_format": options.has_format,
            "id_variable": options.id_variable, "deck_engine": options.deck_engine,
            "hook_timeout_s": options.hook_timeout_s,
        }  # fmt: skip

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any], directories: RunDirectories) -> Self:
        """Return the study that `as_recipe` wrote down.

        Args:
            recipe: What was written.
            directories: The output directory, wherever it is by now.

        Raises:
            CommandError: A command needs ``mpirun``, and there is none here.
        """
        study = cls.__new__(cls)
        names = (
            "run_dir", "output", "directory", "runs_here", "is_literal", "env", "is_bare", "is_tidy", "has_format",
            "id_variable", "deck_engine", "hook_timeout_s",
        )  # fmt: skip
        retry = retry_from_recipe(recipe["retry"])
        study.options = StudyOptions(retry=retry, **{name: recipe[name] for name in names if name in recipe})
        study.submit_dir = recipe["submit_dir"]
        study._directories, study.output_path = directories, directories.output_path
        study.staged = [
            StagedFile(how, os.path.join(directories.output_path, source), name, origin)
            for how, source, name, origin in recipe["staged"]
        ]
        study._copies = []
        study.templates = [filled_file(template) for template in recipe["templates"]]
        study._functions, study._hooks = {}, recipe.get("hooks", {})
        study.commands = [study.command_of(step) for step in recipe["steps"]]
        study._take_names()
        return study

    def command_of(self, recipe: Mapping[str, Any]) -> StudyCommand:
        """Return a command that was written down for a run of this study.

        Raises:
            CommandError: It needs ``mpirun``, and there is none here.
        """
        options = self.options
        return StudyCommand.from_recipe(recipe, is_literal=options.is_literal, runs_here=options.runs_here)

    def _commands_in(self, own: str) -> tuple[StudyCommand, ...]:
        return tuple(self.command_of(step) for step in json.loads(own).get("steps", ()))

    def own_recipe(self, steps: Iterable[Step]) -> str:
        """Return what `command_of` needs for commands of one run alone, as JSON.

        Raises:
            UsageError: A command makes no sense.
        """
        steps = list(steps)
        key = repr(steps) if all(map(_is_plain, steps)) else None
        if key is not None and key == self._last_own[0]:  # as with most runs of a study
            return self._last_own[1]
        commands = [self._command(self._with_env(step), self._names) for step in steps]
        if not self.options.is_tidy:
            _check_scripts(commands, self._names)
        hooked = with_hooks(commands, self._hooks, self.options.hook_timeout_s)
        text = json.dumps([command.as_recipe() for command in hooked])
        self._last_own = key, text
        return text

    def _in_output(self, source: str) -> str:
        """Return a path relative to the output directory, if it is in there, so that a study can be moved."""
        return os.path.relpath(source, self.output_path) if source.startswith(self.output_path + "/") else source

    # Its directory

    def make(self) -> None:
        """Make the output directory, and the study's own copies of its shared inputs.

        Raises:
            DirectoryError: The output directory exists already, or cannot be made.
            InputFileError: An input cannot be copied; nothing was left behind.
            GivenUp: `give_up` was called; likewise.
        """
        wanted = self.output_path
        self.output_path = make_output_directory(wanted, is_named=self.options.output_path is not None)
        self._is_made = True
        if self.output_path != wanted:
            self._directories = RunDirectories(self.output_path)
            self.staged, self._copies = plan_staging(self.options.input_files, self.submit_dir, self.output_path)
        try:
            self.copy_inputs({})
            self.write_functions()
            if self.posts is not None:
                os.makedirs(self.posts, mode=0o700)
        except BaseException:
            self.discard()
            raise

    def write_functions(self) -> None:
        """Write the functions down for the agents that are to call them.

        Raises:
            CommandError: One cannot be sent to another process.
        """
        for path, function in self._functions.items():
            target = os.path.join(self.output_path, path)
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            pickle_function(function, target)

    def renew_inputs(self, generation: int) -> None:
        """Have copies of the shared inputs as they are now, beside those that earlier runs have.

        Args:
            generation: Sets them apart from others.

        Raises:
            InputFileError: An input cannot be copied.
        """
        place = os.path.join(self.output_path, PRIVATE, f"inputs-{generation}")
        self.staged, self._copies = plan_staging(self.options.input_files, self.submit_dir, place)
        self.copy_inputs({})

    def give_up(self) -> None:
        """Let `make`, in another thread, come to its end soon: it raises `GivenUp` then, and leaves nothing behind."""
        self._is_wanted = False

    def copy_inputs(self, made: dict[str, str]) -> None:
        """Make the study's own copies of its shared inputs.

        Args:
            made: Copies that are there already, and of what; those made are added.

        Raises:
            InputFileError: One cannot be made, or another file has its name.
        """
        for source, target in self._copies:
            if made.get(target, source) != source:
                raise InputFileError(f"input files {made[target]} and {source} cannot share the name {target}")
            if target not in made:
                make_shared_copies([(source, target)], lambda: self._is_wanted)
                made[target] = source

    def refuse_existing_output(self) -> None:
        """Say now what `make` would say of an output directory that is there already.

        Raises:
            DirectoryError: It exists.
        """
        if self.options.output_path is not None and os.path.lexists(self.output_path):
            raise DirectoryError(why_exists(self.output_path))

    def discard(self) -> None:
        """Remove the output directory that `make` has made, and in which nothing ever ran."""
        if self._is_made:
            shutil.rmtree(self.output_path, ignore_errors=True)

    # Its runs

    def prepare(
        self,
        index: int,
        params: Any,
        own: Sequence[StudyCommand] = (),
        directory: str | None = None,
        text: str | None = None,
    ) -> PreparedRun:
        """Turn a parameter set into a run.

        Args:
            index: The run's id.
            params: The parameter set.
            own: Commands of this run alone, instead of the study's.
            directory: Its directory, seen from the study's, if it has been chosen before.
            text: The parameter set as JSON, if it comes from there.

        Raises:
            UsageError: The parameter set, or what it makes of a command or the directory, cannot be.
        """
        if text is None:
            plain, text = plain_params(params, index, is_literal=self.options.is_literal)
        else:
            plain = dict(params)
        values = {**plain, "run_id": index, "submit_dir": self.submit_dir}
        if isinstance(params, WrittenParams):
            values.update((name, AsWritten(plain[name], written)) for name, written in params.texts.items())
        known = self._known
        try:
            if directory is None:
                directory = self._claim(index, plain, values)
            else:
                directory = os.path.join(self.output_path, directory)
            values["run_dir"] = directory
            if self.options.is_tidy:
                return self._prepare_tidily(index, directory, text, plain, own)
            commands = [command.fill(values, known) for command in own or self.commands]
            files = [template.render({**values, **plain}) for template in self.templates] if self.templates else None
        except PlaceholderError as error:
            raise PlaceholderError(f"runs[{index}]: {error}", name=error.name) from None
        except (TemplateError, CommandError) as error:
            raise type(error)(f"runs[{index}]: {error}") from None
        known.update(plain)
        return PreparedRun(index, directory, text, commands, files)

    def claim(self, index: int, params: Any) -> str:
        """Return the directory of a run, absolute, which no other run has.

        Raises:
            UsageError: The parameter set, or the directory that it gives, cannot be.
        """
        plain, _ = plain_params(params, index, is_literal=self.options.is_literal)
        return self._claim(index, plain, {**plain, "run_id": index, "submit_dir": self.submit_dir})

    def _claim(self, index: int, plain: Mapping[str, Any], values: Mapping[str, Any]) -> str:
        if self._run_dir is None:
            return run_directory(self.output_path, index, None)
        if not self.options.has_format:
            return self._directories.claim(self._run_dir.fill(values, self._known), index, self._is_unique)
        try:
            name = get_run_dir(index, self._run_dir.text, plain)
        except Exception as error:  # the format string is the user's, and may ask values for anything
            raise DirectoryError(
                f"runs[{index}]: run_dir {self.options.run_dir!r} cannot be filled in: {error!r}"
            ) from None
        return self._directories.claim_anywhere(name, index)

    def _prepare_tidily(
        self, index: int, directory: str, text: str, plain: dict[str, Any], own: Sequence[StudyCommand]
    ) -> PreparedRun:
        """Turn parameters into a run all of whose files are there before its first step, scripts last."""
        commands = own or self.commands
        values = {"run_id": index, "submit_dir": self.submit_dir, "run_dir": directory}
        decks = [*self.templates, *(command.script for command in commands if command.script is not None)]
        variable = self.options.id_variable
        env = {} if variable is None else {variable: str(index)}
        filled = [command.fill(values, (), has_script=True) for command in commands]
        filled = [command._replace(env={**command.env, **env}) for command in filled]
        return PreparedRun(index, directory, text, filled, [deck.render(plain) for deck in decks] or None)

    def base_environment(self, request: Request) -> dict[str, str]:
        """Return the environment that every run's command with these needs starts from."""
        env = base_environment(os.environ)
        if request.tasks > 1:
            env = mpi_environment() | env
        env["RUNSEMBLE_ENSEMBLE_DIR"] = self.output_path
        env["RUNSEMBLE_SUBMIT_DIR"] = self.submit_dir
        env["RUNSEMBLE_TASKS"] = str(request.tasks)
        env["RUNSEMBLE_MEM_MIB"] = str(request.mem_mib)
        return env


def _check_scripts(commands: Iterable[StudyCommand], there: Iterable[str]) -> None:
    """Refuse batch scripts that would replace each other, or another file, in the run directory.

    Raises:
        CommandError: Two have one name.
    """
    taken = dict.fromkeys(there, "an input file or template")
    for command in commands:
        script = command.script
        if script is not None:
            other = taken.setdefault(script.name, command.words[0])
            if other != command.words[0]:
                raise CommandError(
                    f"the batch script {command.words[0]} cannot be called {script.name} in the run directory, as "
                    f"{other} is called so; rename one of them"
                )


def _is_plain(step: Step) -> bool:
    """Tell whether a step's text says all that it is."""
    if callable(step.cmd) or step.env is not None or step.named is not None:
        return False
    return all(type(word) is str for word in (*step.cmd, step.cwd or ""))
