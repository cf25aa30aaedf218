"""Why a run stands where it does: for every status, from what really happened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runsemble.ensemble.creation import RunSpec
from runsemble.ensemble.ensemble import Ensemble
from runsemble.errors import StoreError, UsageError
from runsemble.model.step import Step

from .ensembles import driven, made, shell, until
from .support import Gate


async def test_a_run_that_has_not_started_waits_for_somebody_to_drive_the_study(here: Path) -> None:
    why = await (await made("true")).why(1)
    assert str(why) == "run 1 has not started yet; nobody drives the study"
    assert why.advice == ("go on with the study: runsemble resume sweep",)
    assert (why.last_lines, why.log, why.attempts) == ((), None, ())


async def test_a_run_behind_others_waits_for_cores_and_a_running_one_says_where_it_runs(gate: Gate) -> None:
    ensemble = await made(*shell(f"echo begun >&2; {gate.words}"), runs=4, timeout_s=1000)

    async def is_begun() -> bool:
        why = await ensemble.why(0)
        return why.run.status == "running" and bool(why.last_lines)

    async with driven(ensemble, max_concurrency=1):
        await until("the first run writes", is_begun)
        running, behind, first = await ensemble.why(0), await ensemble.why(3), await ensemble.why(1)
        pid = running.attempts[0].pid
        assert pid is not None
        os.kill(pid, 0)
        gate.open()
    assert f"as process {pid} on {os.uname().nodename}" in running.sentence
    assert running.sentence.startswith("run 0 has been running for ")
    assert "(attempt 1); its time limit leaves it 16 min" in running.sentence
    assert running.last_lines == ("begun",)
    assert running.advice == ()
    assert behind.sentence == (
        "run 3 has not started yet; it needs 1 core, 2 runs are ahead of it, and 1 run is under way"
    )
    assert first.sentence.endswith("it is next when 1 core can be had, and 1 run is under way")


async def test_a_failed_run_says_how_how_often_and_with_which_words(here: Path) -> None:
    ensemble = await made(*shell("echo out; echo bad {x} >&2; exit 3"), runs=1, retries=2)
    await ensemble.execute()
    why = await ensemble.why(0)
    assert why.sentence == "run 0 failed: exit code 3 (attempt 3); 2 retries were made (retries=2)"
    assert [attempt.message for attempt in why.attempts] == ["exit code 3"] * 3
    assert why.last_lines == ("bad 0",)
    assert why.log == str(here / "sweep" / "0" / "stderr")
    assert [words.partition(": ")[2] for words in why.advice] == [
        "runsemble rerun sweep 0 --here",
        "runsemble requeue sweep 0",
    ]


async def test_without_retries_that_is_said_and_stdout_stands_in_for_an_empty_stderr(here: Path) -> None:
    ensemble = await made(*shell("echo only this; exit 1"), runs=1)
    await ensemble.execute()
    why = await ensemble.why(0)
    assert why.sentence == "run 0 failed: exit code 1; no retries were asked for"
    assert why.last_lines == ("only this",)
    assert why.log == str(here / "sweep" / "0" / "stdout")


async def test_a_run_of_several_steps_says_at_which_it_failed(here: Path) -> None:
    steps = [Step(["true"]), Step(shell("exit 4")), Step(["true"])]
    ensemble = await Ensemble.create("sweep", runs=[RunSpec({"x": 1}, steps)])
    await ensemble.execute()
    assert (await ensemble.why(0)).sentence == (
        "run 0 failed: exit code 4 (attempt 1, step 2 of 3); no retries were asked for"
    )


async def test_a_run_out_of_memory_says_what_it_had_and_how_to_get_more(here: Path) -> None:
    hungry = "b = bytearray(300 << 20); import time; time.sleep(60)"
    ensemble = await made("python", "-c", hungry, runs=1, mem_mib=64)
    await ensemble.execute()
    why = await ensemble.why(0)
    assert why.run.cause == "oom"
    assert why.sentence.startswith("run 0 failed: more memory than 64 MiB, and its largest process had ")
    assert why.advice[0] == "ask for more than 64 MiB, or have it doubled after each such end: --retries oom=2"


async def test_a_run_that_took_too_long_says_so(here: Path) -> None:
    ensemble = await made("sleep", "60", runs=1, timeout_s=0.2)
    await ensemble.execute()
    why = await ensemble.why(0)
    assert why.sentence == "run 0 failed: longer than 0.2 s; no retries were asked for"
    assert why.advice[0].startswith("ask for more than 0.2 s")


async def test_a_success_says_what_went_before(here: Path) -> None:
    ensemble = await made(*shell('[ "$RUNSEMBLE_ATTEMPT" = 2 ] || exit 9'), runs=1, retries=1)
    await ensemble.execute()
    sentence = (await ensemble.why(0)).sentence
    assert sentence.startswith("run 0 succeeded at attempt 2 in ")
    assert sentence.endswith("; attempt 1 had failed (exit code 9); it posted no result")


async def test_a_run_that_asked_to_be_tried_later_says_when(here: Path) -> None:
    ensemble = await made(*shell("exit 75"), runs=1, retries=3)

    async def waits() -> str:
        sentence = (await ensemble.why(0)).sentence
        return sentence if "asked to be tried again later" in sentence else ""

    async with driven(ensemble):
        sentence = await until("it waits", waits)
        await ensemble.stop()
    assert sentence.startswith(
        "run 0 waits: attempt 1 asked to be tried again later (exit code 75), so attempt 2 follows in "
    )


async def test_killed_given_up_and_requeued_runs_say_so(here: Path) -> None:
    ensemble = await made(*shell("exit {x}"), runs=4, abort_on=[3])
    await ensemble.dequeue_runs([1])
    await ensemble.execute()
    assert (await ensemble.why(1)).sentence == "run 1 was killed on request before it had started"
    assert (await ensemble.why(3)).sentence == (
        "run 3 was given up: exit code 3, after which it is not to be tried again (abort_on)"
    )
    await ensemble.requeue_runs([2])
    assert (await ensemble.why(2)).sentence == "run 2 was requeued after 1 attempt; nobody drives the study"
    await ensemble.execute()
    assert (await ensemble.why(2)).sentence == (
        "run 2 failed: exit code 2 (attempt 2); it had been requeued in between (retries=0)"
    )


async def test_output_that_only_the_record_keeps_is_shown(here: Path) -> None:
    ensemble = await made(*shell("seq 20; exit 1"), runs=1, output="tail")
    await ensemble.execute()
    why = await ensemble.why(0)
    assert why.last_lines == tuple(str(n) for n in range(11, 21))
    assert why.log is None


async def test_what_is_not_there_is_refused(here: Path) -> None:
    ensemble = await made("true")
    with pytest.raises(UsageError, match="there is no run 99 in"):
        await ensemble.why(99)
    with pytest.raises(StoreError, match="there is no study"):
        await Ensemble("nowhere").why(0)
