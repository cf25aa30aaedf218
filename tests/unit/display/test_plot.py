import io
import itertools
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from runsemble.display.plot import FACTS, plot
from runsemble.display.table import columns_of
from runsemble.display.tally import ShownRun
from runsemble.errors import UsageError
from runsemble.model.result import Usage
from runsemble.model.status import RunStatus

PNG = b"\x89PNG\r\n\x1a\n"


class Seen:
    """A run as it is shown."""

    status: RunStatus = "success"
    message = ""
    attempts = 1
    last_words = stderr = None
    trail = "/r/0"

    def __init__(self, run: int, params: dict[str, Any]) -> None:
        self.id = run
        self.params = params
        self.usage: Usage | None = Usage(run + 0.5, 0.25, 0.125, 1000 * run)


def runs_with(*values: Any, name: str = "y") -> list[ShownRun]:
    """Return runs whose parameter x is their number, with these results."""
    return [ShownRun(Seen(at, {"x": at}), {name: value}) for at, value in enumerate(values)]


@pytest.fixture(scope="module", autouse=True)
def open_fonts() -> None:
    """Let matplotlib open its fonts, which it keeps open."""
    matplotlib: Any = pytest.importorskip("matplotlib.figure")
    with warnings.catch_warnings(action="ignore"):
        matplotlib.Figure().text(0, 0, "$x^2$ 漢字").figure.savefig(io.BytesIO())


@pytest.fixture
def no_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make matplotlib look as if it were not installed."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize(("x", "y"), [("x", "y"), ("y", "x"), ("x", "wall_s"), ("max_rss_bytes", "y")])
def test_a_picture_is_drawn(tmp_path: Path, x: str, y: str) -> None:
    path = tmp_path / f"{y}-vs-{x}.png"
    assert plot(runs_with(1, 4.5, 9), x, y, str(tmp_path)) == f"drawn: {path}"
    assert path.read_bytes().startswith(PNG)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of matplotlib's, about signs that are in no font
@pytest.mark.parametrize("name", ["a/b c", "../up", "$x^$", "漢字" * 40, "\x1b[31m", "\ud800", "x" * 1000, "", "."])
def test_any_name_can_be_drawn(tmp_path: Path, name: str) -> None:
    path = plot(runs_with(1, 2, name=name), "x", name, str(tmp_path)).removeprefix("drawn: ")
    assert os.path.dirname(path) == str(tmp_path)
    assert os.listdir(tmp_path) == [os.path.basename(path)]
    assert path.isprintable()


@pytest.mark.usefixtures("no_matplotlib")
def test_without_matplotlib_the_picture_is_text(tmp_path: Path) -> None:
    text = plot(runs_with(1, 4, 9), "x", "y", str(tmp_path))
    assert "(x)" in text
    assert "(y)" in text
    assert len(text.splitlines()) > 10
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_matplotlib")
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_picture_of_text_is_no_wider_than_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = plot(runs_with(1, 4, 9), "x", "y", str(tmp_path))
    assert max(map(len, text.splitlines())) <= columns


@pytest.mark.usefixtures("no_matplotlib")
@pytest.mark.parametrize("name", ["\x1b[31m", "two\nlines", "\u202eabc", "x" * 1000, "\ud800"])
def test_a_picture_of_text_obeys_nobody(tmp_path: Path, name: str) -> None:
    lines = plot(runs_with(1, 4, 9, name=name), "x", name, str(tmp_path)).split("\n")
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) <= 80


def drawn_or_refused(runs: list[ShownRun], directory: Path) -> bool:
    """Tell whether a plot of y against x is drawn, or refused as it should be."""
    try:
        return bool(plot(runs, "x", "y", str(directory)))
    except UsageError as error:
        return "--plot x y" in str(error)


HARD: dict[str, list[Any]] = {
    "one": [1],
    "constant": [2, 2, 2],
    "beyond floats": [10**400, 1, 2],
    "all beyond floats": [10**400],
    "greatest": [-1.7e308, 1.7e308],
    "smallest": [0.0, 5e-324],
    "close": [1.0, 1.0 + 2e-16],
    "gaps": [None, 1, "a", 2, float("nan"), True],
}


@pytest.mark.usefixtures("no_matplotlib")
@pytest.mark.parametrize("what", HARD)
def test_any_numbers_are_drawn_as_text_or_refused(tmp_path: Path, what: str) -> None:
    assert drawn_or_refused(runs_with(*HARD[what]), tmp_path)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of matplotlib's, about ticks beyond the greatest number
@pytest.mark.parametrize("what", HARD)
def test_any_numbers_are_drawn_or_refused(tmp_path: Path, what: str) -> None:
    assert drawn_or_refused(runs_with(*HARD[what]), tmp_path)


def test_a_name_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        plot(runs_with(1, 2), "x", "z", str(tmp_path))
    first, _, names = str(caught.value).partition("; there are ")
    assert first == "--plot x z: there is no parameter or result 'z'"
    assert set(names.split(", ")) == {"x", "y", *FACTS}


@pytest.mark.parametrize("value", ["text", None, True, float("nan"), float("inf"), [1]])
def test_what_is_no_number_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(UsageError, match="--plot x y: no run has both as numbers"):
        plot(runs_with(value), "x", "y", str(tmp_path))


def test_nothing_is_drawn_of_no_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no parameter or result 'x'"):
        plot([], "x", "y", str(tmp_path))


def test_a_result_that_is_one_number_is_called_result(tmp_path: Path) -> None:
    runs = [ShownRun(Seen(at, {"x": at}), at * at) for at in range(3)]
    assert plot(runs, "x", "result", str(tmp_path)).endswith("/result-vs-x.png")


def test_runs_that_are_left_out_are_counted(tmp_path: Path) -> None:
    said = plot(runs_with(1, ".30", None, 4), "x", "y", str(tmp_path))
    assert said == f"drawn: {tmp_path}/y-vs-x.png (2 of 4 runs: the others lack one of the two numbers)"


def test_runs_that_are_left_out_are_counted_below_a_picture_of_text(no_matplotlib: None, tmp_path: Path) -> None:
    said = plot(runs_with(1, 2, None), "x", "y", str(tmp_path))
    assert said.endswith("\n(2 of 3 runs: the others lack one of the two numbers)")


def series_of(axes_params: list[dict[str, Any]]) -> list[ShownRun]:
    """Return runs with these parameters, whose result y is their number."""
    return [ShownRun(Seen(at, params), {"y": at}) for at, params in enumerate(axes_params)]


def grid(**axes: list[Any]) -> list[ShownRun]:
    return series_of([dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())])


def test_each_value_of_the_one_other_parameter_that_varies_has_a_sign(no_matplotlib: None, tmp_path: Path) -> None:
    text = plot(grid(x=[1, 2, 3], k=[10, 2], c=["same"]), "x", "y", str(tmp_path))
    assert text.split("\n")[-1] == "o k=2   x k=10"
    assert {"o", "x"} <= set("".join(text.split("\n")[2:-4]))


@pytest.mark.parametrize(
    "axes",
    [
        {"x": [1, 2, 3]},
        {"x": [1, 2, 3], "k": [1]},
        {"x": [1, 2], "k": [1, 2], "m": ["a", "b"]},
        {"x": [1, 2], "k": list(range(9))},
    ],
    ids=["no other", "one value", "two others", "many values"],
)
def test_where_not_one_other_parameter_has_a_few_values_there_is_one_series(
    no_matplotlib: None, tmp_path: Path, axes: dict[str, list[Any]]
) -> None:
    assert "=" not in plot(grid(**axes), "x", "y", str(tmp_path))


def test_runs_that_lack_the_parameter_are_a_series_of_their_own(no_matplotlib: None, tmp_path: Path) -> None:
    runs = series_of([{"x": 1}, {"x": 2, "k": "a"}, {"x": 3, "k": "b"}, {"x": 4}])
    assert plot(runs, "x", "y", str(tmp_path)).split("\n")[-1] == "o no k   x k=a   + k=b"


def test_values_of_runs_that_are_not_drawn_are_in_no_legend(no_matplotlib: None, tmp_path: Path) -> None:
    runs = grid(x=[1, 2], k=[1, 2, 3])
    for run in runs:
        run.results = {} if run.params["k"] == 3 else run.results
    assert plot(runs, "x", "y", str(tmp_path)).split("\n")[-2] == "o k=1   x k=2"


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("value", ["long " * 50, "漢字" * 50, "\x1b[31m", "two\nlines", "\ud800"])
def test_a_legend_of_text_fits_and_obeys_nobody(
    no_matplotlib: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int, value: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = plot(grid(x=[1, 2], k=[value, *map(str, range(7))]), "x", "y", str(tmp_path)).split("\n")
    assert all(line.isprintable() and columns_of(line) <= columns for line in lines)
    assert "k=6" in "".join(lines[-8:])


@pytest.mark.filterwarnings("ignore::UserWarning")  # of matplotlib's, about signs that are in no font
@pytest.mark.parametrize("value", ["_hidden", "$x^$", "漢字" * 40, "\x1b[31m", "\ud800", "", None, [1], {"a": 1}, 0.1])
def test_a_series_of_any_value_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    legends: list[list[str]] = []
    figure: Any = pytest.importorskip("matplotlib.figure").Figure
    save = figure.savefig

    def savefig(self: Any, *args: Any, **options: Any) -> None:
        legends.extend([text.get_text() for text in axes.get_legend().get_texts()] for axes in self.axes)
        save(self, *args, **options)

    monkeypatch.setattr(figure, "savefig", savefig)
    path = plot(grid(x=[1, 2], k=[value, "b"]), "x", "y", str(tmp_path)).removeprefix("drawn: ")
    assert Path(path).read_bytes().startswith(PNG)
    assert len(legends[0]) == 2
    assert "k=b" in legends[0]
