import math
import re
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm

from runsemble.display.hints import find_clusters
from runsemble.display.summary import summary_lines
from runsemble.display.table import Column, clip, columns_of, printable, text_table
from runsemble.display.tally import ShownRun
from runsemble.display.words import Progress, bar_format, range_words
from runsemble.model.result import Usage
from runsemble.model.stats import RunStatistics
from runsemble.model.status import STATUSES, RunStatus
from runsemble.sched.forecast import Forecast
from runsemble.sched.pool import PoolUsage

seconds = st.floats(0, 1e7) | st.sampled_from([0.0, 1e-9, 59.9, 100.0, 6000.0, 259200.0])


@given(st.text(), st.integers(1, 30))
def test_what_is_clipped_fits_and_begins_as_it_did(text: str, width: int) -> None:
    clipped = clip(text, width)
    assert columns_of(clipped) <= width
    assert clipped == text or (clipped[-1] == "…" and text.startswith(clipped[:-1]))


@given(st.text(alphabet=st.characters()))
def test_what_is_printable_is_one_line_that_can_be_shown(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text)) == len(text)
    printable(text).encode()


names = st.text(max_size=12).map(printable)


@st.composite
def tables(draw: st.DrawFn) -> list[Column]:
    """Make a number of at most six columns and a text, both needed, and others between them."""
    rows = draw(st.integers(0, 4))

    def column(name: str, cells: st.SearchStrategy[str], **marks: bool) -> Column:
        return Column(name, draw(st.lists(cells, min_size=rows, max_size=rows)), **marks)

    number, text = st.integers(0, 999_999).map(str), st.text(max_size=30).map(printable)
    others = [
        column(name, number if is_number else text, is_number=is_number)
        for name, is_number in draw(st.lists(st.tuples(names, st.booleans()), max_size=6))
    ]
    first = column("run", number, is_number=True, is_needed=True)
    return [first, *others, column("status", text, is_needed=True)]


@given(tables(), st.integers(14, 120))
def test_a_table_fits_and_leaves_out_only_what_it_says(columns: list[Column], width: int) -> None:
    lines, left_out = text_table(columns, width)
    assert len(lines) == 1 + len(columns[0].cells)
    assert all(columns_of(line) <= width for line in lines)
    assert all(any(column is one for one in columns[1:-1]) for column in left_out)
    assert lines[0].split()[0] == "run"


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.binary(max_size=5)
values = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
words = st.text(st.characters(), max_size=15)


class Seen:
    """A run as it is shown."""

    trail = "/r"
    stderr = None
    attempts = 2

    def __init__(self, run: int, params: Mapping[str, Any], status: RunStatus, words: str, usage: Usage | None) -> None:
        self.id, self.params, self.status, self.usage = run, params, status, usage
        self.message = self.last_words = words


usages = st.none() | st.builds(Usage, seconds, seconds, seconds, st.integers(0, 2**50), st.integers(0, 2**50))
shown = st.builds(
    lambda params, status, words, usage, result: ShownRun(Seen(0, params, status, words, usage), result),
    st.dictionaries(words, values, max_size=3),
    st.sampled_from(STATUSES),
    words,
    usages,
    st.dictionaries(words, values, max_size=3) | values,
)


@given(st.lists(shown, max_size=4), st.sampled_from([1, 7]), st.sampled_from([60, 80, 200]))
def test_a_summary_of_anything_fits_the_screen(runs: list[ShownRun], times: int, width: int) -> None:
    lines = summary_lines(runs * times, "/out", 1.5, width)
    assert all(line.isprintable() for line in lines)
    assert all(columns_of(line) <= width for line in lines if "see /" not in line)
    assert any(f" of {len(runs) * times} run" in line for line in lines)


counts = st.integers(0, 10**7)


@given(
    st.builds(RunStatistics, counts, counts, counts, counts, counts, counts, counts),
    st.none() | counts,
    st.none() | st.tuples(seconds, seconds).map(lambda pair: (min(pair), max(pair))),
    st.none() | st.builds(PoolUsage, counts, counts, counts, counts, counts, st.booleans()),
    st.booleans(),
    st.integers(10, 250),
)
def test_no_bar_is_wider_than_its_terminal(
    stats: RunStatistics,
    total: int | None,
    left_s: tuple[float, float] | None,
    use: PoolUsage | None,
    shows_clock: bool,
    columns: int,
) -> None:
    layout = bar_format(Progress(stats, total, 10.0, left_s, use, shows_clock), columns)
    bar = tqdm.format_meter(stats.ended_count, total, 10.0, ncols=columns, bar_format=layout)  # type: ignore[arg-type]
    assert bar.isprintable()
    assert columns_of(bar) <= columns


UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


@given(seconds, seconds)
def test_a_worded_range_holds_the_range(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    found = re.fullmatch(r"(?:([\d.]+)-)?([\d.]+) (s|min|h|d)", range_words(low, high))
    assert found is not None
    unit = UNITS[found[3]]
    assert float(found[2]) * unit >= high - 1e-6 * unit
    if found[1] is not None:
        assert float(found[1]) * unit <= low + 1e-6 * unit
        assert float(found[1]) < float(found[2])


@given(
    st.lists(st.floats(0, 1e6), max_size=40),
    st.integers(0, 1000),
    st.lists(st.floats(0, 1e6), max_size=20),
    st.integers(0, 20),
    st.floats(0, 1e9),
)
def test_whatever_was_learned_the_forecast_is_a_range(
    learned: list[float], waiting: int, ages_s: list[float], slots: int, elapsed_s: float
) -> None:
    forecast = Forecast()
    for duration_s in learned:
        forecast.learn(duration_s)
    left = forecast.remaining(waiting, ages_s, slots, elapsed_s)
    assert (left is None) == (not learned)
    if left is not None:
        assert 0 <= left[0] <= left[1]
        assert math.isfinite(left[1])


parameters = st.dictionaries(
    st.sampled_from("xyz"), st.integers(0, 5) | st.booleans() | st.floats() | st.sampled_from(["a", "b"]), max_size=3
)


def is_in(value: Any, relation: str, bound: Any) -> bool:
    if relation == "=":
        return type(value) is type(bound) and repr(value) == repr(bound)
    return bool(value >= bound) if relation == "≥" else bool(value <= bound)


@given(st.lists(st.tuples(parameters, st.booleans()), max_size=20), st.integers(1, 10))
def test_a_cluster_counts_what_is_there(runs: list[tuple[dict[str, Any], bool]], times: int) -> None:
    runs = runs * times
    for found in find_clusters(runs):
        having = [(params[found.parameter], failed) for params, failed in runs if found.parameter in params]
        inside = [failed for value, failed in having if is_in(value, found.relation, found.value)]
        failed = sum(failed for _, failed in having)
        assert (found.failed, found.runs) == (sum(inside), len(inside))
        assert (found.failed_elsewhere, found.runs_elsewhere) == (failed - sum(inside), len(having) - len(inside))
        assert found.failed * found.runs_elsewhere > found.failed_elsewhere * found.runs
