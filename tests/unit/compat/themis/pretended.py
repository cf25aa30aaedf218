"""An ensemble in memory, which does what the command line asks for and remembers it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from runsemble.compat.themis._runs import AugmentedRun, CompositeRun, Run
from runsemble.compat.themis._writers import TextStream


class Pretended:
    """Has every method of `Themis`; what was called, with its arguments, is in `calls`."""

    calls: ClassVar[list[tuple[str, Any]]] = []
    there: ClassVar[dict[str, Pretended]] = {}
    application = "/bin/app"

    def __new__(cls, setup_dir: str = "./.themis_setup") -> Pretended:
        if setup_dir not in cls.there:
            raise ValueError(f"setup not found in '{os.path.abspath(setup_dir)}'")
        return cls.there[setup_dir]

    @classmethod
    def make(cls, setup_dir: str) -> Pretended:
        ensemble = object.__new__(cls)
        ensemble.setup_dir = os.path.abspath(setup_dir)
        ensemble.stored = {}
        cls.there[setup_dir] = ensemble
        return ensemble

    stored: dict[int, AugmentedRun]
    setup_dir: str

    @classmethod
    def create(
        cls,
        application: Any = None,
        runs: Any = None,
        run_parse: Any = None,
        run_copy: Any = None,
        run_symlink: Any = None,
        run_dir_names: Any = None,
        app_interface: Any = None,
        setup_dir: str = "./.themis_setup",
        max_restarts: Any = 0,
        max_failed_runs: Any = None,
        app_is_batch_script: bool = True,
        use_flux: Any = False,
        abort_on: Any = None,
    ) -> Pretended:
        cls.calls.append(("create", {"application": application, "run_copy": run_copy}))
        ensemble = cls.make(setup_dir)
        ensemble.add_runs(runs or ())
        return ensemble

    @classmethod
    def create_overwrite(cls, *args: Any, **kwargs: Any) -> Pretended:
        cls.calls.append(("overwrite", None))
        return cls.create(*args, **kwargs)

    @classmethod
    def create_resume(cls, *args: Any, **kwargs: Any) -> Pretended:
        return cls.create(*args, **kwargs)

    @classmethod
    def exists(cls, setup_dir: str = "./.themis_setup") -> bool:
        return setup_dir in cls.there

    @classmethod
    def clear(cls, setup_dir: str = "./.themis_setup") -> None:
        cls.there.pop(setup_dir, None)

    def add_runs(self, runs: Iterable[CompositeRun]) -> None:
        for run in runs:
            if isinstance(run, Run):
                run.application = self.application
            self.stored[len(self.stored) + 1] = AugmentedRun(run.sample, run.steps)

    def runs(self, run_ids: Iterable[int]) -> dict[int, AugmentedRun]:
        return {run_id: self.stored[run_id] for run_id in run_ids if run_id in self.stored}

    def filter_by_status(self, *statuses: int) -> tuple[int, ...]:
        return tuple(at for at, run in self.stored.items() if not statuses or run.status in statuses)

    def count_by_status(self, *statuses: int) -> int:
        return len(self.filter_by_status(*statuses))

    def progress(self) -> tuple[int, int]:
        return self.count_by_status(1, 2, 3, 4), self.count_by_status()

    def requeue_runs(self, run_ids: Iterable[int], hard: bool = False) -> None:
        self.calls.append(("requeue", (list(run_ids), hard)))

    restart_runs = requeue_runs

    def dequeue_runs(self, run_ids: Iterable[int]) -> None:
        self.calls.append(("dequeue", list(run_ids)))

    kill_runs = dequeue_runs

    def set_result(self, run_id: int, result: Any) -> None:
        self.stored[run_id].result = result

    def run_dirs(self, nonexistent: bool = False) -> Iterator[tuple[int, str]]:
        for run_id in self.stored:
            if nonexistent or run_id == 1:
                yield run_id, os.path.abspath(f"runs/{run_id}")

    def on_completion(self, args: Any, cwd: str = ".", stdout: str | None = None, stderr: str | None = None) -> None:
        self.calls.append(("on_completion", (list(args), cwd, stdout, stderr)))

    def dry_run(self, *run_ids: int, verbosity: int = 0) -> None:
        self.calls.append(("dry_run", (run_ids, verbosity)))

    def call_post_run(self, run_id: int) -> Any:
        if run_id not in self.stored:
            raise ValueError(f"No run has the id {run_id}")
        return run_id * 10

    def call_prep_ensemble(self) -> None:
        raise NotImplementedError

    call_post_ensemble = call_prep_ensemble

    def as_dataframe(self, include_none: bool = True) -> Any:
        raise NotImplementedError

    def write_json(self, stream: TextStream) -> None:
        stream.write(json.dumps(list(self.stored)))

    def write_yaml(self, stream: TextStream) -> None:
        stream.write("yaml")

    def write_csv(self, stream: TextStream) -> None:
        stream.write("csv")

    def execute_local(
        self,
        blocking: bool = False,
        timeout: float | None = None,
        parallelism: int | None = None,
        allow_multiple: bool = False,
        max_concurrency: int | None = None,
    ) -> None:
        self.calls.append(("local", (blocking, timeout, parallelism, allow_multiple, max_concurrency)))

    def execute_alloc(self, *args: Any, **kwargs: Any) -> int:
        self.calls.append(("alloc", kwargs))
        return 4242
