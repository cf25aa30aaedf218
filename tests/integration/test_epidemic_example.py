"""The epidemic example, run as its readers run it."""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "epidemic"
HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None
OBSERVED = [3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4]


def run_study(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    argv = [sys.executable, str(EXAMPLE / "study.py"), *map(str, arguments)]
    return subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, encoding="utf-8", timeout=100)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Import the example's modules by name, and forget them afterwards."""
    monkeypatch.syspath_prepend(EXAMPLE)
    yield importlib.import_module
    for path in EXAMPLE.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.fixture
def sweeps(example: Any) -> list[list[Any]]:
    """What a small study finds, computed in this process."""
    fits, model = example("fits"), example("model")

    def sweep(runs: list[dict[str, float]]) -> list[Any]:
        return [fits.Fit(**run, **model.fit(run["beta"], run["gamma"], OBSERVED)) for run in runs]

    coarse = sweep(fits.coarse_grid(8))
    return [coarse, sweep(fits.zoomed_grid(coarse, 3.5, 0.2, 8))]


def test_study_finds_r0_and_leaves_its_outputs(tmp_path: Path) -> None:
    done = run_study("--output", "found", "--coarse", "8", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = re.search(r"R0 +([0-9.]+) +95 % interval ([0-9.]+) to ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout
    r0, low, high = map(float, found.groups())
    assert 3 < r0 < 4.5
    assert low < r0 < high
    output = tmp_path / "found"
    assert (output / "epidemic.png").exists() == HAS_MATPLOTLIB
    for folder, count in {"coarse": 48, "fine": 48, "closest": 108}.items():
        results = [json.loads(path.read_text()) for path in (output / folder).glob("*/results.json")]
        assert len(results) == count
        assert {"log_likelihood", "r0", "peak_day", "peak", "curve"} <= results[0].keys()
    assert "48/48 runs" in done.stderr


def test_existing_output_directory_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    done = run_study("--output", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert re.fullmatch(r"study\.py: output directory .*/mine exists already; .*\n", done.stderr)
    assert list((tmp_path / "mine").iterdir()) == []


def test_findings_without_matplotlib_fit_80_columns(
    example: Any, sweeps: list[list[Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    example("study").show(Path("out"), sweeps, 1.0)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("●") == 2  # in the map and in its key
    assert "pip install 'runsemble[plot]'" in text


def test_model_conserves_the_population(example: Any) -> None:
    for state in example("model").simulate(1.9, 0.48, 1.7, 13):
        assert sum(state) == pytest.approx(763, rel=1e-12)
        assert min(state) >= 0


def test_epidemic_ends_at_the_final_size_of_the_theory(example: Any) -> None:
    susceptible, infectious, _ = example("model").simulate(1.9, 0.5, 1.0, 200)[-1]
    assert infectious < 1e-9
    assert math.log(762 / susceptible) == pytest.approx(1.9 / 0.5 * (763 - susceptible) / 763, rel=1e-4)


def test_likelihood_is_a_distribution_with_the_variance_it_claims(example: Any) -> None:
    model = example("model")
    weights = [math.exp(model.log_likelihood([count], [30.0], 4.0)) for count in range(400)]
    mean = sum(count * weight for count, weight in enumerate(weights))
    assert sum(weights) == pytest.approx(1)
    assert mean == pytest.approx(30)
    assert sum((count - mean) ** 2 * weight for count, weight in enumerate(weights)) == pytest.approx(4 * 30)


def test_counts_scatter_more_than_poisson_counts(example: Any) -> None:
    model = example("model")
    best = model.fit(1.875, 0.484, OBSERVED)
    poisson = model.log_likelihood(OBSERVED, best["curve"][:: model.STEPS_PER_DAY], 1.0001)
    assert best["phi"] > 3
    assert poisson < best["log_likelihood"] - 8


def test_interval_is_where_the_profile_has_dropped_by_1_92(example: Any) -> None:
    fits = example("fits")
    blank: dict[str, Any] = {"first": 1.0, "phi": 4.0, "peak_day": 5.0, "peak": 300.0, "curve": []}

    def fit(r0: float, gamma: float) -> Any:
        height = -((r0 - 4) ** 2) / (2 * 0.3**2) - ((gamma - 0.5 - 0.01 * (r0 - 4)) ** 2) / (2 * 0.03**2)
        return fits.Fit(beta=r0 * gamma, gamma=gamma, r0=r0, log_likelihood=height, **blank)

    grid = [fit(r0, gamma) for gamma in fits.spread(0.4, 0.6, 15) for r0 in fits.spread(3, 5, 41)]
    assert fits.r0_interval(grid) == pytest.approx((4 - 1.96 * 0.3, 4 + 1.96 * 0.3), abs=0.005)
