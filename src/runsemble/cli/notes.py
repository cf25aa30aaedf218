"""What somebody may not expect of a command line: said on stderr before a study begins, and nothing is refused."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
from collections.abc import Iterable, Sequence

from runsemble.cli.say import say
from runsemble.cli.sources import Crossed, Workload, has_lines_on_stdin, names_in
from runsemble.cli.translate import names_in_run
from runsemble.launch.placeholders import ShellText, Template, nearest
from runsemble.model.files import FileResource
from runsemble.model.params import RESERVED
from runsemble.runners.options import StudyOptions
from runsemble.space.cells import looks_like_a_number
from runsemble.space.files import CsvFile
from runsemble.workdir.layout import current_directory
from runsemble.workdir.staging import is_forgotten
from runsemble.workdir.templates import load_templates

#: A command in which a word of these stands has found its way to the files of the caller's directory.
_WAYS = ("{submit_dir}", "RUNSEMBLE_SUBMIT_DIR")


def note_everything(workload: Workload, study: StudyOptions) -> None:
    """Say all that can be said before the first run; what has to be read first is left to `note_remarks`."""
    note_unknown_names(workload)
    note_unread_lines(workload)
    note_header(workload)
    note_templates(workload, study)
    note_files(workload, study)
    if not study.runs_here:
        note_forgotten_files(workload.cmd, names_in_run(study))
    if not isinstance(workload.sets, Crossed):  # else it is not known before all has been read
        note_remarks(workload)


def note_remarks(workload: Workload) -> None:
    """Say which values look like numbers and are texts, as far as they have been read."""
    for remark in workload.reader.remarks():
        say(f"note: {remark}")


def note_unread_lines(workload: Workload) -> None:
    """Say that ``{}`` stands for no line of standard input where parameters come from elsewhere."""
    if not any(re.search(r"(?<!\$)\{\}", word) for word in workload.cmd) or not has_lines_on_stdin():
        return
    if isinstance(workload.sets, Crossed) and workload.sets.file.source.path == "-":
        return
    origin = workload.sets.file.name if isinstance(workload.sets, Crossed) else "-P"
    say(
        f"note: {{}} stays as it is, and standard input is not read, since the parameters come from {origin}; "
        "add -a - for a parameter from standard input"
    )


def note_header(workload: Workload) -> None:
    """Say that a table seems to have no header: numbers have been taken for names."""
    file = workload.sets.file if isinstance(workload.sets, Crossed) else None
    names = names_in(file) if isinstance(file, CsvFile) else set()
    if file is not None and names and all(map(looks_like_a_number, names)):
        say(f"note: the first row of {file.name} was taken for the names of its columns, and holds numbers only")


def note_templates(workload: Workload, study: StudyOptions) -> None:
    """Say which templates are the same for every run."""
    known = _known_names(workload) or set()
    for template in load_templates(study.templates, current_directory()):
        if not template.has_places([*known, *RESERVED]):
            example = min(known, default="name")
            say(f"note: {template.shown}: nothing in it is filled in; parameters are written %%{example}%%")


def note_forgotten_files(cmd: Sequence[str], names: Iterable[str]) -> None:
    """Say that a text for a shell names a file here which is not among the `names` in the directory of a run."""
    if not isinstance(cmd[-1], ShellText) or any(way in cmd[-1] for way in _WAYS):
        return
    there = list(names)
    for word in dict.fromkeys(_words_read(cmd[-1])):
        if is_forgotten(word, current_directory(), there):
            say(
                f"note: {word} is a file here, but runs start in their own directories: add --input {shlex.quote(word)}"
                ", or --here"
            )


def _words_read(text: str) -> list[str]:
    """Return the words of a text for a shell that may name files to be read; none if it cannot be split."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        words = list(lexer)
    except ValueError:  # a quotation mark without its end: the shell will say so
        return []
    read = [word for before, word in itertools.pairwise(["", *words]) if before not in (">", ">>", ">|", ">&", "&>")]
    return [word for word in read if _may_be_file(word)]


def _may_be_file(word: str) -> bool:
    return Template(word).is_constant and ("/" in word or shutil.which(word) is None)  # else it may well be a program


def note_files(workload: Workload, study: StudyOptions) -> None:
    """Say that an argument names a file here, which a run will not find in its own directory."""
    if study.runs_here or isinstance(workload.sets, Crossed) or not len(workload.sets):
        return
    if any(way in word for word in workload.cmd for way in _WAYS):
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
    known = _known_names(workload)
    if known is None:
        return
    for name in sorted(known):
        if not name.isidentifier() and any(f"{{{name}}}" in word for word in workload.cmd):
            say(f"note: {{{name}}} stays as it is: only names of letters, digits and underscores can stand in braces")
    named = dict.fromkeys(name for word in workload.cmd for name in Template(word).names)
    for name in named:
        if name not in known and name not in RESERVED and nearest(name, [*known, *RESERVED]) is None:
            say(f"note: {{{name}}} names no parameter, so it stays as it is")


def _known_names(workload: Workload) -> set[str] | None:
    """Return the parameters that some run has, None where they are not known before the start."""
    if not isinstance(workload.sets, Crossed):
        return set(workload.sets[0]) if len(workload.sets) else None
    if not workload.sets.file.source.is_regular:
        return None
    return names_in(workload.sets.file) | set(workload.sets.grid_names)
