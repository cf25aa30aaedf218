"""What `multirun` returns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, overload

from runsemble.errors import ResultError, RunsembleError, RunsFailed
from runsemble.model.resources import count_of
from runsemble.model.row import table_facts, table_row
from runsemble.model.stats import RunStatistics
from runsemble.runners.run import Run
from runsemble.runners.table import RunTable
from runsemble.sched.policy import Halt

if TYPE_CHECKING:
    import pandas

    from runsemble.display.tally import ShownRun

#: What is counted of a result in a few words.
_SHOWN = ("success", "failure", "skipped", "running", "pending")
#: Failures listed by name in a message.
_LISTED = 3
#: How much of its output is looked at for a run's last line, in bytes.
_TAIL = 4096
#: How many runs of more than are listed are looked at for whether runs print numbers.
_SAMPLE = 20
#: Of more runs than this, the output is not read: that takes 0.04 ms each on a local disk, on a shared one far longer.
_OUTPUTS_READ = 2000


class MultirunResult(Sequence[Run]):
    """The runs of a study, in the order of their parameter sets."""

    def __init__(self, table: RunTable, output_path: str, ids: Sequence[int] | None = None) -> None:
        self._table = table
        self._ids = ids  #: of the runs in order; None: 0, 1, ...
        self.halted: Halt | None = None  #: why the study was given up, None if it was not
        self.output_path = output_path  #: absolute path of the directory that holds everything

    def __len__(self) -> int:
        """Count the runs."""
        return len(self._table) if self._ids is None else len(self._ids)

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> list[Run]: ...
    def __getitem__(self, index: int | slice) -> Run | list[Run]:
        """Return a run by its position, or a list of runs."""
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        if self._ids is not None:
            return self._table[self._ids[index]]
        return self._table[index + len(self) if index < 0 else index]

    @property
    def statistics(self) -> RunStatistics:
        """How many runs are in which state."""
        return self._table.statistics

    @property
    def results(self) -> list[Any]:
        """What every run posted, None for those that posted nothing.

        Raises:
            ResultError: One of them cannot be read; `to_dataframe` has the others, and so have the runs one by one.
        """
        return [_result_of(run) for run in self]

    @property
    def failures(self) -> list[Run]:
        """The runs that failed."""
        return [run for run in self if run.status == "failure"]

    @property
    def is_untouched(self) -> bool:
        """Whether none of the runs was ever started."""
        return self._table.is_untouched

    def raise_for_failures(self) -> None:
        """Raise if a run failed or was skipped.

        Raises:
            RunsFailed: With the first failures and where to look.
        """
        missing = [run for run in self if run.status != "success"]
        if not missing:
            return
        failures = self.failures
        lines = [f"run {run.id}: {run.message}" + _see(run) for run in failures[:_LISTED]]
        if len(failures) > _LISTED:
            lines.append(f"and {len(failures) - _LISTED} more")
        skipped = len(missing) - len(failures)
        head = f"{len(failures)} of {count_of(len(self), 'run')} failed"
        head += f", {skipped} were not run" if skipped else ""
        raise RunsFailed(head + "".join("\n  " + line for line in lines), failures=failures)

    def to_dataframe(self) -> pandas.DataFrame:
        """Return one row per run: parameters, results, and what is known of the run.

        The index is the run's id. Columns are the parameters; a result that is a dict gives a column per key, any
        other a column ``result``; then status, cause, returncode, attempts, wall_s, user_s, system_s, max_rss_bytes,
        run_dir. A result's key that is also a parameter's or one of these is prefixed with ``result_``, a parameter
        that is called as one of these with ``param_``. A result that cannot be read is missing.

        Raises:
            RunsembleError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise RunsembleError("to_dataframe() needs pandas: pip install 'runsemble[pandas]'") from None
        rows = [_table_row(run) for run in self]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        return pandas.DataFrame(rows, columns=columns, index=pandas.RangeIndex(len(rows), name="run"))

    def summary(self, width: int = 80, wall_s: float | None = None) -> str:
        """Return what a person wants to know at the end, in lines of plain text.

        Up to 20 runs are listed with their parameters, results, time and memory; of more, the least, median and
        greatest. Where none posted anything, the last line that each printed stands for its result; of more than 20
        runs only if it is a number. Then how many failed, how, where to look, and at which values of parameters
        failures cluster; and whose results cannot be read.

        Args:
            width: Columns of the terminal.
            wall_s: How long the study took, if it is to be said.
        """
        from runsemble.display.summary import LISTED, summary_lines  # at the start of a study it would cost 5 ms

        shown, hides_outputs = self._listed() if len(self) <= LISTED else self._summed_up()
        return "\n".join(summary_lines(shown, self.output_path, wall_s, width, hides_outputs=hides_outputs))

    def _listed(self) -> tuple[Iterable[ShownRun], bool]:
        """Return the runs, with what they printed if none posted anything; and that nothing is left out."""
        shown = list(self.shown())
        if not any(one.results for one in shown):
            for one, run in zip(shown, self, strict=True):
                one.results = _output_of(run)
        return shown, False

    def _summed_up(self) -> tuple[Iterable[ShownRun], bool]:
        """Return the runs, with what they printed if that is all they have and is numbers; and if it is left out."""
        from runsemble.display.tally import is_number

        some = self[:: max(1, len(self) // _SAMPLE)]
        printed = [_number_or_text(line) for run in some if (line := last_line(run)) is not None]
        if not printed or any(one.results or one.problem for one in islice(self.shown(), _OUTPUTS_READ)):
            return self.shown(), False
        reads = len(self) <= _OUTPUTS_READ and any(map(is_number, printed))
        return self.shown(with_output=reads), not reads

    def shown(self, *, with_output: bool = False) -> Iterator[ShownRun]:
        """Yield what displays need of each run; a result that cannot be read is none.

        Args:
            with_output: Of runs that posted nothing, take the last line that they printed for their result ``output``,
                a number where it is one.
        """
        from runsemble.display.tally import ShownRun

        for run in self:
            one = ShownRun(run, *_result_and_problem(run))
            if with_output and not one.results:
                one.results = {name: _number_or_text(text) for name, text in _output_of(run).items()}
            yield one

    def _repr_html_(self) -> str:
        """Return the summary for a notebook."""
        import html

        return f"<pre>{html.escape(self.summary(width=120))}</pre>"

    def __repr__(self) -> str:
        """Say how many runs ended how, and where they are."""
        stats = self.statistics
        counts = {name: getattr(stats, f"{name}_count") for name in _SHOWN}
        words = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        return f"<MultirunResult {count_of(len(self), 'run')}: {words or 'none'}; {self.output_path}>"


def _result_of(run: Run) -> Any:
    """Return what a run posted; the error says which run it is, and how to get past it."""
    try:
        return run.result
    except ResultError as error:
        way = "read_result() of each run, or to_dataframe(), has the others"
        raise ResultError(f"run {run.id}: {error}; {way}", path=error.path) from error


def _result_and_problem(run: Run) -> tuple[Any, str]:
    """Return what a run posted, None if that cannot be read, and then why."""
    try:
        return run.result, ""
    except ResultError as error:
        from runsemble.display.words import nearest_path

        return None, str(error).replace(error.path, nearest_path(error.path))


def last_line(run: Run) -> str | None:
    """Return the last line that a run printed, of a long one the end; None if it printed none, or nothing was kept."""
    try:
        lines = run.read_stdout(tail=_TAIL).decode(errors="replace").rstrip().splitlines()
    except OSError:
        return None
    return lines[-1] if lines else None


def _see(run: Run) -> str:
    """Word where to look for what became of a run; empty where nothing of it was kept."""
    return "" if run.trail is None else f" (see {run.trail})"


def _output_of(run: Run) -> dict[str, str]:
    """Return the last line that a run printed, as if it were a result; for runs that posted none."""
    line = last_line(run)
    return {} if line is None else {"output": line}


def _number_or_text(text: str) -> float | str:
    if "_" in text:  # to Python 1_000 is a number
        return text
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def _table_row(run: Run) -> dict[str, Any]:
    facts = table_facts(run.status, run.cause, run.returncode, run.attempts, run.usage, run.run_dir)
    return table_row(run.params, _result_and_problem(run)[0], facts)
