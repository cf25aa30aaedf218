"""What a program calls while it runs: parameters in, results and figures out."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

import runsemble
from runsemble import ParallelLocalRunner, ResultError, RunsembleError, multirun
from runsemble.model import events

from .conftest import RunStudy
from .support import PYTHON, Gate, names_in


def python(*lines: str) -> tuple[str, str, str]:
    """Return the command that runs some lines of Python with all helpers at hand."""
    return PYTHON, "-c", "\n".join(["from runsemble import *", *lines])


def test_parameters_arrive_with_their_types(study: RunStudy) -> None:
    params = {"pair": (1, 2.5), "nan": math.nan, "raw": b"\x00", "keys": {1: "one"}, "text": "é\n"}
    script = python(
        "p = getRunParams()",
        "assert p['pair'] == (1, 2.5) and type(p['pair']) is tuple",
        "assert p['nan'] != p['nan'] and p['raw'] == bytes(1)",
        "assert p['keys'] == dict([(1, 'one')]) and p['text'] == 'é' + chr(10)",
    )
    run = study(*script, runs=[params])[0]
    assert run.status == "success", run.read_stderr().decode()


@pytest.mark.parametrize(("get", "post"), [("getRunParams", "postRunResults"), ("get_run_params", "post_run_results")])
def test_the_helpers_go_by_both_spellings(study: RunStudy, get: str, post: str) -> None:
    run = study(*python(f"{post}({get}()['x'] * 2)"), runs=[{"x": 21}])[0]
    assert run.result == 42
    assert getattr(runsemble, get) is runsemble.get_run_params
    assert getattr(runsemble, post) is runsemble.post_run_results


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("None", None),
        ("(1, [2, (3,)])", (1, [2, (3,)])),
        ("dict([(1, 'a'), ('b', None)])", {1: "a", "b": None}),
        ("float('inf')", math.inf),
        ("{1, 2}", {1, 2}),
        ("'é' * 3", "ééé"),
        ("[]", []),
        ("0.1 + 0.2", 0.1 + 0.2),
    ],
)
def test_a_result_arrives_with_its_types(study: RunStudy, expression: str, value: object) -> None:
    result = study(*python(f"postRunResults({expression})"))[0].result
    assert result == value
    assert type(result) is type(value)


def test_the_last_post_counts(study: RunStudy) -> None:
    run = study(*python("postRunResults(1)", "postRunResults(2)"))[0]
    assert run.result == 2
    assert names_in(run.run_dir) == ["params.json", "results.json", "stderr", "stdout"]


def test_a_result_posted_before_a_failure_is_kept(study: RunStudy) -> None:
    run = study(*python("postRunResults(dict(loss=1.5))", "raise SystemExit(3)"))[0]
    assert (run.status, run.result) == ("failure", {"loss": 1.5})


def test_an_object_of_another_type_travels_as_a_pickle(study: RunStudy) -> None:
    run = study(*python("import fractions", "postRunResults([fractions.Fraction(1, 3)])"))[0]
    assert repr(run.result) == "[Fraction(1, 3)]"
    with pytest.raises(ResultError, match=r"results\.json: .*pickle.*not allowed") as caught:
        run.read_result(allow_pickle=False)
    assert caught.value.path == f"{run.run_dir}/results.json"
    assert run.status == "success"


def test_plain_data_needs_no_pickle(study: RunStudy) -> None:
    assert study(*python("postRunResults((1, 2))"))[0].read_result(allow_pickle=False) == (1, 2)


def test_a_pickle_of_a_class_that_the_driver_lacks_is_told_when_it_is_asked_for(study: RunStudy, here: Path) -> None:
    (here / "model.py").write_text("from runsemble import postRunResults\nimport mine\npostRunResults(mine.Thing())\n")
    (here / "mine.py").write_text("class Thing: pass\n")
    run = study("python", "model.py", input_files=["model.py", "mine.py"])[0]
    assert run.status == "success"
    with pytest.raises(ResultError, match=r"results\.json holds a pickle that cannot be loaded here.*mine"):
        _ = run.result


def test_an_object_of_ones_own_arrives_where_its_class_is_known(
    study: RunStudy, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "own_things.py").write_text("class Thing:\n    def __init__(self, n): self.n = n\n")
    monkeypatch.syspath_prepend(here)
    env = {"PYTHONPATH": str(here)}
    run = study(*python("import own_things", "postRunResults(own_things.Thing(7))"), env=env)[0]
    assert (type(run.result).__name__, run.result.n) == ("Thing", 7)
    sys.modules.pop("own_things", None)


def test_a_result_of_five_megabytes_is_no_trouble(study: RunStudy) -> None:
    run = study(*python("postRunResults(dict(text='x' * 5_000_000, n=1))"))[0]
    assert run.result == {"text": "x" * 5_000_000, "n": 1}


def test_any_program_posts_by_dropping_a_file(study: RunStudy) -> None:
    script = 'echo \'{"loss": 0.25, "ok": true, "tags": ["a", null]}\' > results.json'
    assert study("sh", "-c", script)[0].result == {"loss": 0.25, "ok": True, "tags": ["a", None]}


def test_a_run_reads_its_parameters_from_a_file_if_it_likes(study: RunStudy) -> None:
    assert study("cat", "params.json", runs=[{"x": 1, "y": "é"}])[0].read_stdout() == b'{"x":1,"y":"\\u00e9"}'


def test_the_time_left_is_told(study: RunStudy) -> None:
    script = python("postRunResults(time_left_s())")
    left = study(*script, timeout_s=50)[0].result
    assert 40 < left <= 50
    assert study(*script)[0].result is None


async def test_figures_reach_the_driver_while_the_run_is_still_running(here: Path) -> None:
    gate = Gate(here / "gate")
    script = [
        "import os, time",
        "for step in range(3): report(step=step, loss=1 / (step + 1), acc=0.5)",
        "report(note=1)",
        f"while not os.path.exists({str(gate.path)!r}): time.sleep(0.01)",
        "report(step=99, loss=0.0)",
    ]
    reports: list[events.MetricReported] = []
    status_then: list[str] = []
    enough = asyncio.Event()
    runner = ParallelLocalRunner()

    def listen(event: events.Event) -> None:
        if isinstance(event, events.MetricReported):
            reports.append(event)
            if len(reports) == 4:
                enough.set()

    runner.listen(listen)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        study = group.create_task(
            multirun(runs=[{}], cmd=python(*script), output_path="out", runner=runner, progress=False)
        )
        await enough.wait()
        status_then.append("running" if runner.compute_statistics().running_count else "over")
        await asyncio.to_thread(gate.open)
    assert status_then == ["running"]
    assert study.result()[0].status == "success"
    assert [(r.run, r.attempt, r.step) for r in reports] == [(0, 1, s) for s in (0, 1, 2, None, 99)]
    assert reports[1].metrics == {"loss": 0.5, "acc": 0.5}
    assert [r.time for r in reports] == sorted(r.time for r in reports)
    assert len((await asyncio.to_thread((here / "out/0/metrics.jsonl").read_text)).splitlines()) == 5


def test_a_figure_of_nan_reaches_the_driver(study: RunStudy) -> None:
    runner = ParallelLocalRunner()
    reports: list[events.MetricReported] = []
    runner.listen(lambda event: reports.append(event) if isinstance(event, events.MetricReported) else None)
    study(*python("report(step=1, loss=float('nan'), best=float('-inf'))"), runner=runner)
    assert len(reports) == 1
    assert math.isnan(reports[0].metrics["loss"])
    assert reports[0].metrics["best"] == -math.inf


def test_a_thousand_figures_all_arrive_in_order(study: RunStudy) -> None:
    runner = ParallelLocalRunner()
    steps: list[float | None] = []
    runner.listen(lambda event: steps.append(event.step) if isinstance(event, events.MetricReported) else None)
    long = "x" * 200
    study(*python(f"for step in range(1000): report(step=step, {long}=0.5)"), runner=runner)
    assert steps == list(range(1000))


def test_figures_arrive_though_the_bell_was_not_heard(study: RunStudy) -> None:
    runner = ParallelLocalRunner()
    steps: list[float | None] = []
    runner.listen(lambda event: steps.append(event.step) if isinstance(event, events.MetricReported) else None)
    deaf = ["import os", "del os.environ['RUNSEMBLE_BELL']", "for step in range(3000): report(step=step, loss=0.5)"]
    study(*python(*deaf), runner=runner)
    assert steps == list(range(3000))


@pytest.mark.parametrize("call", ["getRunParams()", "postRunResults(1)", "report(loss=1)"])
def test_a_helper_outside_a_run_says_what_to_set(here: Path, call: str) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("RUNSEMBLE_")}
    code = f"from runsemble import *\ntry: {call}\nexcept NotInRun as error: print(error)"
    said = subprocess.run([PYTHON, "-c", code], env=env, capture_output=True, text=True, check=True, cwd=here).stdout
    assert len(said.splitlines()) == 1
    assert "this program was not started by runsemble" in said
    assert "set RUNSEMBLE_PARAMS=" in said
    assert str(here) in said
    assert names_in(here) == []


def test_a_helper_outside_a_run_raises_an_error_of_ours() -> None:
    assert issubclass(runsemble.NotInRun, RunsembleError)


def test_there_is_no_time_limit_outside_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNSEMBLE_DEADLINE", raising=False)
    assert runsemble.time_left_s() is None


def test_a_program_can_be_tried_by_hand(here: Path) -> None:
    code = "from runsemble import *; print(getRunParams()['x'])"
    env = {**os.environ, "RUNSEMBLE_PARAMS": '{"x": 5}'}
    tried = subprocess.run([PYTHON, "-c", code], env=env, capture_output=True, text=True, check=True, cwd=here)
    assert tried.stdout == "5\n"


def test_a_run_may_end_while_its_grandchild_reports(study: RunStudy) -> None:
    chatter = f"setsid {PYTHON} -c 'from runsemble import report\nwhile True: report(x=1)' &"
    script = chatter + " until [ -s metrics.jsonl ]; do sleep 0.01; done"
    runner = ParallelLocalRunner()
    heard: list[events.Event] = []
    runner.listen(heard.append)
    run = study("sh", "-c", script, runner=runner)[0]
    assert run.status == "success"
    last = max(at for at, event in enumerate(heard) if isinstance(event, events.MetricReported))
    assert last < next(at for at, event in enumerate(heard) if isinstance(event, events.RunEnded))
