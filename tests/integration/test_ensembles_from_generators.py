"""Ensembles made of parameter sets that come one by one, and may end with an error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runsemble.ensemble import creation
from runsemble.ensemble.ensemble import Ensemble
from runsemble.errors import FeedError, ParameterError


async def some(count: int, error: Exception | None = None) -> AsyncIterator[dict[str, int]]:
    for x in range(count):
        yield {"x": x}
    if error is not None:
        raise error


async def test_parameter_sets_of_an_async_generator_are_written_as_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(creation, "BATCH", 7)
    ensemble = await Ensemble.create(tmp_path / "e", runs=some(30), cmd=["echo", "{x}"])
    assert [run.params["x"] async for run in ensemble.runs()] == list(range(30))


@pytest.mark.parametrize(("error", "raised"), [(ValueError("no"), FeedError), (ParameterError("no"), ParameterError)])
async def test_an_error_among_them_says_at_which_one_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[FeedError | ParameterError]
) -> None:
    monkeypatch.setattr(creation, "BATCH", 7)
    with pytest.raises(raised) as caught:
        await Ensemble.create(tmp_path / "e", runs=some(30, error), cmd=["echo", "{x}"])
    assert getattr(caught.value, "index", None) == 30
    assert not (tmp_path / "e").exists()
