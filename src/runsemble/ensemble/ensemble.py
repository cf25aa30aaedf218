"""`Ensemble`: a study of any size that lives in one directory."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import anyio.to_thread

from runsemble import codec
from runsemble.ensemble import creation
from runsemble.ensemble.by_hand import RunCommand, find_command
from runsemble.ensemble.control import command
from runsemble.ensemble.creation import HalfMade, describe, require_whole
from runsemble.ensemble.detached import start_detached
from runsemble.ensemble.driver import Driver, Execution
from runsemble.ensemble.errands import completion_setting, hook_errand, run_errand
from runsemble.ensemble.export import Exported, Target, export
from runsemble.ensemble.following import Piece, follow, read_output
from runsemble.ensemble.logs import Stream
from runsemble.ensemble.look import Look, looking
from runsemble.ensemble.options import ensemble_options, require_parameter_sets
from runsemble.ensemble.packing import Packed, pack
from runsemble.ensemble.planning import make_plan, make_suggestions
from runsemble.ensemble.rebuild import Rebuilt, rebuild
from runsemble.ensemble.rows import dataframe_of
from runsemble.ensemble.view import EnsembleRun
from runsemble.ensemble.why import Why, find_why
from runsemble.errors import LeaseError, StoreError, UsageError
from runsemble.model.resources import require_count
from runsemble.model.status import StoredStatus
from runsemble.model.step import require_seconds
from runsemble.runners.pooled import PooledRunner
from runsemble.runners.progress import Showing
from runsemble.runners.study import Study
from runsemble.sched.plan import Plan
from runsemble.sched.suggest import Suggestion
from runsemble.store.connection import store_path
from runsemble.store.lease import Holder
from runsemble.store.reader import reading
from runsemble.store.records import STATUSES
from runsemble.workdir.layout import current_directory, run_directory

if TYPE_CHECKING:
    import pandas

#: Seconds between two looks for runs that have ended.
LOOK_S = 0.1
#: Seconds between two tries to drive what another process drives.
BUSY_S = 1.0


class Ensemble:
    """A study that lives in a directory, and can be looked at, changed and driven from any process.

    Nothing is held open between calls, so that nothing need be closed. What it says is what was on disk when it was
    asked. Make one with `create`, or find an existing one with `open`::

        ensemble = await Ensemble.create("sweep", runs=[{"x": 1}, {"x": 2}], cmd=["./model", "{x}"])
        await ensemble.execute()
        async for run in ensemble.runs("success"):
            print(run.params, run.result)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(os.fspath(path))  #: its directory
        self._driver: Driver | None = None  #: the latest one in this process

    def __repr__(self) -> str:
        """Say where it lives."""
        return f"Ensemble({self.path!r})"

    # Making and finding one

    @classmethod
    async def create(
        cls,
        path: str | os.PathLike[str],
        *,
        runs: Iterable[Any] | AsyncIterable[Any] = (),
        cmd: Sequence[str | os.PathLike[str]] | Callable[..., Any] | None = None,
        **options: Any,
    ) -> Self:
        """Make an ensemble; nothing runs until it is executed.

        When anything is wrong, nothing is left behind.

        Args:
            path: Its directory, which must be new.
            runs: Parameter sets, each a mapping of names to values; or `RunSpec` objects, with commands of their own.
            cmd: Program and arguments, with placeholders as in `multirun`; or a function.
            options: Further options, see `ensemble_options`.

        Raises:
            UsageError: Something makes no sense; where a run is at fault, `.index` says which.
            FeedError: `runs` raised.
            StoreError: The record cannot be made.
        """
        require_parameter_sets(runs)
        study, first_id = ensemble_options(path, cmd, options)
        return cls(await creation.create(study, runs, first_id))

    @classmethod
    async def create_overwrite(cls, path: str | os.PathLike[str], **options: Any) -> Self:
        """Make an ensemble; remove the one that is there, with everything in its directory. See `create`."""
        study, _ = ensemble_options(path, options.get("cmd"), _without_runs(options))
        await anyio.to_thread.run_sync(Study, study, current_directory())  # refuses nonsense before it is too late
        if await cls._is_there(path) is not None:
            await cls.clear(path)
        return await cls.create(path, **options)

    @classmethod
    async def create_resume(cls, path: str | os.PathLike[str], **options: Any) -> Self:
        """Return the ensemble that is there, else make one, in the place of half of one if need be; see `create`."""
        is_whole = await cls._is_there(path)
        if is_whole:
            return await cls.open(path)
        if is_whole is False:
            await cls.clear(path)
        return await cls.create(path, **options)

    @classmethod
    async def _is_there(cls, path: str | os.PathLike[str]) -> bool | None:
        """Tell whether an ensemble is there; False if there is only half of one, whose maker died."""
        try:
            await cls.open(path)
        except HalfMade:
            return False
        except StoreError:
            return None
        return True

    @classmethod
    async def open(cls, path: str | os.PathLike[str]) -> Self:
        """Return an existing ensemble.

        Raises:
            StoreError: There is none, it is damaged, or from a newer version.
        """
        ensemble = cls(path)
        async with reading(ensemble.path) as reader:
            require_whole(ensemble.path, await reader.settings())
            return ensemble

    @classmethod
    async def exists(cls, path: str | os.PathLike[str]) -> bool:
        """Tell whether there is an ensemble that can be opened."""
        return bool(await cls._is_there(path))

    @classmethod
    async def clear(cls, path: str | os.PathLike[str]) -> None:
        """Remove an ensemble, its record and its run directories; without effect where there is none.

        Raises:
            LeaseError: It is being driven.
        """
        ensemble = cls(path)
        if not await anyio.to_thread.run_sync(os.path.exists, store_path(ensemble.path)):
            return
        async with reading(ensemble.path) as reader:
            lease = await reader.lease()
            if lease.holder is not None and not lease.is_free_now:
                raise LeaseError(f"{ensemble.path} is being driven by {lease.holder}: stop it first")
        await anyio.to_thread.run_sync(shutil.rmtree, ensemble.path)

    @classmethod
    async def rebuild(cls, path: str | os.PathLike[str]) -> Rebuilt:
        """Make the record of an ensemble anew that is damaged or lost, from everything that is left.

        Whatever can be read of the old record is taken over. Runs that were lost with it are found by their
        directories: with parameters and results, but nobody knows how they ended, so they are pending again. The old
        file is kept under another name. A record with which nothing is wrong is left as it is.

        Raises:
            LeaseError: Somebody drives it.
            StoreError: There is none, what its runs do is not known any more, or the record cannot be written.
        """
        return await rebuild(path)

    # Looking

    async def counts(self) -> dict[StoredStatus, int]:
        """Return how many runs have which status; takes no longer for a million runs."""
        async with reading(self.path) as reader:
            return await reader.counts()

    async def driver(self) -> Holder | None:
        """Return the process that drives it, None if nobody does."""
        async with reading(self.path) as reader:
            lease = await reader.lease()
        return None if lease.is_free_now else lease.holder

    async def count_by_status(self, *statuses: StoredStatus) -> int:
        """Return how many runs have one of these statuses; all are counted if none is given."""
        counts = await self.counts()
        return sum(counts[require_status(status)] for status in statuses or STATUSES)

    async def progress(self) -> tuple[int, int]:
        """Return how many runs have ended, and how many there are."""
        counts = await self.counts()
        total = sum(counts.values())
        return total - counts["pending"] - counts["running"], total

    async def filter_by_status(self, *statuses: StoredStatus) -> tuple[int, ...]:
        """Return the ids of the runs with one of these statuses, in order; of all if none is given."""
        for status in statuses:
            require_status(status)
        async with reading(self.path) as reader:
            return tuple(await reader.ids(statuses))

    async def run(self, id: int) -> EnsembleRun:  # noqa: A002
        """Return a run.

        Raises:
            UsageError: There is none with this id.
        """
        async with self._looking() as look:
            return await look.run(id)

    async def runs(self, *statuses: StoredStatus, first: int = 0) -> AsyncGenerator[EnsembleRun, None]:
        """Yield runs in the order of their ids, with their results and latest attempts.

        Args:
            statuses: Only those with one of these; all if none is given.
            first: Start with this id.
        """
        for status in statuses:
            require_status(status)
        async with self._looking() as look:
            async for run in look.runs(statuses, first):
                yield run

    async def run_dirs(self, *, nonexistent: bool = False) -> AsyncGenerator[tuple[int, str], None]:
        """Yield the id of every run with its directory, absolute.

        Args:
            nonexistent: Those that do not exist yet, too.
        """
        async with reading(self.path) as reader, aclosing(reader.runs()) as runs:
            async for run in runs:
                directory = run_directory(self.path, run.id, run.directory)
                if nonexistent or await anyio.to_thread.run_sync(os.path.isdir, directory):
                    yield run.id, directory

    async def why(self, run: int) -> Why:
        """Return why a run is pending, running, tried again, or ended as it did: a sentence, and where to look.

        Raises:
            UsageError: There is no such run.
        """
        async with self._looking() as look:
            return await find_why(look, run, self.path)

    async def output(
        self, run: int, stream: Stream = "both", *, attempt: int | None = None, lines: int | None = None
    ) -> list[Piece]:
        """Return what a run has written, stdout and stderr each in one piece.

        Args:
            run: Its id.
            stream: "both", "stdout" or "stderr"; that makes no difference where both were merged.
            attempt: Of which attempt, from 1; None: of the latest.
            lines: The last so many lines of each; None: all.

        Raises:
            UsageError: There is no such run or attempt, or its output is not kept.
        """
        one = await self.run(run)
        return await anyio.to_thread.run_sync(read_output, one, stream, attempt, lines)

    async def follow(
        self, run: int, stream: Stream = "both", *, lines: int | None = None
    ) -> AsyncGenerator[Piece, None]:
        """Yield what a run has written and then what it writes, from attempt to attempt, until it has ended.

        Args:
            run: Its id.
            stream: See `output`.
            lines: Begin with the last so many lines of each; None: with the first.

        Raises:
            UsageError: There is no such run, or its output is not kept.
        """
        async with self._looking() as look, aclosing(follow(lambda: look.run(run), stream, lines)) as pieces:
            async for piece in pieces:
                yield piece

    async def plan(
        self,
        *,
        cores: int | None = None,
        gpus: int | None = None,
        mem_mib: int | None = None,
        nodes: int | None = None,
    ) -> Plan:
        """Return how long what is pending would take, by the scheduler's own code in virtual time.

        How long runs take is judged by those of the same kind that have ended, else by their time limit; where some
        have neither, the plan counts in waves.

        Args:
            cores: Of each node; None: those of this machine.
            gpus: Of each node.
            mem_mib: Of each node, in MiB; 0: not accounted.
            nodes: How many.

        Raises:
            RequestError: A number makes no sense.
        """
        async with reading(self.path) as reader:
            return await make_plan(reader, cores=cores, gpus=gpus, mem_mib=mem_mib, nodes=nodes)

    async def suggest(self) -> list[Suggestion]:
        """Return what runs should ask for, by what they ask for now, from what those used that have ended.

        Of many attempts, a sample is looked at.
        """
        async with reading(self.path) as reader:
            return await make_suggestions(reader)

    async def command_of(self, run: int) -> RunCommand:
        """Return what it takes to start a run by hand as it was started last: command, environment, directory, cores.

        Of several steps it is the one that failed, or was last. A directory that was not kept (`keep`) is made anew,
        and then it is the first one.

        Raises:
            UsageError: There is no such run, it has no directory yet, or its command cannot be made here.
        """
        async with reading(self.path) as reader:
            return await find_command(reader, self.path, run)

    # Exporting

    async def export(
        self,
        target: Target,
        format: str,  # noqa: A002
        statuses: Iterable[StoredStatus] = (),
        *,
        allow_pickle: bool = False,
    ) -> Exported:
        """Write a row per run: its id, parameters, results, and what is known of it, as `to_dataframe` names them.

        Runs are read and written piece by piece, so their number makes no difference to memory.

        Args:
            target: A path, at which the file appears when it is whole; or an open file, binary or of text.
            format: csv, json, yaml or parquet; the last two need the extras of the same name.
            statuses: Only runs with one of these; all if none is given.
            allow_pickle: Load results that are no plain data, which runs code from the study; else they are missing.

        Raises:
            UsageError: There is no such format or status, or the file cannot be written.
            RunsembleError: What a format needs is not installed.
        """
        chosen = [require_status(status) for status in statuses]
        async with self._looking() as look:
            return await export(look, target, format, chosen, allow_pickle=allow_pickle)

    async def to_dataframe(self, *statuses: StoredStatus) -> pandas.DataFrame:
        """Return one row per run, as `MultirunResult.to_dataframe` does; the index is the run's id.

        Args:
            statuses: Only runs with one of these; all if none is given.

        Raises:
            RunsembleError: pandas is not installed.
        """
        return await anyio.to_thread.run_sync(dataframe_of, [run async for run in self.runs(*statuses)])

    # Changing

    async def add_runs(self, runs: Iterable[Any]) -> range:
        """Add runs; return their ids. A driver that is at work takes them in at once.

        Raises:
            UsageError: A run makes no sense, or would have another one's directory; then none is added.
        """
        require_parameter_sets(runs)
        async with reading(self.path) as reader:
            recipes = await reader.recipes()
        texts = await anyio.to_thread.run_sync(describe, self.path, recipes, list(runs))
        first, end = (await command(self.path, "add", runs=texts))["ids"]
        return range(first, end)

    async def requeue_runs(self, runs: Iterable[int], *, hard: bool = False, keep_results: bool = False) -> list[int]:
        """Let runs that have ended be executed again; return the ids of those that will be.

        Args:
            runs: Ids; those of runs that have not ended have no effect.
            hard: From their first step; otherwise they go on at the step that failed.
            keep_results: What they posted stays until they post something else.

        Raises:
            UsageError: There is no run with one of the ids.
        """
        return list(
            (await command(self.path, "requeue", runs=list(runs), hard=hard, keeps_results=keep_results))["runs"]
        )

    async def dequeue_runs(self, runs: Iterable[int], *, how: str = "stop") -> list[int]:
        """End runs for good, those that wait and those that run; return the ids of those that had not ended.

        Args:
            runs: Ids; those of runs that have ended have no effect.
            how: "stop" (TERM first) or "kill".

        Raises:
            UsageError: There is no run with one of the ids.
        """
        return list((await command(self.path, "kill", runs=list(runs), how=how))["runs"])

    async def cancel(self, which: Callable[[EnsembleRun], bool], *, how: str = "stop") -> list[int]:
        """End every run for good that has not ended and fulfils a condition; return their ids.

        Args:
            which: Says of a run whether it is meant.
            how: "stop" (TERM first) or "kill".
        """
        meant = [run.id async for run in self.runs("pending", "running") if which(run)]
        return await self.dequeue_runs(meant, how=how) if meant else []

    async def set_result(self, run: int, result: Any) -> None:
        """Replace what a run posted, by any object that can be pickled.

        Raises:
            UsageError: There is no such run.
            Exception: Whatever pickle raises for an object it cannot store.
        """
        await command(self.path, "set_result", run=run, result=codec.encode(result, allow_pickle=True))

    async def on_completion(
        self,
        cmd: Sequence[str],
        cwd: str | os.PathLike[str] = ".",
        *,
        stdout: str | os.PathLike[str] | None = None,
        stderr: str | os.PathLike[str] | None = None,
    ) -> None:
        """Have a command run each time when nothing is pending any more; it replaces the one that was set before.

        Args:
            cmd: Program and arguments.
            cwd: Where it starts.
            stdout: File to which its output is appended; None: the log of the driver.
            stderr: The same for its errors.

        Raises:
            UsageError: The program is not there, or `cwd` is no directory.
        """
        value = await anyio.to_thread.run_sync(completion_setting, cmd, cwd, stdout, stderr)
        await command(self.path, "set_setting", name="on_completion", value=value)

    async def call_prep_ensemble(self) -> str:
        """Call `prep_ensemble` now, without noting that it was; return what went wrong, "" if nothing did."""
        return await self._call("prep_ensemble")

    async def call_post_ensemble(self) -> str:
        """Call `post_ensemble` now; return what went wrong, "" if nothing did."""
        return await self._call("post_ensemble")

    async def _call(self, name: str) -> str:
        async with reading(self.path) as reader:
            settings = await reader.settings()
        call = settings.get("hooks", {}).get(name)
        return "" if call is None else await run_errand(hook_errand(call, settings["submit_dir"]), self.path)

    async def finish(self) -> None:
        """Have the driver start nothing more, call `post_ensemble` when nothing runs any more, and end.

        Raises:
            UsageError: Nobody drives the ensemble.
        """
        await command(self.path, "finish")

    async def drain(self) -> None:
        """Have the driver start nothing more, and end when nothing runs any more.

        Raises:
            UsageError: Nobody drives the ensemble.
        """
        await command(self.path, "drain")

    async def stop(self, *, how: str = "stop") -> None:
        """Have the driver end what runs, and then itself; those runs are started again when it is resumed.

        Raises:
            UsageError: Nobody drives the ensemble.
        """
        await command(self.path, "stop", how=how)

    async def resize(self, max_concurrency: int) -> None:
        """Have the driver run so many runs at the same time from now on.

        Raises:
            UsageError: Nobody drives the ensemble, or the number makes no sense.
        """
        await command(self.path, "resize", count=max_concurrency)

    async def pack(self) -> Packed:
        """Pack what the successful runs wrote into one file, and remove the many small ones.

        `output` and `follow` read it from there. Files of more than 4 MiB stay as they are, and so do those of runs
        that did not succeed. Nobody can drive the ensemble meanwhile.

        Raises:
            LeaseError: It is being driven.
            StoreError: The record cannot be read, or the pack not be written.
        """
        return await pack(self.path)

    # Executing

    async def execute(
        self,
        *,
        blocking: bool = True,
        max_concurrency: int | None = None,
        runner: Callable[[], PooledRunner] | None = None,
        progress: bool = False,
        orphans: str = "finish",
        only: Sequence[int] | None = None,
        deadline_s: float | None = None,
    ) -> None:
        """Execute what is pending.

        Args:
            blocking: Return when nothing is pending any more; otherwise at once: then a process of its own drives the
                ensemble, and outlives this one.
            max_concurrency: Runs at the same time; None: as many as the cores allow.
            runner: Makes the runner; None: one for this machine.
            progress: Show a bar.
            orphans: What becomes of runs when their driver dies: "finish" or "kill".
            only: Ids of the pending runs that are meant; None: all.
            deadline_s: Seconds from now, after which what runs is ended and is pending again. Nothing starts that
                cannot finish before that, as far as can be told from the runs that have ended.

        Raises:
            LeaseError: Another process drives it.
            UsageError: Nothing is pending.
        """
        if max_concurrency is not None:
            require_count("max_concurrency", max_concurrency, 1)
        if orphans not in ("finish", "kill"):
            raise UsageError(f"orphans must be 'finish' or 'kill', not {orphans!r}")
        require_seconds("deadline_s", deadline_s)
        counts = await self.counts()
        if not counts["pending"] and not counts["running"]:
            raise UsageError(f"nothing is pending in {self.path}: add runs, or requeue some")
        if not blocking:
            if runner is not None:
                raise UsageError("a runner cannot be handed to another process: leave out runner, or blocking=False")
            how = {"max_concurrency": max_concurrency, "orphans": orphans, "only": only, "deadline_s": deadline_s}
            await start_detached(self.path, **how)
            return
        execution = Execution(
            max_concurrency=max_concurrency,
            make_runner=runner,
            showing=Showing(progress),
            orphans=orphans,
            only=only,
            deadline_s=deadline_s,
        )
        driver = self._driver = Driver(self.path, execution)
        await driver.run()

    async def completed(self, **execution: Any) -> AsyncGenerator[EnsembleRun, None]:
        """Execute what is pending, and yield every run as it ends; it ends when no run is left.

        It ends before that when the execution does: when it is drained or stopped, or gives up after too many failures.
        Where another process drives the ensemble already, its runs are yielded as they end there. Runs may be added
        or requeued in the body of the loop.

        Args:
            execution: See `execute`.
        """
        async with self._looking() as look:
            after = await look.reader.last_end()
            async with self._executing(execution) as has_ended:
                while True:
                    is_over = has_ended() or await look.is_over()
                    ends = await look.reader.ends(after)
                    for seq, id_ in ends:
                        after = seq
                        yield await look.run(id_)
                    if is_over and not ends and (has_ended() or await look.is_over()):
                        return
                    if not ends:
                        await asyncio.sleep(LOOK_S)

    @asynccontextmanager
    async def _executing(self, execution: Mapping[str, Any]) -> AsyncIterator[Callable[[], bool]]:
        """Drive the ensemble in a task while the block runs, unless somebody does already."""

        async def drive() -> None:
            while True:
                before = await self._stand()
                if not before[0]["pending"] and not before[0]["running"]:
                    await asyncio.sleep(LOOK_S)
                    continue
                self._driver = None
                try:
                    await self.execute(**execution)
                except LeaseError:
                    await asyncio.sleep(BUSY_S)
                    continue
                if self._was_ended or await self._stand() == before:  # what is pending will not start here
                    return

        task = asyncio.get_running_loop().create_task(drive())
        try:
            yield task.done
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.wait([task])

    @property
    def _was_ended(self) -> bool:
        """Whether the latest driver in this process was told to end, or gave up, before nothing was pending."""
        return self._driver is not None and self._driver.was_ended

    async def _stand(self) -> tuple[dict[StoredStatus, int], int]:
        """Return what changes with everything that happens to runs."""
        async with reading(self.path) as reader:
            return await reader.counts(), await reader.last_end()

    def _looking(self) -> AbstractAsyncContextManager[Look]:
        return looking(self.path)


def require_status(status: Any) -> StoredStatus:
    """Return a status when it is one.

    Raises:
        UsageError: It is not.
    """
    for known in STATUSES:
        if status == known:
            return known
    raise UsageError(f"there is no status {status!r}; there are {', '.join(STATUSES)}")


def _without_runs(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in ("runs", "cmd")}
