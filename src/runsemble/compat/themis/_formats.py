"""Where the runs of an ensemble have their directories."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runsemble.workdir.formats import get_run_dir as get_run_dir

DEFAULT_RUN_DIR_NAMES = "runs/{run_id}"

Sample = Mapping[Any, Any]


def unique_run_dirs(
    runs: Iterable[tuple[int, Sample]], run_dir_names: str, taken: Iterable[str] = ()
) -> Iterator[tuple[int, str]]:
    """Yield the number and the directory of each of some runs, whose directories are all different.

    Args:
        runs: Numbers and samples.
        run_dir_names: See `get_run_dir`.
        taken: Directories of other runs.

    Raises:
        ValueError: Two runs would share a directory, or a sample lacks a name.
    """
    seen = {os.path.normpath(directory) for directory in taken}
    for run_id, sample in runs:
        try:
            directory = get_run_dir(run_id, run_dir_names, sample)
        except (KeyError, IndexError, AttributeError):
            text = "The samples do not have keys matching the run_dir_names format string"
            raise ValueError(text) from None
        before = len(seen)
        seen.add(os.path.normpath(directory))
        if len(seen) == before:
            text = "That combination of samples and run_dir_names will not produce unique run directories."
            raise ValueError(text)
        yield run_id, directory


def validate_samples(
    samples: Iterable[Sample], run_dir_names: str | None = None, check_nonempty: bool = False
) -> list[Sample]:
    """Return samples as a list; they are numbered from 0.

    Raises:
        ValueError: There are none where there have to be some, or see `unique_run_dirs`.
        TypeError: One is no mapping.
    """
    several = list(samples)
    if check_nonempty and not several:
        raise ValueError("There are no samples")
    for sample in several:
        if not isinstance(sample, Mapping):
            raise TypeError(f"a sample is a mapping of names to values, not {sample!r}")
    for _ in unique_run_dirs(enumerate(several), DEFAULT_RUN_DIR_NAMES if run_dir_names is None else run_dir_names):
        pass
    return several
