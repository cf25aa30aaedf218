"""`multirun_sync`: from plain code, inside a running loop, from another thread."""

from __future__ import annotations

import asyncio
import inspect
import signal
import threading
from pathlib import Path

import pytest

from runsemble import MultirunResult, ParallelLocalRunner, multirun, multirun_sync
from runsemble.errors import CommandError
from runsemble.model import events


@pytest.fixture(autouse=True)
def in_an_empty_directory(here: Path) -> None:
    """Stand in an empty directory."""


def run_three(output_path: str = "out") -> MultirunResult:
    return multirun_sync(
        runs=({"x": x} for x in range(3)),
        cmd=["sh", "-c", "echo {x}; exit {x}"],
        output_path=output_path,
        progress=False,
    )


def expect_three(result: MultirunResult) -> None:
    assert [run.read_stdout() for run in result] == [b"0\n", b"1\n", b"2\n"]
    assert [run.returncode for run in result] == [0, 1, 2]


def test_it_works_in_plain_code() -> None:
    before = signal.getsignal(signal.SIGINT)
    expect_three(run_three())
    assert signal.getsignal(signal.SIGINT) is before


def test_it_works_inside_a_running_loop_and_leaves_that_alone() -> None:
    async def cell_of_a_notebook() -> None:
        loop = asyncio.get_running_loop()
        expect_three(run_three())
        assert asyncio.get_running_loop() is loop
        expect_three(run_three("again"))
        await asyncio.sleep(0)

    asyncio.run(cell_of_a_notebook())


def test_it_works_in_another_thread_than_the_main_one() -> None:
    results: list[MultirunResult] = []
    thread = threading.Thread(target=lambda: results.append(run_three()))
    thread.start()
    thread.join()
    expect_three(results[0])


def test_it_works_in_two_threads_at_once() -> None:
    results: dict[str, MultirunResult] = {}

    def work(name: str) -> None:
        results[name] = run_three(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect_three(results["a"])
    expect_three(results["b"])


def test_it_refuses_what_multirun_refuses() -> None:
    with pytest.raises(CommandError, match="cmd is empty"):
        multirun_sync(runs=[{}], cmd=[])


def test_it_refuses_inside_a_running_loop_too() -> None:
    async def cell_of_a_notebook() -> None:
        with pytest.raises(CommandError, match="cmd is empty"):
            multirun_sync(runs=[{}], cmd=[])

    asyncio.run(cell_of_a_notebook())


def test_a_runner_may_be_handed_in_and_listened_to() -> None:
    heard: list[events.Event] = []
    runner = ParallelLocalRunner()
    runner.listen(heard.append)
    multirun_sync(runs=[{}], cmd=["true"], output_path="out", progress=False, runner=runner)
    assert [type(e).__name__ for e in heard if isinstance(e, (events.RunStarted, events.RunEnded))] == [
        "RunStarted", "RunEnded",
    ]  # fmt: skip


def test_a_runner_may_be_used_again_in_the_next_call() -> None:
    runner = ParallelLocalRunner()
    for name in ("a", "b"):
        result = multirun_sync(runs=[{}], cmd=["true"], output_path=name, progress=False, runner=runner)
        assert result[0].status == "success"


def test_it_takes_what_multirun_takes() -> None:
    assert list(inspect.signature(multirun_sync).parameters) == list(inspect.signature(multirun).parameters)
    assert "Ctrl-C" in (multirun_sync.__doc__ or "")
