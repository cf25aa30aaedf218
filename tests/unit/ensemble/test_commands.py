"""What commands do to the record where nobody drives the study."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from runsemble.ensemble.book import Book
from runsemble.ensemble.commands import HANDLERS, Desk
from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.hosting import OF_GUESTS, OF_HOSTS
from runsemble.ensemble.inbox import Command, new_command
from runsemble.store.reader import Reader, reading
from runsemble.store.records import STATUSES
from runsemble.store.writer import Writer, hold_lease

Stand = tuple[Desk, Writer, Reader]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Stand]:
    """Return the desk of a study with a run in every status: run n in that with the number n."""
    ensemble = await Ensemble.create(
        tmp_path / "out", runs=({"x": x} for x in range(len(STATUSES))), cmd=["true"], run_dir="r{run_id}"
    )
    async with hold_lease(ensemble.path) as writer, reading(ensemble.path) as reader:
        rows = [(number, None, 1, 2, 1, "before", number) for number in range(1, len(STATUSES))]
        results = [(number, "text", str(number)) for number in range(len(STATUSES))]
        await writer.commit([("record_runs", rows), ("record_results", results)])
        yield Desk(writer, reader, Book(ensemble.path, await reader.recipes())), writer, reader


async def ask(desk: Desk, what: str, **arguments: Any) -> Any:
    return await desk.carry_out(new_command(what, **arguments))


async def statuses(reader: Reader) -> list[str]:
    found: list[str] = [run.status async for run in reader.runs()]
    counts = await reader.counts()
    assert {status: found.count(status) for status in STATUSES} == counts
    return found


async def test_a_run_in_every_status_is_what_we_begin_with(desk: Stand) -> None:
    assert await statuses(desk[2]) == list(STATUSES)


async def test_kill_ends_what_is_pending_or_running_and_nothing_else(desk: Stand) -> None:
    reply = await ask(desk[0], "kill", runs=[6, 5, 4, 3, 2, 1, 0, 0])
    assert reply == {"runs": [5, 0]}
    assert await statuses(desk[2]) == ["killed", "success", "failure", "killed", "aborted", "killed", "skipped"]
    assert sorted(run for _, run in await desk[2].ends(0)) == [0, 5]
    run = await desk[2].run(0)
    assert run is not None
    assert (str(run.cause), run.message) == ("killed", "killed on request")


@pytest.mark.parametrize(("hard", "steps"), [(False, [0, 0, 2, 2, 2, 2, 2]), (True, [0, 0, 0, 0, 0, 2, 0])])
async def test_requeue_takes_what_has_ended_and_forgets_its_result(desk: Stand, hard: bool, steps: list[int]) -> None:
    reply = await ask(desk[0], "requeue", runs=list(range(7)), hard=hard)
    assert reply == {"runs": [1, 2, 3, 4, 6]}
    assert await statuses(desk[2]) == ["pending"] * 5 + ["running", "pending"]
    assert [run.step async for run in desk[2].runs()] == steps
    assert list(await desk[2].results(range(7))) == [0, 5]


async def test_added_runs_get_the_next_ids_and_directories_of_their_own(desk: Stand) -> None:
    assert await ask(desk[0], "add", runs=[['{"x": 9}', None], ['{"x": 10}', None]]) == {"ids": [7, 9]}
    run = await desk[2].run(8)
    assert run is not None
    assert (run.params, run.directory, run.status) == ({"x": 10}, "r8", "pending")
    assert (await desk[2].counts())["pending"] == 3


async def test_a_result_and_a_setting_are_replaced(desk: Stand) -> None:
    assert await ask(desk[0], "set_result", run=2, result='{"y":1}') == {}
    assert await ask(desk[0], "set_setting", name="halt", value="now,fail=1") == {}
    assert await desk[2].result(2) == ("text", '{"y":1}')
    assert (await desk[2].settings())["halt"] == "now,fail=1"


@pytest.mark.parametrize(
    ("what", "arguments", "words"),
    [
        ("kill", {"runs": [0, 99]}, "there is no run 99"),
        ("kill", {"runs": [-1]}, "there is no run -1"),
        ("kill", {"runs": [1 << 63]}, "there is no run 9223372036854775808"),
        ("kill", {"runs": ["0"]}, "there is no run '0'"),
        ("kill", {"runs": [0], "how": "drop"}, "how must be 'stop' or 'kill', not 'drop'"),
        ("kill", {}, "the command kill makes no sense: KeyError('runs')"),
        ("requeue", {"runs": None}, "the command requeue makes no sense: TypeError"),
        ("requeue", {"runs": [99]}, "there is no run 99"),
        ("add", {"runs": [["[1]", None]]}, ""),
        ("add", {"runs": [[{"x": 1}, None]]}, "what is to be written down must be text, not {'x': 1}"),
        ("set_result", {"run": 99, "result": "1"}, "there is no run 99"),
        ("set_result", {"run": 0, "result": 1}, "what is to be written down must be text, not 1"),
        ("drain", {}, "nobody drives this study at present"),
        ("finish", {}, "nobody drives this study at present"),
        ("stop", {}, "nobody drives this study at present"),
        ("stop", {"how": "please"}, "how must be 'stop' or 'kill', not 'please'"),
        ("resize", {"count": 2}, "nobody drives this study at present"),
        ("resize", {"count": 0}, "the number of runs at the same time must be at least 1, not 0"),
        ("resize", {"count": True}, "the number of runs at the same time must be at least 1, not True"),
        ("dance", {}, "there is no command 'dance'; is this driver an older version?"),
    ],
)
async def test_what_makes_no_sense_is_answered_and_changes_nothing(
    desk: Stand, what: str, arguments: dict[str, Any], words: str
) -> None:
    reply = await ask(desk[0], what, **arguments)
    assert reply["error"].startswith(words)
    assert await statuses(desk[2]) == list(STATUSES)
    assert await desk[2].ends(0) == []


async def test_a_command_is_carried_out_once_and_answered_as_often_as_it_is_asked(desk: Stand) -> None:
    command = new_command("requeue", runs=[2])
    first = await desk[0].carry_out(command)
    assert await ask(desk[0], "kill", runs=[2]) == {"runs": [2]}
    assert await desk[0].carry_out(command) == first == {"runs": [2]}
    assert (await statuses(desk[2]))[2] == "killed"
    refused = Command("name", "kill", {"runs": [99]})
    assert await desk[0].carry_out(refused) == await desk[0].carry_out(refused)


async def test_the_reply_is_on_disk_together_with_what_was_changed(desk: Stand) -> None:
    command = new_command("kill", runs=[0])
    await desk[0].carry_out(command)
    assert await desk[2].reply(command.name) == {"runs": [0]}
    assert json.dumps(await desk[2].reply(command.name))


def test_every_handler_is_tried_above() -> None:
    tried = set(HANDLERS) - set(OF_GUESTS) - set(OF_HOSTS)
    assert tried == {"kill", "requeue", "add", "set_result", "set_setting", "drain", "finish", "stop", "resize"}
