"""Writes what is known of all runs as comma-separated values."""

from __future__ import annotations

import csv
import json
import numbers
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

from runsemble.compat.themis._records import RunRecord
from runsemble.compat.themis._runs import Step
from runsemble.compat.themis._writers import TextStream
from runsemble.errors import UsageError

_RESOURCES = ("tasks", "cores_per_task", "gpus_per_task")
#: Up to so many bytes, rows wait in memory for the names of the columns, which only the last row completes.
_SPOOL_BYTES = 8 * 2**20

_Cells = dict[str, str]


def write_csv(records: Iterable[RunRecord], stream: TextStream) -> None:
    """Write a header and one row for each run.

    The columns are ``run_id``, ``status``, ``tasks``, ``cores_per_task``, ``gpus_per_task``, the names in the samples
    in the order they first occur, then those of the results, sorted. A number of resources is left blank where the
    steps of a run differ. A result that is a mapping has a column for each key; a sequence has ``output_0``,
    ``output_1`` ...; a number or a text has ``output_0``.

    Raises:
        UsageError: A result is of another kind; nothing has been written then.
    """
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES, "w+", encoding="utf-8", errors="surrogatepass") as spool:
        labels, outputs = _spool(records, spool)
        spool.seek(0)
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow(["run_id", "status", *_RESOURCES, *labels, *outputs])
        for line in spool:
            fixed, sample, result = json.loads(line)
            blanks = [result.get(name, "") for name in outputs]
            writer.writerow([*fixed, *(sample.get(name, "") for name in labels), *blanks])


def _spool(records: Iterable[RunRecord], spool: IO[str]) -> tuple[list[str], list[str]]:
    """Put every run on a line of its own; return the names in samples, and in results."""
    labels: dict[str, None] = {}
    outputs: set[str] = set()
    for record in records:
        fixed = [str(record.run_id), record.status_word, *_resources(record.steps)]
        sample = {str(key): cell_of(value) for key, value in record.sample.items()}
        result = dict(_outputs(record))
        labels.update(dict.fromkeys(sample))
        outputs.update(result)
        spool.write(json.dumps([fixed, sample, result]) + "\n")
    return list(labels), sorted(outputs)


def cell_of(value: Any) -> str:
    """Return what a cell holds for a value: nothing for None, the text that bytes are."""
    if value is None:
        return ""
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "backslashreplace")
    return repr(value) if type(value) is float else str(value)


def _resources(steps: Sequence[Step]) -> Iterator[str]:
    for name in _RESOURCES:
        amounts = {getattr(step, name) for step in steps}
        yield str(amounts.pop()) if len(amounts) == 1 else ""


def _outputs(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Yield the columns of a result, with what is in them."""
    result = record.result
    if callable(getattr(result, "tolist", None)):  # of NumPy's
        result = result.tolist()
    if isinstance(result, Mapping):
        yield from ((str(key), cell_of(value)) for key, value in result.items())
    elif isinstance(result, str | bytes | bytearray | numbers.Number):
        yield "output_0", cell_of(result)
    elif isinstance(result, Sequence):
        yield from ((f"output_{at}", cell_of(value)) for at, value in enumerate(result))
    elif result is not None:
        raise UsageError(
            f"the result of run {record.run_id} is a {type(result).__name__}, for which there are no columns: let it "
            "be a mapping, a sequence, a number or a text, or write JSON instead"
        )
