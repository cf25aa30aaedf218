"""The status display, on real terminals (pseudo-terminals, looked at through a terminal emulator) and without one."""

from __future__ import annotations

import asyncio
import fcntl
import io
import os
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress

import anyio.to_thread
import pyte
import pytest
from tqdm import tqdm

from runsemble.display import status
from runsemble.display.status import (
    IS_SHOWN_ELSEWHERE,
    MAX_FAILURE_LINES,
    StatusDisplay,
    display_status,
    show_until,
)
from runsemble.display.words import Progress, bar_format
from runsemble.model import events
from runsemble.model.stats import RunStatistics
from runsemble.sched.pool import PoolUsage

WIDTHS = [10, 20, 40, 80, 200]
USE = PoolUsage(128, 256, 77, 88, 128)
#: Says nothing that can be seen; what was written before it has arrived when it has.
MARK = b"\x1b]0;seen\x07"


class Terminal:
    """A terminal of some width, and what is to be seen on it."""

    def __init__(self, columns: int, rows: int = 30) -> None:
        self._master, slave = os.openpty()
        self.stream = os.fdopen(slave, "w", encoding="utf-8", errors="backslashreplace")
        self._screen = pyte.Screen(columns, rows)
        self._seen = pyte.ByteStream(self._screen)
        self.written = b""
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int = 30) -> None:
        fcntl.ioctl(self.stream.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen.resize(rows, columns)

    def lines(self) -> list[str]:
        """Return the lines that can be seen now, but the empty ones."""
        os.write(self.stream.fileno(), MARK)
        while MARK not in self.written:
            assert select.select([self._master], [], [], 10)[0]
            self.written += os.read(self._master, 65536)
        new, _, self.written = self.written.partition(MARK)
        self._seen.feed(new)
        self.written = b""
        self.raw = new
        return [line.rstrip() for line in self._screen.display if line.strip()]

    async def first_lines(self) -> list[str]:
        """Return what can be seen as soon as that is something."""
        return await anyio.to_thread.run_sync(self._wait_for_lines)

    def _wait_for_lines(self) -> list[str]:
        while not (lines := self.lines()):
            assert select.select([self._master], [], [], 10)[0]
        return lines

    def hang_up(self) -> None:
        os.close(self._master)
        self._master = -1

    def close(self) -> None:
        with suppress(OSError):
            self.stream.close()
        if self._master >= 0:
            os.close(self._master)


@pytest.fixture
def open_terminal() -> Iterator[Callable[[int], Terminal]]:
    """Return a function that returns a terminal of some width."""
    made: list[Terminal] = []

    def open_one(columns: int) -> Terminal:
        made.append(Terminal(columns))
        return made[-1]

    yield open_one
    for terminal in made:
        terminal.close()


@pytest.fixture
def terminal(open_terminal: Callable[[int], Terminal]) -> Terminal:
    """Return a terminal of 80 columns."""
    return open_terminal(80)


def counts(total: int, done: int, failed: int = 0, skipped: int = 0, running: int = 2) -> RunStatistics:
    complete = done + skipped
    return RunStatistics(
        skipped_count=skipped,
        pending_count=total - complete - running,
        running_count=running,
        success_count=done - failed,
        failure_count=failed,
        complete_count=complete,
        total_count=total,
    )


def drawn(progress: Progress, columns: int) -> str:
    """Return the bar as it is drawn on a terminal of some width."""
    return str(
        tqdm.format_meter(
            progress.stats.ended_count,
            progress.total,  # type: ignore[arg-type]
            progress.elapsed_s,
            ncols=columns,
            unit=" runs",
            bar_format=bar_format(progress, columns),
        )
    )


def numbers_on(bar: str) -> set[str]:
    """Return the numbers on a bar, but times of day and rates."""
    return set(re.findall(r"\d+", re.sub(r"[\d.]+ ?(runs/s|s/ ?run\w*)|ends \S+", "", bar)))


STUDIES = {
    "small": Progress(counts(100, 40), 100, 12.0, (18.0, 20.0), PoolUsage(2, 2, 0, 0, 2)),
    "large": Progress(
        counts(1_234_567, 123_456, 4321, 765, 128), 1_234_567, 54_321.0, (1800.0, 4000.0), USE, shows_clock=True
    ),
    "of unknown size": Progress(counts(234_567, 123_456, 4321, 765, 128), None, 54_321.0, None, USE),
    "just begun": Progress(counts(100, 0), 100, 0.0, None, USE),
    "over": Progress(counts(100, 100, running=0), 100, 34.0),
    "given up": Progress(counts(1000, 100, 100, 900, 0), 1000, 34.0),
}


@pytest.mark.parametrize("study", STUDIES)
def test_no_number_on_a_bar_is_cut(study: str) -> None:
    """A number of which the terminal has room for a part only would be read as another number."""
    progress = STUDIES[study]
    whole = {*numbers_on(drawn(progress, 1000)), f"{100 * progress.stats.ended_count // (progress.total or 1)}"}
    cut = {columns: numbers_on(drawn(progress, columns)) - whole for columns in (*WIDTHS, 23, 24, 59, 60, 119, 120)}
    assert {columns: numbers for columns, numbers in cut.items() if numbers} == {}


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_what_matters_most_is_on_every_bar(columns: int) -> None:
    shown = drawn(Progress(counts(500, 40, 3), 500, 12.0, (120.0, 300.0)), columns)
    assert "40/500" in shown
    assert "3 failed" in shown
    assert ("2.0-5.0 min" in shown) == (columns >= 40)


@pytest.mark.parametrize("columns", [80, 200])
def test_how_long_it_takes_yet_is_on_the_bar_of_a_large_study(columns: int) -> None:
    assert "30-67 min" in drawn(STUDIES["large"], columns)


def test_a_wide_bar_says_everything() -> None:
    shown = drawn(STUDIES["large"], 200)
    for words in ("123456/1234567", "30-67 min", "ends ", "128 running", "4321 failed", "765 skipped"):
        assert words in shown
    assert "128/256 cores" in shown
    assert "77/88 GPUs" in shown


def test_a_slow_study_has_a_readable_rate() -> None:
    shown = drawn(Progress(counts(100, 4), 100, 40.0), 200)
    assert "s/ run" not in shown


@pytest.mark.parametrize("study", STUDIES)
async def test_a_bar_takes_one_line_of_a_terminal(study: str, open_terminal: Callable[[int], Terminal]) -> None:
    progress = STUDIES[study]
    for terminal in map(open_terminal, WIDTHS):
        display = StatusDisplay(
            lambda: progress.stats, progress.total, terminal.stream, use=lambda: USE, shows_clock=progress.shows_clock
        )
        for _ in range(3):
            await display.redraw()
            (line,) = terminal.lines()
            assert str(progress.stats.ended_count) in line
        display.close()
        (line,) = terminal.lines()
        assert str(progress.stats.ended_count) in line


async def test_what_is_said_stands_above_the_bar(terminal: Terminal) -> None:
    display = StatusDisplay(lambda: counts(100, 40), 100, terminal.stream)
    await display.redraw()
    display.say("one agent died")
    display.say("漢字" * 45)
    display.fail(7, "exit code 3", "no such table", "/data/out/7/stderr")
    await display.redraw()
    lines = terminal.lines()
    display.close()
    assert lines[0] == "one agent died"
    assert "".join(lines[1:4]).count("漢字") == 45
    assert lines[4] == "run 7 failed: exit code 3 — no such table — see /data/out/7/stderr"
    assert "40/100" in lines[5]
    assert len(lines) == 6


@pytest.mark.parametrize("text", ["\x1b[2Jgone", "\x9b2J", "\r\x08\x07", "\u202eabc", "\x1b]0;title\x07"])
async def test_a_terminal_is_told_nothing_that_it_would_obey(terminal: Terminal, text: str) -> None:
    display = StatusDisplay(lambda: counts(100, 40), 100, terminal.stream)
    await display.redraw()
    terminal.lines()
    display.say(f"the agent said {text}")
    display.fail(7, f"cannot start {text}", text, f"/data/{text}/7")
    display.close()
    terminal.lines()
    shown = terminal.raw.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert [line for line in shown if not line.isprintable()] == []


async def test_the_bar_follows_the_size_of_the_terminal(terminal: Terminal) -> None:
    display = StatusDisplay(lambda: counts(100, 40), 100, terminal.stream)
    await display.redraw()
    widths = [len(terminal.lines()[-1])]
    for columns in (120, 40):
        terminal.resize(columns)
        await display.redraw()
        terminal.lines()
        widths.append(len(terminal.raw.decode().rpartition("\r")[2].rstrip()))
    display.close()
    assert widths == [80, 120, 40]


async def test_a_terminal_that_does_not_know_its_width_has_80_columns(terminal: Terminal) -> None:
    terminal.resize(0, 0)
    display = StatusDisplay(lambda: counts(100, 40), 100, terminal.stream)
    await display.redraw()
    display.close()
    os.write(terminal.stream.fileno(), MARK)
    terminal.resize(80)
    assert len(terminal.lines()[-1]) == 80


async def test_a_bar_grows_with_the_study(terminal: Terminal) -> None:
    stats = RunStatistics()
    display = StatusDisplay(lambda: stats, None, terminal.stream)
    await display.redraw()
    assert terminal.lines() == []
    for _ in range(3):
        stats.move(None, "pending")
    await display.redraw()
    assert terminal.lines()[0].startswith("0 runs ")
    display.set_total(3)
    for _ in range(3):
        stats.move("pending", "running")
        stats.move("running", "success")
        await display.redraw()
    assert terminal.lines()[0].startswith("100%")
    display.close()
    assert terminal.lines()[0].startswith("100%")


async def test_the_remaining_time_is_forecast_from_the_runs_that_ended(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "FORECAST_S", 0.0)
    display = StatusDisplay(lambda: counts(100, 40), 100, terminal.stream)
    await display.redraw()
    before = terminal.lines()[-1]
    for run in range(42):
        display.start(run)
    for run in range(40):
        display.end(run)
    await display.redraw()
    after = terminal.lines()[-1]
    display.close()
    assert "<" not in before
    assert re.search(r"\[00:0\d<1 s,", after)
    assert "<" not in terminal.lines()[-1]


async def test_attempts_that_tell_nothing_are_not_forecast_from(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "FORECAST_S", 0.0)
    display = StatusDisplay(lambda: counts(100, 40), 100, terminal.stream)
    display.start(1)
    display.end(1, is_telling=False)
    display.end(2)
    await display.redraw()
    (bar,) = terminal.lines()
    display.close()
    assert "<" not in bar


def test_a_terminal_that_goes_away_takes_nothing_with_it(terminal: Terminal) -> None:
    display = StatusDisplay(lambda: counts(100, 40), 100, terminal.stream)
    asyncio.run(display.redraw())
    terminal.hang_up()
    for _ in range(2):
        display.say("nobody reads this")
        asyncio.run(display.redraw())
    display.close()
    with pytest.raises(OSError, match="Input/output error"):
        os.write(terminal.stream.fileno(), MARK)


def test_a_user_who_has_turned_tqdm_off_has_a_study_too(terminal: Terminal) -> None:
    code = (
        "import asyncio; from runsemble.display.status import StatusDisplay as D\n"
        "from runsemble.model.stats import RunStatistics as S\n"
        "async def main():\n"
        "    display = D(lambda: S(success_count=1, complete_count=1, total_count=2), 2)\n"
        "    await display.redraw(); display.say('a word'); await display.redraw(); display.close()\n"
        "asyncio.run(main())\n"
    )
    environment = os.environ | {"TQDM_DISABLE": "1"}
    ended = subprocess.run([sys.executable, "-c", code], stderr=terminal.stream, env=environment, check=False)
    assert "a word" in terminal.lines()
    assert ended.returncode == 0


async def test_without_a_terminal_there_are_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "LINE_S", 0.0)
    stream = io.StringIO()
    display = StatusDisplay(lambda: counts(100, 40, 1), 100, stream, use=lambda: PoolUsage(2, 2, 0, 0, 2))
    display.fail(3, "exit code 1", None, "/data/3")
    await display.redraw()
    display.close()
    first, second, last = stream.getvalue().splitlines()
    assert first == "run 3 failed: exit code 1 — see /data/3"
    assert re.fullmatch(r"40/100 runs done, 2 running, 1 failed, 2/2 cores, \S+ runs/s", second)
    assert re.fullmatch(r"40/100 runs in \d+ ms: 39 succeeded, 1 failed, 0 skipped", last)


async def test_without_a_terminal_there_is_not_a_line_for_every_redraw() -> None:
    stream = io.StringIO()
    display = StatusDisplay(lambda: counts(100, 40), 100, stream, says_end=False)
    for _ in range(100):
        await display.redraw()
    display.close()
    assert stream.getvalue() == ""


async def test_a_display_without_runs_says_nothing(terminal: Terminal) -> None:
    stream = io.StringIO()
    for where in (stream, terminal.stream):
        display = StatusDisplay(RunStatistics, 0, where)
        await display.redraw()
        display.close()
    assert stream.getvalue() == ""
    assert terminal.lines() == []


def test_after_the_first_failures_only_their_number_is_told() -> None:
    stream = io.StringIO()
    display = StatusDisplay(lambda: counts(100, 40, 30), 100, stream, says_end=False)
    for run in range(30):
        display.fail(run, "exit code 1", None, "/data/3")
    display.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == MAX_FAILURE_LINES + 1
    assert lines[-1] == "further failures are counted, not listed; the result has them all"


@pytest.mark.parametrize("stream", ["closed", "full"])
def test_a_stream_that_takes_nothing_is_no_trouble(stream: str) -> None:
    with open("/dev/full" if stream == "full" else os.devnull, "w", encoding="utf-8") as file:
        display = StatusDisplay(lambda: counts(100, 40), 100, file)
        display.say("nobody reads this")
        if stream == "closed":
            file.close()
        display.close()
        with suppress(OSError):
            file.close()
    assert file.closed


class Runner:
    """Counts runs."""

    def __init__(self) -> None:
        self.stats = RunStatistics()
        self.was_asked = asyncio.Event()

    def compute_statistics(self) -> RunStatistics:
        self.was_asked.set()
        return self.stats


async def test_the_status_of_a_runner_is_displayed_until_its_runs_have_ended(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "REDRAW_S", 0.001)
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    runner = Runner()
    async with anyio.create_task_group() as group:
        group.start_soon(display_status, runner)
        await runner.was_asked.wait()
        runner.stats.move(None, "running")
        (line,) = await terminal.first_lines()
        assert line.startswith("  0%")
        assert "0/1 [" in line
        runner.stats.move("running", "success")
    assert terminal.lines()[0].startswith("100%")


async def test_cancelling_takes_the_bar_down(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "REDRAW_S", 0.001)
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    runner = Runner()
    runner.stats.move(None, "running")
    async with anyio.create_task_group() as group:
        group.start_soon(display_status, runner)
        await terminal.first_lines()
        group.cancel_scope.cancel()
    assert len(terminal.lines()) == 1
    assert terminal.raw.endswith(b"\r\n")


class TalkingRunner(Runner):
    """Tells, as ours do, what is going on."""

    def __init__(self) -> None:
        super().__init__()
        self.bus = self
        self.is_idle = True
        self.is_running = False
        self.listeners: list[Callable[[events.Event], None]] = []

    def listen(self, listener: Callable[[events.Event], None]) -> None:
        self.listeners.append(listener)

    def ignore(self, listener: Callable[[events.Event], None]) -> None:
        self.listeners.remove(listener)

    async def tell(self, event: events.Event) -> None:
        """Say something, when somebody listens."""
        await self.was_asked.wait()
        for listener in self.listeners:
            listener(event)


@pytest.mark.parametrize("event", [events.FeedEnded(0), events.AgentStarted("here", 1)])
async def test_the_status_of_a_runner_that_gets_no_runs_ends_with_its_first_study(
    event: events.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "REDRAW_S", 0.001)
    runner = TalkingRunner()
    async with anyio.create_task_group() as group:
        group.start_soon(display_status, runner)
        await runner.tell(event)
    assert runner.listeners == []


async def test_the_status_is_displayed_as_long_as_there_may_be_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "REDRAW_S", 0.001)
    runner = TalkingRunner()
    runner.stats.move(None, "success")
    runner.is_idle = False
    bar = asyncio.create_task(display_status(runner))
    await runner.was_asked.wait()
    for _ in range(3):
        runner.was_asked.clear()
        await runner.was_asked.wait()
    assert not bar.done()
    runner.is_idle = True
    await bar


async def test_a_status_that_is_displayed_late_says_nothing_of_time(capsys: pytest.CaptureFixture[str]) -> None:
    runner = Runner()
    runner.stats = counts(8, 8, running=0)
    await display_status(runner)
    assert capsys.readouterr().err == "8/8 runs: 8 succeeded, 0 failed, 0 skipped\n"


async def test_runs_that_ended_before_say_nothing_of_how_fast_it_goes(terminal: Terminal) -> None:
    terminal.resize(200)
    display = StatusDisplay(lambda: counts(100, 40), 100, terminal.stream, done_before=40)
    await display.redraw()
    (bar,) = terminal.lines()
    display.close()
    assert "runs/s" not in bar
    assert ", ," not in bar


async def test_runs_that_are_known_to_come_count_in_the_total(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    stats = counts(10, 5)
    bar = asyncio.create_task(show_until(lambda: stats, lambda stats: False, lambda: 90))
    (line,) = await terminal.first_lines()
    bar.cancel()
    await asyncio.wait([bar])
    assert line.startswith("  5%")
    assert "5/100" in line


async def test_of_two_displays_of_the_same_one_is_out_of_sight(terminal: Terminal) -> None:
    is_elsewhere = False
    token = IS_SHOWN_ELSEWHERE.set(lambda: is_elsewhere)
    display = StatusDisplay(lambda: counts(100, 40), 100, terminal.stream)
    IS_SHOWN_ELSEWHERE.reset(token)
    other = StatusDisplay(lambda: counts(200, 50), 200, terminal.stream)
    await display.redraw()
    assert "40/100" in terminal.lines()[0]
    is_elsewhere = True
    await display.redraw()
    assert terminal.lines() == []
    await other.redraw()
    display.fail(7, "exit code 3", None, "/data/7")
    await display.redraw()
    shown = terminal.lines()
    display.close()
    other.close()
    assert shown[0] == "run 7 failed: exit code 3 — see /data/7"
    assert "50/200" in shown[1]
    assert len(shown) == len(terminal.lines()) == 2


async def test_without_a_terminal_a_display_out_of_sight_says_only_what_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(status, "LINE_S", 0.0)
    stream = io.StringIO()
    token = IS_SHOWN_ELSEWHERE.set(lambda: True)
    display = StatusDisplay(lambda: counts(100, 40), 100, stream)
    IS_SHOWN_ELSEWHERE.reset(token)
    display.fail(7, "exit code 3", None, "/data/7")
    await display.redraw()
    display.close()
    assert stream.getvalue() == "run 7 failed: exit code 3 — see /data/7\n"
