"""What successful runs wrote, packed into one file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from runsemble.cli.app import run_app
from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.following import Piece
from runsemble.ensemble.packing import LARGE_BYTES, Packed
from runsemble.errors import LeaseError, StoreError, UsageError

from .ensembles import driven, made, shell, until
from .support import Gate, names_in

#: Succeeds at the second attempt, but for x=1; x=2 writes very much.
SCRIPT = shell(
    "seq 3; echo err $RUNSEMBLE_ATTEMPT >&2; runsemble post y={x}; [ $RUNSEMBLE_ATTEMPT = 2 ] || exit 1; "
    f"[ {{x}} != 2 ] || head -c {LARGE_BYTES} /dev/zero; [ {{x}} != 1 ]"
)


async def said(ensemble: Ensemble, run: int) -> list[object]:
    """Return what a run wrote, in every way of asking for it."""
    followed = [piece async for piece in ensemble.follow(run, lines=2)]
    return [
        followed,
        await ensemble.output(run),
        await ensemble.output(run, "stderr", attempt=1),
        await ensemble.output(run, "stdout", lines=1),
        (await ensemble.why(run)).last_lines,
    ]


async def test_packed_output_is_read_as_if_it_were_not(here: Path) -> None:
    ensemble = await made(*SCRIPT, retries=1)
    await ensemble.execute()
    before = [await said(ensemble, run) for run in range(2)]
    assert before[0][1] == [Piece(2, "stdout", b"1\n2\n3\n"), Piece(2, "stderr", b"err 2\n")]
    assert await ensemble.pack() == Packed(runs=2, files=7, size_bytes=2 * 2 * 6 + 6 + 6 + 6)
    assert [await said(ensemble, run) for run in range(2)] == before
    assert names_in("sweep/0") == [".attempts", "params.json", "results.json"]
    assert names_in("sweep/1") == [".attempts", "params.json", "results.json", "stderr", "stdout"]
    assert names_in("sweep/2") == [".attempts", "params.json", "results.json", "stdout"]
    assert await ensemble.pack() == Packed()
    assert (await ensemble.why(0)).log is None


async def test_what_is_executed_again_can_be_packed_again(here: Path) -> None:
    ensemble = await made(*shell("echo $RUNSEMBLE_ATTEMPT"), runs=1, output="merged")
    await ensemble.execute()
    await ensemble.pack()
    await ensemble.requeue_runs([0])
    await ensemble.execute()
    assert await ensemble.output(0) == [Piece(2, "output", b"2\n")]
    assert await ensemble.pack() == Packed(runs=1, files=1, size_bytes=2)
    for attempt in (1, 2):
        assert await ensemble.output(0, attempt=attempt) == [Piece(attempt, "output", b"%d\n" % attempt)]


def test_the_command_says_what_it_has_packed(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async def make() -> None:
        await (await made("echo", "hello", runs=2)).execute()

    asyncio.run(make())
    assert run_app(["pack", "sweep", "--json"]) == 0
    value = json.loads(capfd.readouterr().out)
    assert value == {
        "schema": "runsemble.pack/1", "version": value["version"], "runs": 2, "files": 4, "size_bytes": 12,
    }  # fmt: skip
    assert run_app(["logs", "sweep", "1"]) == 0
    assert run_app(["logs", "sweep", "1", "--path"]) == 2
    printed = capfd.readouterr()
    assert printed.out == "hello\n"
    assert "the output of run 1 is packed" in printed.err
    assert run_app(["pack", "sweep"]) == 0
    assert capfd.readouterr().out == "nothing to pack\n"


async def test_a_study_that_is_driven_is_not_packed(gate: Gate) -> None:
    ensemble = await made(*shell(f"echo; {gate.words}"), runs=1)
    async with driven(ensemble):
        await until("it is driven", ensemble.driver)
        with pytest.raises(LeaseError, match="being driven by"):
            await ensemble.pack()
        gate.open()


async def test_output_that_is_not_in_files_is_left_alone(here: Path) -> None:
    ensemble = await made("true", runs=2, output="tail")
    await ensemble.execute()
    assert await ensemble.pack() == Packed()
    with pytest.raises(UsageError, match="there is no run 7"):
        await ensemble.output(7)


async def test_a_damaged_pack_is_said_to_be_one(here: Path) -> None:
    ensemble = await made("echo", "x", runs=1)
    await ensemble.execute()
    await ensemble.pack()
    (here / "sweep/.runsemble/logs.db").write_bytes(b"x" * 5000)
    with pytest.raises(StoreError, match=r"packed output of runs cannot be read: .*logs\.db"):
        await ensemble.output(0)
