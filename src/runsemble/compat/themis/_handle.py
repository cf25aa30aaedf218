"""What the command line needs of `Themis`: its public methods with their signatures."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from runsemble.compat.themis._paths import Patterns
from runsemble.compat.themis._runs import AugmentedRun, CompositeRun
from runsemble.compat.themis._writers import TextStream

if TYPE_CHECKING:
    import pandas as pd

_SETUP_DIR = "./.themis_setup"


class Handle(Protocol):
    """One ensemble."""

    @property
    def setup_dir(self) -> str:
        """Where its settings are, absolute."""

    def add_runs(self, runs: Iterable[CompositeRun]) -> None:
        """Add runs."""

    def runs(self, run_ids: Iterable[int]) -> Mapping[int, AugmentedRun]:
        """Return those of some runs that there are."""

    def filter_by_status(self, *statuses: int) -> tuple[int, ...]:
        """Return the numbers of runs of some statuses; of all runs when none is given."""

    def count_by_status(self, *statuses: int) -> int:
        """Return how many those are."""

    def progress(self) -> tuple[int, int]:
        """Return how many runs have ended, and how many there are."""

    def requeue_runs(self, run_ids: Iterable[int], hard: bool = False) -> None:
        """Let runs that have ended run again."""

    def restart_runs(self, run_ids: Iterable[int], hard: bool = False) -> None:
        """Do the same."""

    def dequeue_runs(self, run_ids: Iterable[int]) -> None:
        """Kill runs that have not ended."""

    def kill_runs(self, run_ids: Iterable[int]) -> None:
        """Do the same."""

    def set_result(self, run_id: int, result: Any) -> None:
        """Store the result of a run."""

    def run_dirs(self, nonexistent: bool = False) -> Iterator[tuple[int, str]]:
        """Yield numbers of runs with their directories."""

    def on_completion(
        self, args: Iterable[str], cwd: str = ".", stdout: str | None = None, stderr: str | None = None
    ) -> None:
        """Set the command that is run once all runs have ended."""

    def dry_run(self, *run_ids: int, verbosity: int = 0) -> None:
        """Prepare the directories of runs."""

    def call_post_run(self, run_id: int) -> Any:
        """Call the hook for a run; return what it returns."""

    def call_prep_ensemble(self) -> None:
        """Call the hook."""

    def call_post_ensemble(self) -> None:
        """Call the hook."""

    def as_dataframe(self, include_none: bool = True) -> pd.DataFrame:
        """Return all runs as a frame."""

    def write_json(self, stream: TextStream) -> None:
        """Write all runs."""

    def write_yaml(self, stream: TextStream) -> None:
        """Write all runs."""

    def write_csv(self, stream: TextStream) -> None:
        """Write all runs."""

    def execute_local(
        self,
        blocking: bool = False,
        timeout: float | None = None,
        parallelism: int | None = None,
        allow_multiple: bool = False,
        max_concurrency: int | None = None,
    ) -> None:
        """Run what is queued on this machine."""

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
        """Run what is queued in an allocation; return the number of the job."""


class HandleClass(Protocol):
    """The class of ensembles."""

    def __call__(self, setup_dir: str = _SETUP_DIR) -> Handle:
        """Return an ensemble that exists.

        Raises:
            ValueError: It does not.
        """

    def create(
        self,
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
    ) -> Handle:
        """Return a new ensemble."""

    def create_overwrite(self, *args: Any, **kwargs: Any) -> Handle:
        """Return a new ensemble in the place of an old one."""

    def create_resume(self, *args: Any, **kwargs: Any) -> Handle:
        """Return the ensemble that there is, or else a new one."""

    def exists(self, setup_dir: str = _SETUP_DIR) -> bool:
        """Tell whether there is an ensemble."""

    def clear(self, setup_dir: str = _SETUP_DIR) -> None:
        """Remove the files of an ensemble."""


class Runtime(Protocol):
    """What a run can ask for from inside."""

    def parse_file(self, source: str, destination: str, sample: Mapping[Any, Any] | None = None) -> None:
        """Fill in the tokens of a file."""

    def set_result(self, result: Any) -> None:
        """Store the result of the run."""


def themis_class() -> HandleClass:
    """Return the class `Themis`."""
    found: HandleClass = importlib.import_module("runsemble.compat.themis").Themis
    return found


def runtime_module() -> Runtime:
    """Return the module `runtime`."""
    found: Any = importlib.import_module("runsemble.compat.themis.runtime")
    return found  # type: ignore[no-any-return]
