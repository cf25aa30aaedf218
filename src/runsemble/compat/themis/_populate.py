"""Fills the directory of one run: links, copies, texts with their tokens filled in, batch scripts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from runsemble.compat.themis._deck import batch_script_sample, write_deck
from runsemble.compat.themis._paths import RunFiles
from runsemble.compat.themis._runs import Step
from runsemble.workdir.decks import Deck, Engine


class Populator:
    """Fills the directories of the runs of an ensemble; each text is read once.

    Args:
        files: What every run gets.
        engine: What fills in tokens.
        launch: Returns the words that start a step as if it were no batch script.
    """

    def __init__(self, files: RunFiles, engine: Engine, launch: Callable[[Step], Sequence[str]]) -> None:
        self._files = files
        self._engine = engine
        self._launch = launch
        self._decks: dict[str, Deck] = {}

    def populate(self, run_dir: str, sample: Mapping[Any, Any], steps: Iterable[Step]) -> None:
        """Make the directory of a run, the directories of its steps, and all that is to be in them.

        Everything lies flat in the run directory, under its own name; what had that name before is replaced.

        Raises:
            IsADirectoryError: A directory has the name of a link, or of a text.
            TemplateError: An expression in a text cannot be computed.
            OSError: Something cannot be read, or written.
        """
        os.makedirs(run_dir, exist_ok=True)
        for path in self._files.symlink:
            _link(path, _within(run_dir, path))
        for path in self._files.copy:
            _copy(path, _within(run_dir, path))
        for path in self._files.parse:
            write_deck(self._deck(path), _within(run_dir, path), sample)
        for step in steps:
            os.makedirs(os.path.join(run_dir, step.cwd), exist_ok=True)
            if step.batch_script:
                values = batch_script_sample(sample, self._launch(step))
                write_deck(self._deck(step.args[0]), _within(run_dir, step.args[0]), values)

    def _deck(self, path: str) -> Deck:
        if path not in self._decks:
            self._decks[path] = Deck(path, self._engine)
        return self._decks[path]


def program_of(step: Step, run_dir: str) -> str:
    """Return the program that a step executes: a batch script's copy in the run directory, or its own path."""
    return _within(run_dir, step.args[0]) if step.batch_script else step.args[0]


def _within(run_dir: str, path: str) -> str:
    return os.path.join(run_dir, os.path.basename(path))


def _link(path: str, link: str) -> None:
    with suppress(FileNotFoundError):
        if os.path.isdir(link) and not os.path.islink(link):
            raise IsADirectoryError(21, "Is a directory", link)
        os.unlink(link)
    os.symlink(path, link)


def _copy(path: str, copy: str) -> None:
    with suppress(FileNotFoundError):
        if os.path.isdir(copy) and not os.path.islink(copy):
            shutil.rmtree(copy)
        else:
            os.unlink(copy)
    if os.path.isdir(path):
        shutil.copytree(path, copy, symlinks=True)
    else:
        shutil.copy2(path, copy)
