"""One study: a command, what its runs need, and how each parameter set becomes a run."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runsemble.errors import (
    CommandError,
    DirectoryError,
    InputFileError,
    PlaceholderError,
    RequestError,
    TemplateError,
    UsageError,
)
from runsemble.launch.argv import check_command, mpirun_argv, resolve_program
from runsemble.launch.environment import base_environment, mpi_environment
from runsemble.launch.placeholders import AsWritten, Template
from runsemble.model.files import FileResource, OutputMode, TemplateFile, require_output_mode
from runsemble.model.params import WrittenParams, plain_params
from runsemble.model.resources import Request, require_count
from runsemble.model.text import why_no_bytes
from runsemble.sched.policy import AbortPolicy
from runsemble.workdir.layout import RunDirectories, make_output_directory, output_path_of, why_exists
from runsemble.workdir.staging import (
    StagedFile,
    check_names,
    make_shared_copies,
    plan_staging,
    refuse_forgotten_inputs,
)
from runsemble.workdir.templates import load_templates

#: More seconds than anybody will wait for, and few enough for every clock.
MAX_SECONDS = 1 << 62
#: Starts a command in the caller's directory.
_GO_HERE = 'cd "$RUNSEMBLE_SUBMIT_DIR" && exec "$@"'


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOptions:
    """The arguments of `multirun` but the runs themselves, checked."""

    cmd: Any
    output_path: str | os.PathLike[str] | None = None
    input_files: Iterable[FileResource | str | os.PathLike[str]] = ()
    templates: Iterable[TemplateFile | str | os.PathLike[str]] = ()
    request: Request = field(default_factory=Request)
    timeout_s: float | None = None
    retries: int = 0
    max_failures: int | None = None
    halt: str | None = None
    env: Mapping[str, Any] | None = None
    run_dir: str = "{run_id}"
    output: OutputMode = "files"
    runs_here: bool = False  #: commands start in the caller's directory, each with a directory of its own for the rest
    is_literal: bool = False  #: the command is taken as it is: braces mean nothing, nor do names of files
    abort: AbortPolicy = field(init=False)

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        require_count("retries", self.retries, 0)
        if self.max_failures is not None:
            require_count("max_failures", self.max_failures, 0)
        if self.halt is not None:
            _require_string("halt", self.halt)
        object.__setattr__(self, "abort", AbortPolicy.of(self.max_failures, self.halt))
        if self.timeout_s is not None and not _is_positive(self.timeout_s):
            raise RequestError(f"timeout_s must be a number of seconds greater than 0, not {self.timeout_s!r}")
        require_output_mode(self.output)
        for name, files in (("input_files", self.input_files), ("templates", self.templates)):
            if isinstance(files, (str, bytes, os.PathLike)) or not _is_a(files, Iterable):
                raise InputFileError(f"{name} must be a list, such as ['model.py'], not {files!r}")
        if self.output_path is not None:
            _require_path("output_path", self.output_path)
        if self.env is not None and not _is_a(self.env, Mapping):
            raise UsageError(f"env must be a mapping of names to strings, such as {{'MODE': 'fast'}}, not {self.env!r}")
        _require_string("run_dir", self.run_dir)
        for name, value in (self.env or {}).items():
            if type(name) is not str or not name or "=" in name or "\0" in name:
                raise UsageError(f"env: {name!r} is no name of a variable")
            _require_string(f"env[{name!r}]", value)
            problem = why_no_bytes(value)
            if problem:
                raise UsageError(f"env[{name!r}] {problem}")


@dataclass(slots=True)
class PreparedRun:
    """A run as it is handed to a runner."""

    id: int
    argv: list[str]
    directory: str
    params_text: str
    env: dict[str, str]
    files: list[tuple[str, str, int]] | None  #: name, text, permission bits of each file of its own


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
        self.staged, self._copies = plan_staging(options.input_files, submit_dir, self.output_path)
        self._templates = load_templates(options.templates, submit_dir)
        check_names([template.name for template in self._templates], self.staged)
        self._take_command(options.cmd)
        self._env = {key: Template(value) for key, value in (options.env or {}).items()}
        self._run_dir = Template(options.run_dir)
        self._is_unique = self._run_dir.is_only("run_id")
        self._known: set[str] = set()
        self._is_made = False
        self._is_wanted = True

    def _take_command(self, cmd: Sequence[str | os.PathLike[str]]) -> None:
        self.cmd = cmd
        words = check_command(cmd)
        there = [item.name for item in self.staged] + [template.name for template in self._templates]
        is_literal = self.options.is_literal
        if not is_literal and not self.options.runs_here:
            refuse_forgotten_inputs((word for word in words[1:] if Template(word).is_constant), self.submit_dir, there)
        self._words = len(words)
        self._argv = [Template(word, is_literal=is_literal) for word in self._with_program(words, there)]

    def with_command(self, cmd: Sequence[str | os.PathLike[str]]) -> Study:
        """Return a study that runs another command, and shares everything else with this one.

        Raises:
            UsageError: The command makes no sense.
        """
        other = copy.copy(self)
        other._take_command(cmd)
        return other

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
        except BaseException:
            self.discard()
            raise

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

    def prepare(self, index: int, params: Any) -> PreparedRun:
        """Turn a parameter set into a run.

        Raises:
            UsageError: The parameter set, or what it makes of the command or the directory, cannot be.
        """
        plain, text = plain_params(params, index, is_literal=self.options.is_literal)
        values = {**plain, "run_id": index, "submit_dir": self.submit_dir}
        if isinstance(params, WrittenParams):
            values.update((name, AsWritten(plain[name], written)) for name, written in params.texts.items())
        known = self._known
        try:
            name = self._run_dir.fill(values, known)
            directory = self._directories.claim(name, index, self._is_unique)
            values["run_dir"] = directory
            argv = [word.fill(values, known) for word in self._argv]
            env = {key: value.fill(values, known) for key, value in self._env.items()}
        except PlaceholderError as error:
            raise PlaceholderError(f"runs[{index}]: {error}", name=error.name) from None
        files = self._render(index, {**values, **plain}) if self._templates else None
        if why_no_bytes("".join(argv)) or why_no_bytes("".join(env.values())):
            before = len(argv) - self._words  # mpirun, or what goes to the caller's directory
            places = {f"cmd[{at - before}]": word for at, word in enumerate(argv)}
            raise _no_bytes(index, places | {f"env[{name!r}]": value for name, value in env.items()})
        known.update(plain)
        return PreparedRun(index, argv, directory, text, env, files)

    def _render(self, index: int, values: Mapping[str, Any]) -> list[tuple[str, str, int]]:
        try:
            return [template.render(values) for template in self._templates]
        except TemplateError as error:
            raise TemplateError(f"runs[{index}]: {error}") from None

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

    def base_environment(self) -> dict[str, str]:
        """Return the environment that all runs start from."""
        request = self.options.request
        env = base_environment(os.environ)
        if request.tasks > 1:
            env = mpi_environment() | env
        env["RUNSEMBLE_ENSEMBLE_DIR"] = self.output_path
        env["RUNSEMBLE_SUBMIT_DIR"] = self.submit_dir
        env["RUNSEMBLE_TASKS"] = str(request.tasks)
        env["RUNSEMBLE_MEM_MIB"] = str(request.mem_mib)
        return env

    def _with_program(self, words: list[str], there: Collection[str]) -> list[str]:
        program = resolve_program(words[0], self.submit_dir, there)
        argv = [program, *words[1:]]
        if self.options.runs_here:
            argv = ["/bin/sh", "-c", _GO_HERE, "sh", *argv]
        tasks = self.options.request.tasks
        if tasks == 1:
            return argv
        mpirun = shutil.which("mpirun")
        if mpirun is None:
            raise CommandError(f"tasks={tasks} needs mpirun, and there is none on PATH: load or install an MPI")
        return mpirun_argv(mpirun, tasks, argv)


def _no_bytes(index: int, places: Mapping[str, str]) -> CommandError:
    """Return the error for the first of several texts that the kernel cannot take."""
    place, problem = next((place, problem) for place, text in places.items() if (problem := why_no_bytes(text)))
    return CommandError(f"runs[{index}]: {place} {problem}")


def current_directory() -> str:
    """Return the caller's directory.

    Raises:
        DirectoryError: It has been removed.
    """
    try:
        return os.getcwd()
    except OSError:
        raise DirectoryError("the current directory does not exist any more; change to another one") from None


def stage_list(staged: Iterable[StagedFile]) -> list[tuple[str, str, str]]:
    """Return staged files as a plan message has them."""
    return [(item.how, item.source, item.name) for item in staged]


def _is_positive(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and value > 0 and (isinstance(value, float) or value < MAX_SECONDS)


def _is_a(value: object, kind: type) -> bool:
    return isinstance(value, kind)


def _require_path(name: str, value: object) -> None:
    if not isinstance(value, (str, os.PathLike)):
        raise UsageError(f"{name} must be a path, not {value!r}")
    problem = why_no_bytes(os.fsdecode(value))
    if problem:
        raise UsageError(f"{name} {problem}")


def _require_string(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a string, not {value!r}")
