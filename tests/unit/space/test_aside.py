import asyncio
import itertools
import operator
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from runsemble.errors import ParameterError
from runsemble.space.aside import AHEAD, BATCH, Aside
from runsemble.space.files import CsvFile, LinesFile

#: Seconds after which something that should have happened is taken not to happen.
PATIENCE_S = 20.0

FILE = CsvFile("never opened")


class Made:
    """Parameter sets that are made when they are asked for."""

    def __init__(self, make: Callable[[], Iterator[Mapping[str, Any]]], count: Any = NotImplemented) -> None:
        self._make = make
        self._count = count

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return self._make()

    def __length_hint__(self) -> Any:
        return self._count


def numbers(count: int) -> Made:
    return Made(lambda: ({"x": at} for at in range(count)), count)


async def read(aside: Aside) -> list[Mapping[str, Any]]:
    async with asyncio.timeout(PATIENCE_S):
        return [params async for params in aside]


@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, BATCH + 1, AHEAD, AHEAD + BATCH, 3 * AHEAD + 7])
async def test_every_parameter_set_comes_in_order(count: int) -> None:
    assert await read(Aside(numbers(count), FILE)) == [{"x": at} for at in range(count)]


async def test_a_file_is_read_without_blocking_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x\n" + "".join(f"{at}\n" for at in range(3000)))
    table = CsvFile(path)
    assert await read(Aside(table, table)) == [{"x": at} for at in range(3000)]


async def test_it_can_be_read_again() -> None:
    aside = Aside(numbers(3), FILE)
    assert await read(aside) == await read(aside)


@pytest.mark.parametrize("before", [0, 1, BATCH, 2 * BATCH + 1, 2 * AHEAD])
async def test_what_was_read_before_an_error_comes_before_it(before: int) -> None:
    def fail_at_last() -> Iterator[Mapping[str, Any]]:
        yield from ({"x": at} for at in range(before))
        raise ParameterError("line 7 is wrong")

    stream: Any = aiter(Aside(Made(fail_at_last), FILE))
    assert [await anext(stream) for _ in range(before)] == [{"x": at} for at in range(before)]
    with pytest.raises(ParameterError, match="line 7 is wrong"):
        await anext(stream)


async def test_an_error_of_any_kind_is_raised_where_the_sets_are_taken() -> None:
    def fail() -> Iterator[Mapping[str, Any]]:
        yield {"x": 1}
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await read(Aside(Made(fail), FILE))


async def test_a_source_that_cannot_even_begin_raises_where_the_sets_are_taken() -> None:
    def fail() -> Iterator[Mapping[str, Any]]:
        raise OSError("no such pipe")

    with pytest.raises(OSError, match="no such pipe"):
        await read(Aside(Made(fail), FILE))


async def test_a_missing_file_is_refused_where_the_sets_are_taken(tmp_path: Path) -> None:
    table = CsvFile(tmp_path / "missing.csv")
    with pytest.raises(ParameterError, match="cannot be read: No such file or directory"):
        await read(Aside(table, table))


async def test_no_more_is_read_ahead_than_was_agreed() -> None:
    made = 0

    def endless() -> Iterator[Mapping[str, Any]]:
        nonlocal made
        for made in itertools.count(1):
            yield {"x": made}

    stream: Any = aiter(Aside(Made(endless), FILE))
    async with asyncio.timeout(PATIENCE_S), aclosing(stream):
        for taken in range(1, 4 * AHEAD):
            await anext(stream)
            assert made <= taken + AHEAD + 2 * BATCH


async def test_a_source_is_left_when_nobody_wants_more() -> None:
    left = threading.Event()

    def endless() -> Iterator[Mapping[str, Any]]:
        try:
            yield from ({"x": at} for at in itertools.count())
        finally:
            left.set()

    stream: Any = aiter(Aside(Made(endless), FILE))
    async with aclosing(stream):
        assert await anext(stream) == {"x": 0}
    assert await asyncio.to_thread(left.wait, PATIENCE_S)


async def test_the_loop_goes_on_while_the_source_waits() -> None:
    go_on = threading.Event()

    def wait_for_the_loop() -> Iterator[Mapping[str, Any]]:
        assert go_on.wait(PATIENCE_S)
        yield {"x": 1}

    reading = asyncio.create_task(read(Aside(Made(wait_for_the_loop), FILE)))
    await asyncio.sleep(0)
    go_on.set()
    assert await reading == [{"x": 1}]


async def test_waiting_for_a_source_can_be_cancelled() -> None:
    go_on = threading.Event()

    def wait() -> Iterator[Mapping[str, Any]]:
        go_on.wait(PATIENCE_S)
        yield {"x": 1}

    reading = asyncio.create_task(read(Aside(Made(wait), FILE)))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    go_on.set()
    assert reading.cancelled()


async def test_it_is_read_in_a_thread_that_keeps_nobody_from_leaving() -> None:
    threads = []

    def look() -> Iterator[Mapping[str, Any]]:
        threads.append(threading.current_thread())
        yield {}

    assert await read(Aside(Made(look), FILE)) == [{}]
    assert [thread.daemon for thread in threads] == [True]
    assert threads[0] is not threading.main_thread()


@pytest.mark.parametrize("data", [b"x\n1\n", b"x\n1\n2\n", b"x\n" + b"1\n" * (BATCH - 1)])
async def test_what_was_read_of_a_pipe_comes_before_more_is_waited_for(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, end = os.pipe()
    with os.fdopen(pipe) as stdin, os.fdopen(end, "wb", buffering=0) as sender:
        monkeypatch.setattr(sys, "stdin", stdin)
        table = CsvFile("-")
        stream: Any = aiter(Aside(table, table))
        async with asyncio.timeout(PATIENCE_S), aclosing(stream):
            sender.write(data)
            for _ in range(data.count(b"\n") - 1):
                assert set(await anext(stream)) == {"x"}
            sender.write(b"7\n")
            assert await anext(stream) == {"x": 7}
            sender.close()
            assert await anext(stream, None) is None


async def test_values_with_zero_bytes_after_them_come_before_more_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipe, end = os.pipe()
    with os.fdopen(pipe) as stdin, os.fdopen(end, "wb", buffering=0) as sender:
        monkeypatch.setattr(sys, "stdin", stdin)
        lines = LinesFile("-", parameter="x", is_null_separated=True)
        stream: Any = aiter(Aside(lines, lines))
        try:
            async with asyncio.timeout(2):
                sender.write(b"1\0")
                assert await anext(stream) == {"x": 1}
        finally:
            sender.close()
            await stream.aclose()


@pytest.mark.parametrize(("count", "hint"), [(NotImplemented, -1), (0, 0), (7, 7)])
def test_how_many_there_are_is_known_if_the_source_knows(count: Any, hint: int) -> None:
    assert operator.length_hint(Aside(Made(lambda: iter([]), count), FILE), -1) == hint
