"""What somebody may not expect of a command line: said on stderr before a study begins, and nothing is refused."""

from __future__ import annotations

import os

from runsemble.cli.say import say
from runsemble.cli.sources import Crossed, Workload, names_in
from runsemble.launch.placeholders import Template, nearest
from runsemble.model.files import FileResource
from runsemble.model.params import RESERVED
from runsemble.runners.study import StudyOptions


def note_remarks(workload: Workload) -> None:
    """Say which values look like numbers and are texts, as far as they have been read."""
    for remark in workload.reader.remarks():
        say(f"note: {remark}")


def note_files(workload: Workload, study: StudyOptions) -> None:
    """Say that an argument names a file here, which a run will not find in its own directory."""
    if study.runs_here or isinstance(workload.sets, Crossed) or not len(workload.sets):
        return
    if any("{submit_dir}" in word or "RUNSEMBLE_SUBMIT_DIR" in word for word in workload.cmd):
        return
    staged = {os.fspath(item.path) if isinstance(item, FileResource) else os.fspath(item) for item in study.input_files}
    named = {name for word in workload.cmd for name in Template(word).names}
    params = workload.sets[0]
    for name, value in params.items():
        text = getattr(params, "texts", {}).get(name, value)
        if name not in named or not isinstance(text, str) or text in staged or os.path.isabs(text):
            continue
        if os.path.isfile(text):
            say(
                f"note: {text} is a file here, but runs start in their own directories: --here starts them here, "
                f"{{submit_dir}}/{{{name}}} is its path, --input brings files along"
            )


def note_unknown_names(workload: Workload) -> None:
    """Say which names in braces stand for no parameter, as far as those are known before the start."""
    if isinstance(workload.sets, Crossed):
        known = names_in(workload.sets.file) if workload.sets.file.source.is_regular else None
        known = None if known is None else known | set(workload.sets.grid_names)
    else:
        known = set(workload.sets[0]) if len(workload.sets) else None
    if known is None:
        return
    for name in sorted(known):
        if not name.isidentifier() and any(f"{{{name}}}" in word for word in workload.cmd):
            say(f"note: {{{name}}} stays as it is: only names of letters, digits and underscores can stand in braces")
    named = dict.fromkeys(name for word in workload.cmd for name in Template(word).names)
    for name in named:
        if name not in known and name not in RESERVED and nearest(name, [*known, *RESERVED]) is None:
            say(f"note: {{{name}}} names no parameter, so it stays as it is")
