"""What makes a run the same run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runsemble.ensemble.creation import RunSpec, _texts
from runsemble.ensemble.identity import SIZE, input_digest, run_identity
from runsemble.ensemble.options import ensemble_options
from runsemble.ensemble.recipe import full_recipe
from runsemble.model.step import Step
from runsemble.runners.study import Study

PARAMS = {"a": 1, "b": 2.5}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "input").write_text("input")
    (tmp_path / "deck").write_text("x = %%a%%")
    (tmp_path / "run.sh").write_text("#!/bin/sh\necho %%a%%\n")
    return tmp_path


Identify = Callable[..., bytes]


@pytest.fixture
def identify(here: Path) -> Identify:
    """Return a function that gives the identity of one run of a study, by default always the same."""

    def identify(run: Any = PARAMS, *, here: Path = here, **options: Any) -> bytes:
        defaults: dict[str, Any] = {"input_files": ["input"], "templates": ["deck"]}
        if "steps" not in options:
            defaults["cmd"] = ["sh", "-c", "echo {a}"]
        options = {**defaults, **options}
        chosen, _ = ensemble_options("out", options.pop("cmd", None), options)
        study = Study(chosen, str(here))
        return run_identity(full_recipe(study)["digest"], *_texts(study, 0, run))

    return identify


def test_an_identity_is_short_and_always_the_same(identify: Identify) -> None:
    assert identify() == identify()
    assert len(identify()) == SIZE


def test_parameters_make_a_difference_with_their_types(identify: Identify) -> None:
    different = [
        PARAMS,
        {**PARAMS, "a": 2},
        {**PARAMS, "a": 1.0},
        {**PARAMS, "a": "1"},
        {**PARAMS, "a": True},
        {"a": 1},
    ]
    assert len({identify(params) for params in different}) == len(different)


def test_the_order_of_parameters_and_of_what_has_none_makes_no_difference() -> None:
    def identity(text: str) -> bytes:
        return run_identity("d", text)

    assert identity('{"a":1,"b":{"c":2,"d":3}}') == identity('{"b":{"d":3,"c":2},"a":1}')
    assert identity('{"a":[1,2]}') != identity('{"a":[2,1]}')
    for tag in ("set", "frozenset", "dict"):
        one, other = (f'{{"a":{{"__type__":"{tag}","value":{value}}}}}' for value in ("[[1,2],[3,4]]", "[[3,4],[1,2]]"))
        assert identity(one) == identity(other)


def test_a_program_is_what_the_user_wrote_wherever_it_lies(
    here: Path, identify: Identify, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = identify(cmd=["./run.sh", "{a}"])
    assert identify(cmd=["run.sh", "{a}"]) != before
    (here / "moved").mkdir()
    for name in ("input", "deck", "run.sh"):
        os.rename(here / name, here / "moved" / name)
    monkeypatch.chdir(here / "moved")
    assert identify(cmd=["./run.sh", "{a}"], here=here / "moved") == before


def test_the_command_its_environment_and_its_place_make_a_difference(identify: Identify) -> None:
    options: dict[str, dict[str, Any]] = {"": {}, "env": {"env": {"A": "1"}}, "cwd": {"cwd": "there"}}
    steps = {name: [Step(["sh", "-c", "echo {a}"], **more)] for name, more in options.items()}
    found = [identify(cmd=["sh", "-c", "echo {b}"]), identify(cmd=["sh", "-c", "echo {a}"], env={"A": "2"})]
    found += [identify(steps=step) for step in steps.values()]
    assert len(set(found)) == len(found)
    assert identify(steps=steps[""]) == identify()
    assert identify(steps=steps[""] * 2) != identify()


def test_templates_and_inputs_make_a_difference_by_their_content(here: Path, identify: Identify) -> None:
    before = identify()
    (here / "deck").write_text("y = %%a%%")
    (here / "input").touch()
    deck_changed = identify()
    (here / "input").write_text("other")
    both_changed = identify()
    assert len({before, deck_changed, both_changed}) == 3
    (here / "deck").write_text("x = %%a%%")
    (here / "input").write_text("input")
    assert identify() == before


def test_where_templates_and_inputs_were_found_makes_none(here: Path, identify: Identify) -> None:
    before = identify()
    (here / "elsewhere").mkdir()
    for name in ("input", "deck"):
        os.rename(here / name, here / "elsewhere" / name)
    assert identify(input_files=["elsewhere/input"], templates=["elsewhere/deck"]) == before


@pytest.mark.parametrize(
    "circumstances",
    [
        {"cores": 2},
        {"timeout_s": 9.0},
        {"mem_mib": 100},
        {"gpus": 1},
        {"named": {"licence": 1}},
        {"retries": 3},
        {"max_failures": 1},
        {"run_dir": "{a}"},
        {"output": "tail"},
    ],
)
def test_circumstances_make_no_difference(identify: Identify, circumstances: dict[str, Any]) -> None:
    assert identify(**circumstances) == identify()


def test_circumstances_of_a_runs_own_steps_make_no_difference_either(here: Path, identify: Identify) -> None:
    def own(**more: Any) -> bytes:
        return identify(RunSpec(PARAMS, [Step(["./run.sh"], batch_script=True, **more)]))

    before = own()
    assert before != identify()
    assert own(cores=2, timeout_s=3.0, mem_mib=5) == before
    assert own(env={"A": "1"}) != before
    (here / "run.sh").write_text("#!/bin/sh\necho other\n")
    assert own() != before


def test_how_a_value_was_written_makes_a_difference() -> None:
    assert run_identity("d", '{"x":0.1}', json.dumps({"texts": {"x": "0.10"}})) != run_identity("d", '{"x":0.1}')


def test_a_directory_is_known_by_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "d" / "sub").mkdir(parents=True)
    (tmp_path / "d" / "sub" / "file").write_text("1")
    (tmp_path / "d" / "link").symlink_to("sub/file")
    seen = [input_digest(str(tmp_path / "d"))]
    (tmp_path / "d" / "sub" / "file").write_text("2")
    seen.append(input_digest(str(tmp_path / "d")))
    os.rename(tmp_path / "d" / "sub" / "file", tmp_path / "d" / "sub" / "other")
    seen.append(input_digest(str(tmp_path / "d")))
    assert len(set(seen)) == 3
    with pytest.raises(OSError, match="nothing"):
        input_digest(str(tmp_path / "nothing"))
