from __future__ import annotations

from pathlib import Path

import pytest

from runsemble.ensemble.remains import Remains, find_remains, id_pattern


@pytest.mark.parametrize(
    ("template", "name", "id_"),
    [
        ("{run_id}", "17", "17"),
        ("{run_id:05d}", "00017", "00017"),
        ("run.{run_id}-x={x}", "run.3-x=0.5", "3"),
        ("a={a}/b={b:.2f}/{run_id}", "a=1/b=2.00/9", "9"),
        ("{run_id}", "x17", None),
        ("run.{run_id}", "runx3", None),
    ],
)
def test_the_name_of_a_directory_tells_the_id_that_is_in_it(template: str, name: str, id_: str | None) -> None:
    pattern = id_pattern(template)
    assert pattern is not None
    match = pattern.fullmatch(name)
    assert (match[1] if match else None) == id_


def test_a_name_without_the_id_tells_none() -> None:
    assert id_pattern("x={x}") is None


def test_numbered_directories_are_found_flat_and_in_those_of_a_thousand(tmp_path: Path) -> None:
    for name in ("9999", "10000/10000", "10000/10001", "12000"):
        (tmp_path / name).mkdir(parents=True)
    found = find_remains(str(tmp_path), None, lambda name: name == "10000/10000")
    assert {one.directory: one.id for one in found} == {"9999": 9999, "10000/10001": 10001}


def test_directories_of_runs_are_found_at_any_depth_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a=1/b=2", "a=1/b=3", "a=2", ".shared/x", "notes"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("a=1/b=2", "a=1/b=3", "a=2", ".shared/x"):
        (tmp_path / name / "params.json").write_text('{"a": 1}')
    (tmp_path / "a=2" / ".attempts").mkdir()
    (tmp_path / "a=2" / ".attempts" / "current").write_text("4")
    (tmp_path / "a=2" / "results.json").write_text("5")
    (tmp_path / "a=1/b=3" / "params.json").write_text("{broken")
    found = sorted(find_remains(str(tmp_path), "a={a}", lambda name: name == "a=1/b=2"))
    assert found == [
        Remains("a=1/b=3", None, "", 1, None),
        Remains("a=2", None, '{"a": 1}', 4, ("text", "5")),
    ]
