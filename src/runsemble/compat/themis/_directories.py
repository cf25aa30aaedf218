"""Directories to work in for a while, with a limit on the time."""

from __future__ import annotations

import functools
import os
import shutil
import signal
from collections.abc import Callable
from typing import Any, ParamSpec, Self, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class DirectoryManager:
    """Makes another directory the current one while the block runs.

    Args:
        new_directory: An existing directory.
    """

    def __init__(self, new_directory: str | os.PathLike[str]) -> None:
        self.new_directory = os.fspath(new_directory)
        self.old_directory: str | None = None

    def go_to_new(self) -> None:
        """Go there.

        Raises:
            OSError: It does not exist, or may not be entered.
        """
        self.old_directory = os.getcwd()
        os.chdir(self.new_directory)

    def go_to_old(self) -> None:
        """Go back."""
        if self.old_directory is not None:
            os.chdir(self.old_directory)

    def __enter__(self) -> Self:
        self.go_to_new()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_to_old()


class CleanDirectory(DirectoryManager):
    """Makes an empty directory the current one while the block runs; what it held before is deleted, it itself stays.

    Args:
        new_directory: A directory, which is made anew.
    """

    def __init__(self, new_directory: str | os.PathLike[str]) -> None:
        super().__init__(os.path.abspath(new_directory))

    def go_to_new(self) -> None:
        """Delete it, make it, go there.

        Raises:
            OSError: It cannot be made.
        """
        if os.path.isdir(self.new_directory):
            shutil.rmtree(self.new_directory)
        os.mkdir(self.new_directory)
        super().go_to_new()


def clean_directory_decorator(
    new_directory: str | os.PathLike[str] | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return what has a function run in an empty directory, named after the function unless it is given."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        directory = function.__name__ if new_directory is None else new_directory

        @functools.wraps(function)
        def inside(*args: P.args, **kwargs: P.kwargs) -> R:
            with CleanDirectory(directory):
                return function(*args, **kwargs)

        return inside

    return decorate


def timeout_decorator(timeout: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return what ends a function after some seconds, by an alarm: in the main thread only.

    What is called then raises OSError when the time is over.
    """

    def ring(number: int, frame: Any) -> None:
        raise OSError("Alarm handler called")

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def within(*args: P.args, **kwargs: P.kwargs) -> R:
            before = signal.signal(signal.SIGALRM, ring)
            signal.alarm(timeout)
            try:
                return function(*args, **kwargs)
            finally:
                signal.alarm(0)
                signal.signal(signal.SIGALRM, before)

        return within

    return decorate
