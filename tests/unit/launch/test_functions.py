"""What of a function is stored, and what is said about one that cannot be."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from runsemble.errors import CommandError
from runsemble.launch.functions import import_directories, pickle_function


def load(path: Path) -> Any:
    return pickle.loads(path.read_bytes())


def test_a_function_of_a_module_is_stored_by_its_name(tmp_path: Path) -> None:
    pickle_function(os.path.join, str(tmp_path / "f"))
    assert load(tmp_path / "f") is os.path.join
    assert (tmp_path / "f").stat().st_size < 100


def test_modules_of_ones_own_are_found_where_this_program_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "path", ["", "/opt/mine", "/opt/site-packages", sys.prefix + "/lib", os.path.dirname(os.__file__)]
    )
    assert import_directories() == [str(tmp_path), "/opt/mine"]


def test_a_function_that_cannot_be_imported_is_stored_whole(tmp_path: Path) -> None:
    offset = 3
    pickle_function(lambda x: x + offset, str(tmp_path / "f"))
    assert load(tmp_path / "f")(4) == 7


def test_a_function_stored_whole_knows_its_source_file(tmp_path: Path) -> None:
    def fail() -> None:
        raise KeyError

    pickle_function(fail, str(tmp_path / "f"))
    with pytest.raises(KeyError) as caught:
        load(tmp_path / "f")()
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.line) == (__file__, "raise KeyError")


def test_storing_a_function_leaves_cloudpickle_as_it_was(tmp_path: Path) -> None:
    before = cloudpickle.dumps(load)
    pickle_function(load, str(tmp_path / "f"))
    assert cloudpickle.dumps(load) == before


LOCK = threading.Lock()


class Keeper:
    """Has something that cannot be pickled."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def method(self) -> None:
        """Do nothing."""


async def coroutine() -> None: ...


async def async_generator() -> AsyncIterator[int]:
    yield 1


def generator() -> Iterator[int]:
    yield 1


def with_default(lock: Any = LOCK) -> Any:
    return lock


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (lambda: LOCK, "the variable LOCK is a _thread.lock, which cannot be pickled; make it inside the function"),
        (with_default, "a default argument is a _thread.lock"),
        (Keeper().method, "the object it is a method of is a .*Keeper"),
        (coroutine, "coroutine is an async function, but a run calls an ordinary one: wrap it in asyncio.run"),
        (async_generator, "is an async function"),
        (generator, "generator is a generator, which has no result: return a list instead of yielding"),
        (5, "5 is not a function"),
        ("f", "'f' is not a function"),
    ],
    ids=["global", "default", "method", "coroutine", "async generator", "generator", "number", "text"],
)
def test_a_function_that_cannot_be_sent_is_refused_with_the_reason(
    tmp_path: Path, function: Callable[..., Any], complaint: str
) -> None:
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    try:
        with pytest.raises(CommandError, match=complaint):
            pickle_function(function, str(tmp_path / "f"))
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    assert not (tmp_path / "f").exists()
