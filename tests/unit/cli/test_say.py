import sys

import pytest

from runsemble.cli.say import finish_saying, say


def test_a_line_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    say("a line")
    assert capsys.readouterr() == ("", "a line\n")


def test_a_line_that_cannot_be_written_is_lost_and_leaves_nothing_to_fail_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        say("a line")
        say("another")
        finish_saying()


def test_what_others_could_not_write_is_given_up_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        full.write("a line of the status display")
        finish_saying()
