"""Commands of other processes: files that are there whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runsemble.ensemble import inbox
from runsemble.ensemble.inbox import Command


def test_a_command_is_found_as_it_was_posted(tmp_path: Path) -> None:
    command = inbox.new_command("add", runs=[['{"x": "\udc80ü"}', None]])
    inbox.post(str(tmp_path), command)
    assert inbox.pending(str(tmp_path)) == [command]
    inbox.withdraw(str(tmp_path), command.name)
    inbox.withdraw(str(tmp_path), command.name)
    assert inbox.pending(str(tmp_path)) == []


def test_nothing_waits_where_nobody_has_posted_anything(tmp_path: Path) -> None:
    assert inbox.pending(str(tmp_path / "none")) == []


def test_commands_come_in_the_order_in_which_they_were_made_and_each_has_a_name(tmp_path: Path) -> None:
    commands = [inbox.new_command("kill", runs=[number]) for number in range(30)]
    for command in reversed(commands):
        inbox.post(str(tmp_path), command)
    assert inbox.pending(str(tmp_path)) == commands
    assert len({command.name for command in commands}) == 30


def test_a_command_that_is_being_written_is_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "rename", lambda *_: None)
    inbox.post(str(tmp_path), inbox.new_command("kill", runs=[1]))
    assert len(os.listdir(tmp_path / "inbox")) == 1
    assert inbox.pending(str(tmp_path)) == []


def test_what_is_no_command_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    for number, text in enumerate(
        ["", "{", "[]", '["a"]', '["a", 1]', "[1, {}]", "null", '["a", {}, 2]', "é", "[" * 99999]
    ):
        (tmp_path / "inbox" / str(number)).write_text(text)
    (tmp_path / "inbox" / "directory").mkdir()
    good = Command("5x", "drain", {})
    inbox.post(str(tmp_path), good)
    assert inbox.pending(str(tmp_path)) == [good]
