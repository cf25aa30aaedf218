"""What runs of an ensemble wrote, and what they write while somebody looks on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runsemble.ensemble.following import Piece
from runsemble.errors import UsageError

from .ensembles import driven, made, shell, until
from .support import Gate


async def test_both_outputs_of_any_attempt_can_be_had(here: Path) -> None:
    ensemble = await made(*shell("seq 3; echo bad $RUNSEMBLE_ATTEMPT >&2; exit 1"), runs=1, retries=1)
    await ensemble.execute()
    assert await ensemble.output(0) == [Piece(2, "stdout", b"1\n2\n3\n"), Piece(2, "stderr", b"bad 2\n")]
    assert await ensemble.output(0, "stderr", attempt=1) == [Piece(1, "stderr", b"bad 1\n")]
    assert await ensemble.output(0, "stdout", lines=2) == [Piece(2, "stdout", b"2\n3\n")]
    assert await ensemble.output(0, "stdout", lines=0) == [Piece(2, "stdout", b"")]
    with pytest.raises(UsageError, match="has had 2 attempts, so there is no attempt 3"):
        await ensemble.output(0, attempt=3)


async def test_the_last_lines_of_a_long_file_are_found_from_its_end(here: Path) -> None:
    ensemble = await made(*shell("seq 200000"), runs=1)
    await ensemble.execute()
    (piece,) = await ensemble.output(0, "stdout", lines=50_000)
    assert piece.data.split() == [str(n).encode() for n in range(150_001, 200_001)]


@pytest.mark.parametrize("output", ["merged", "tail"])
async def test_merged_output_is_one_piece(here: Path, output: str) -> None:
    ensemble = await made(*shell("echo a; echo b >&2"), runs=1, output=output)
    await ensemble.execute()
    assert await ensemble.output(0) == [Piece(1, "output", b"a\nb\n")]
    assert [piece async for piece in ensemble.follow(0)] == [Piece(1, "output", b"a\nb\n")]


async def test_output_that_is_not_kept_is_said_not_to_be(here: Path) -> None:
    ensemble = await made("true", runs=1, output="discard")
    with pytest.raises(UsageError, match="is not kept"):
        await ensemble.output(0)


async def test_following_begins_before_the_run_and_goes_on_over_attempts_to_the_end(gate: Gate) -> None:
    script = f'echo attempt $RUNSEMBLE_ATTEMPT; {gate.words}; echo done; [ "$RUNSEMBLE_ATTEMPT" = 2 ]'
    ensemble = await made(*shell(script), runs=1, retries=1)
    pieces: list[Piece] = []

    async def follow() -> None:
        async for piece in ensemble.follow(0, "stdout"):
            pieces.append(piece)  # noqa: PERF401 - the others look at it meanwhile

    following = asyncio.get_running_loop().create_task(follow())

    async def has_begun() -> bool:
        return bool(pieces)

    async with driven(ensemble):
        await until("the first attempt was heard", has_begun)
        assert pieces[0] == Piece(1, "stdout", b"attempt 1\n")
        gate.open()
        await following
    heard = {attempt: b"".join(one.data for one in pieces if one.attempt == attempt) for attempt in (1, 2)}
    assert heard == {1: b"attempt 1\ndone\n", 2: b"attempt 2\ndone\n"}


async def test_following_a_run_that_has_ended_yields_what_is_there_and_ends(here: Path) -> None:
    ensemble = await made(*shell("seq 9"), runs=1)
    await ensemble.execute()
    assert [piece async for piece in ensemble.follow(0, lines=2)] == [Piece(1, "stdout", b"8\n9\n")]
