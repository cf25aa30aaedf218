"""`Themis`: an ensemble of runs."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from runsemble.compat.themis import _writers
from runsemble.compat.themis._allocation import Allocation
from runsemble.compat.themis._completion import check_completion
from runsemble.compat.themis._csv_writer import write_csv
from runsemble.compat.themis._execution import LocalJob, Request, execute, queued_count
from runsemble.compat.themis._hooks import call_for_all, call_for_run
from runsemble.compat.themis._making import (
    FIRST_ID,
    EnsembleExistsError,
    as_specs,
    check_directories,
    clear_ensemble,
    make_ensemble,
)
from runsemble.compat.themis._paths import Patterns
from runsemble.compat.themis._records import STATUS_ENUMS, RunRecord, translate_enum
from runsemble.compat.themis._runs import AugmentedRun, CompositeRun
from runsemble.compat.themis._setup import Setup, read_spec, study_of
from runsemble.compat.themis._stored import any_taken, every_run, known_ids, next_id, runs_of
from runsemble.compat.themis._views import as_run, status_of, stored_statuses
from runsemble.compat.themis._writers import TextStream
from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.sync import blocking
from runsemble.errors import LeaseError

if TYPE_CHECKING:
    import pandas as pd

_SETUP_DIR = "./.themis_setup"


class Themis:
    """An ensemble that exists.

    Args:
        setup_dir: The directory with its settings.

    Raises:
        ValueError: There is none.
        RuntimeError: It was made by a newer Python.
    """

    RUN_QUEUED, RUN_SUCCESS, RUN_FAILURE, RUN_KILLED, RUN_ABORTED = STATUS_ENUMS
    STATUS_ENUMS: ClassVar[tuple[int, ...]] = STATUS_ENUMS

    def __init__(self, setup_dir: str = _SETUP_DIR) -> None:
        self._setup_dir = os.path.abspath(setup_dir)
        self._spec = read_spec(self._setup_dir)  #: what stands in the file that marks the ensemble
        self._setup = Setup.from_spec(self._spec)
        self._study = study_of(self._setup_dir)
        self._ensemble = Ensemble(self._study)

    def __repr__(self) -> str:
        """Say where it is."""
        return f"Themis({self._setup_dir!r})"

    @property
    def setup_dir(self) -> str:
        """Where its settings are, absolute."""
        return self._setup_dir

    # Making and finding one

    @classmethod
    def create(
        cls,
        application: str | None = None,
        runs: Iterable[CompositeRun] | None = None,
        run_parse: Patterns = None,
        run_copy: Patterns = None,
        run_symlink: Patterns = None,
        run_dir_names: str | None = None,
        app_interface: str | None = None,
        setup_dir: str = _SETUP_DIR,
        max_restarts: int | None = 0,
        max_failed_runs: int | None = None,
        app_is_batch_script: bool = True,
        use_flux: bool | str = False,
        abort_on: Iterable[int] | None = None,
    ) -> Self:
        """Return a new ensemble; nothing runs until it is executed.

        Args:
            application: The program of every `Run`.
            runs: Runs, numbered from 1.
            run_parse: Texts whose tokens are filled in for every run.
            run_copy: Files and directories of which every run gets a copy.
            run_symlink: The same, with links.
            run_dir_names: A format string for the directories of runs; ``runs/{run_id}`` when None.
            app_interface: A Python file with hooks.
            setup_dir: Where its settings are put.
            max_restarts: How often a run is tried again; None for any number.
            max_failed_runs: When more have failed, nothing more is started; None for any number.
            app_is_batch_script: Whether the program is a text whose tokens are filled in as well.
            use_flux: Whether to use Flux, or the path of its program.
            abort_on: Exit codes after which a run is not tried again.

        Raises:
            ValueError: There is one already, or an argument makes no sense; then nothing is left behind.
            TypeError: A run is none, or has no program.
            ImportError: The hooks cannot be imported.
            RuntimeError: Flux is asked for, and not there.
        """
        if cls.exists(setup_dir):
            text = f"It looks like an ensemble was already created in the directory '{setup_dir}'."
            raise EnsembleExistsError(text)
        make_ensemble(
            os.path.abspath(setup_dir),
            runs,
            application=application,
            run_parse=run_parse,
            run_copy=run_copy,
            run_symlink=run_symlink,
            run_dir_names=run_dir_names,
            app_interface=app_interface,
            max_restarts=max_restarts,
            max_failed_runs=max_failed_runs,
            app_is_batch_script=app_is_batch_script,
            use_flux=use_flux,
            abort_on=abort_on,
        )
        return cls(setup_dir)

    @classmethod
    def create_overwrite(cls, *args: Any, **kwargs: Any) -> Self:
        """Return a new ensemble in the place of an old one, which stays when the new one cannot be; see `create`."""
        arguments = _arguments_of(Themis.create, args, kwargs)
        setup_dir = arguments.pop("setup_dir")
        make_ensemble(os.path.abspath(setup_dir), arguments.pop("runs"), replaces=True, **arguments)
        return cls(setup_dir)

    @classmethod
    def create_resume(cls, *args: Any, **kwargs: Any) -> Self:
        """Return the ensemble that there is, whatever the arguments say; else a new one, see `create`."""
        setup_dir = _arguments_of(Themis.create, args, kwargs)["setup_dir"]
        return cls(setup_dir) if cls.exists(setup_dir) else cls.create(*args, **kwargs)

    @classmethod
    def exists(cls, setup_dir: str = _SETUP_DIR) -> bool:
        """Tell whether there is an ensemble."""
        try:
            cls(setup_dir)
        except ValueError:
            return False
        return True

    @classmethod
    def clear(cls, setup_dir: str = _SETUP_DIR) -> None:
        """Remove all files of an ensemble but those of the user, and those in run directories.

        Raises:
            RuntimeError: It is being executed.
        """
        if cls.exists(setup_dir):
            clear_ensemble(os.path.abspath(setup_dir))

    # Looking

    @classmethod
    def translate_enum(cls, enum: Any) -> Any:
        """Return the word for the number of a status, or the number for a word.

        Raises:
            KeyError: It is neither.
        """
        return translate_enum(enum)

    def runs(self, run_ids: Iterable[int]) -> dict[int, AugmentedRun]:
        """Return those of some runs that there are, by their numbers."""
        return {run.id: as_run(run) for run in runs_of(self._study, run_ids)}

    def filter_by_status(self, *statuses: int) -> tuple[int, ...]:
        """Return the numbers of the runs with one of some statuses; of all when none is given."""
        chosen = stored_statuses(statuses)
        return blocking(self._ensemble.filter_by_status)(*(chosen if statuses else ())) if chosen else ()

    def count_by_status(self, *statuses: int) -> int:
        """Return how many those are."""
        counts = blocking(self._ensemble.counts)()
        return sum(count for status, count in counts.items() if not statuses or status_of(status) in statuses)

    def progress(self) -> tuple[int, int]:
        """Return how many runs have ended, and how many there are."""
        return blocking(self._ensemble.progress)()

    def run_dirs(self, nonexistent: bool = False) -> Iterator[tuple[int, str]]:
        """Yield the number of every run with its directory.

        Args:
            nonexistent: Those that do not exist yet, too.
        """
        for run in every_run(self._study):
            if nonexistent or os.path.isdir(run.run_dir):
                yield run.id, run.run_dir

    # Writing what is known

    def as_dataframe(self, include_none: bool = True) -> pd.DataFrame:
        """Return a frame with a row for each run, indexed by `run_id`.

        Args:
            include_none: Whether a run without a result has a row, too.

        Raises:
            ImportError: pandas is not installed.
        """
        return _writers.as_dataframe(self._records(), include_none)

    def write_json(self, stream: TextStream) -> None:
        """Write all runs as JSON."""
        _writers.write_json(self._records(), stream)

    def write_yaml(self, stream: TextStream) -> None:
        """Write all runs as YAML.

        Raises:
            ImportError: PyYAML is not installed.
        """
        _writers.write_yaml(self._records(), stream)

    def write_csv(self, stream: TextStream) -> None:
        """Write all runs as comma-separated values.

        Raises:
            ValueError: A result cannot be put into columns.
        """
        write_csv(self._records(), stream)

    def _records(self) -> Iterator[RunRecord]:
        for stored in every_run(self._study):
            run = as_run(stored)
            yield RunRecord(
                run_id=stored.id,
                sample=run.sample,
                steps=run.steps,
                result=run.result,
                status=run.status,
                has_result=stored.has_result,
                directory=stored.run_dir,
            )

    # Changing

    def add_runs(self, runs: Iterable[CompositeRun]) -> None:
        """Add runs, which an execution under way takes in at once.

        Raises:
            ValueError: Two runs would share a directory, or a sample lacks a name; then none is added.
            TypeError: A run is none, or has no program.
        """
        several, specs = as_specs(runs, self._setup)
        if not several:
            return
        names = self._setup.run_dir_names
        directories = check_directories(blocking(next_id)(self._study) or FIRST_ID, several, names)
        if "{run_id}" not in names and blocking(any_taken)(self._study, directories):
            text = "That combination of samples and run_dir_names will not produce unique run directories."
            raise ValueError(text)
        blocking(self._ensemble.add_runs)(specs)

    def requeue_runs(self, run_ids: Iterable[int], hard: bool = False) -> None:
        """Let runs that have ended run again; others are left alone.

        Args:
            run_ids: Their numbers.
            hard: From their first step; otherwise they go on at the step that failed.
        """
        known = known_ids(self._study, run_ids)
        if known:
            blocking(self._ensemble.requeue_runs)(known, hard=bool(hard), keep_results=True)

    restart_runs = requeue_runs

    def dequeue_runs(self, run_ids: Iterable[int]) -> None:
        """Kill runs that have not ended, those that run included; others are left alone."""
        known = known_ids(self._study, run_ids)
        if known:
            blocking(self._ensemble.dequeue_runs)(known)

    kill_runs = dequeue_runs

    def set_result(self, run_id: int, result: Any) -> None:
        """Store the result of a run, any object that can be pickled; without effect where there is no such run."""
        if known_ids(self._study, [run_id]):
            blocking(self._ensemble.set_result)(run_id, result)

    def on_completion(
        self, args: Iterable[str], cwd: str = ".", stdout: str | None = None, stderr: str | None = None
    ) -> None:
        """Have a command run each time when all runs have ended, instead of the one that was set before.

        Args:
            args: Program and arguments.
            cwd: Where it starts.
            stdout: File to which its output is appended; the log of the execution when None.
            stderr: The same for its errors.

        Raises:
            ValueError: An argument is no text, there is no such program, or `cwd` is no directory.
        """
        blocking(self._ensemble.on_completion)(check_completion(args, cwd), cwd, stdout=stdout, stderr=stderr)

    # Trying things out

    def dry_run(self, *run_ids: int, **kwargs: Any) -> None:
        """Prepare the directories of runs and call `prep_run` for them, in this process.

        Args:
            run_ids: Numbers; all queued runs when there is none.
            kwargs: ``verbosity``: above 0, to say what is being done.

        Raises:
            KeyError: There is no run with one of the numbers.
            RuntimeError: The ensemble is being executed.
            Exception: What keeps the first of them from being prepared, or what `prep_run` raises.
        """
        verbosity = _only_verbosity(**kwargs)
        ids = run_ids or self.filter_by_status(self.RUN_QUEUED)
        known = known_ids(self._study, ids)
        for run_id in ids:
            if run_id not in known:
                raise KeyError(run_id)
        try:
            made = blocking(self._ensemble.dry_run)(known, calls_hooks=False, on_start=_say if verbosity > 0 else None)
        except LeaseError as error:
            raise RuntimeError(f"the ensemble in '{self._setup_dir}' is being executed: {error}") from error
        for one in made:
            if one.error is not None:
                raise one.error.__cause__ if isinstance(one.error.__cause__, OSError) else one.error
            if self._setup.app_interface is not None:
                call_for_run(self._ensemble, "prep_run", one.id)

    def call_post_run(self, run_id: int) -> Any:
        """Call `post_run` for a run in its directory, in this process; return its value, None where there is none.

        Raises:
            ValueError: There is no such run.
        """
        if not known_ids(self._study, [run_id]):
            raise ValueError(f"No run has the id {run_id}")
        return call_for_run(self._ensemble, "post_run", run_id)

    def call_prep_ensemble(self) -> None:
        """Call `prep_ensemble` in this process; what it raises is logged."""
        call_for_all(self._ensemble, "prep_ensemble")

    def call_post_ensemble(self) -> None:
        """Call `post_ensemble` in this process; what it raises is logged."""
        call_for_all(self._ensemble, "post_ensemble")

    # Executing

    def execute_local(
        self,
        blocking: bool = False,
        timeout: float | None = None,
        parallelism: int | None = None,
        allow_multiple: bool = False,
        max_concurrency: int | None = None,
    ) -> None:
        """Run what is queued on this machine.

        Args:
            blocking: Return when all has ended; otherwise at once, and the ensemble outlives this process.
            timeout: Minutes after which what runs is ended, and stays queued.
            parallelism: How many agents start runs, side by side; None: as many as pay.
            allow_multiple: Where it is being executed already, take part: each run is executed once. Else that is an
                error.
            max_concurrency: Runs at the same time; 100 when None.

        Raises:
            RuntimeError: Nothing is queued, or it is being executed already.
        """
        self._execute(
            Allocation(timeout=timeout),
            blocking=blocking,
            parallelism=parallelism,
            allow_multiple=allow_multiple,
            max_concurrency=max_concurrency,
        )

    def execute_alloc(
        self,
        nodes: int = 1,
        partition: str | None = None,
        bank: str | None = None,
        name: str = "themis",
        timeout: float | None = None,
        repeats: int = 0,
        parallelism: int | None = None,
        early_stop: float | None = None,
        allow_multiple: bool = False,
        max_concurrency: int | None = None,
    ) -> int:
        """Run what is queued in an allocation.

        Raises:
            NotImplementedError: Always: allocations come with the Clusters work.
        """
        raise NotImplementedError(
            "execute_alloc comes with runsemble's support of clusters: until then, use execute_local in an allocation"
        )

    def _execute(
        self,
        allocation: Allocation,
        allocator: Any = None,
        blocking: bool = False,
        parallelism: int | None = None,
        early_stop: float | None = None,
        allow_multiple: bool = False,
        max_concurrency: int | None = None,
        debug: bool = False,
    ) -> LocalJob:
        """Run what is queued on this machine, for the time of an allocation and as often as that repeats."""
        request = Request(
            timeout=allocation.timeout,
            repeats=allocation.repeats,
            allow_multiple=allow_multiple,
            max_concurrency=max_concurrency,
            parallelism=parallelism,
        )
        if not _blocking(queued_count)(self._setup_dir):
            raise RuntimeError("There are no runs to execute")
        return execute(self._setup_dir, request, waits=blocking)


_blocking = blocking


def _arguments_of(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, with the defaults of those that are missing."""
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


def _say(run_id: int, directory: str) -> None:
    print(f"Executing dry run #{run_id} in '{os.path.relpath(directory)}'...")  # noqa: T201


def _only_verbosity(verbosity: int = 0) -> int:
    return verbosity
