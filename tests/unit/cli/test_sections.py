from __future__ import annotations

from typing import Any

import click
import pytest

from runsemble.cli.directory import NEW_DIRECTORY
from runsemble.cli.options import COMMAND
from runsemble.cli.sections import DirectoryFirst, option


@click.command(cls=DirectoryFirst, context_settings={"allow_interspersed_args": False}, options_metavar="[OPTIONS]")
@option("One", "-P", "axes", multiple=True)
@option("Two", "-q", "quiet", is_flag=True)
@NEW_DIRECTORY
@COMMAND
def command(**options: Any) -> dict[str, Any]:
    """Do something."""
    return options


def parsed(*words: str) -> tuple[str, list[str], bool, list[str]]:
    options = command.main(list(words), standalone_mode=False)
    return options["directory"], list(options["axes"]), options["quiet"], list(options["command"])


@pytest.mark.parametrize(
    "words",
    [
        ["d", "-P", "x=1", "-q", "--", "echo", "-P", "--"],
        ["d", "-P", "x=1", "-q", "echo", "-P", "--"],
        ["-P", "x=1", "d", "-q", "echo", "-P", "--"],
        ["-P", "x=1", "-q", "d", "echo", "-P", "--"],
        ["-qPx=1", "d", "--", "echo", "-P", "--"],
        ["-P", "x=1", "-q", "--", "d", "echo", "-P", "--"],
    ],
)
def test_options_may_stand_before_and_behind_the_directory_and_never_behind_the_command(words: list[str]) -> None:
    assert parsed(*words) == ("d", ["x=1"], True, ["echo", "-P", "--"])


def test_a_directory_may_stand_alone() -> None:
    assert parsed("d") == ("d", [], False, [])


@pytest.mark.parametrize("words", [["-q"], [], ["-P", "x"], ["--"]])
def test_a_directory_is_needed(words: list[str]) -> None:
    with pytest.raises(click.MissingParameter):
        parsed(*words)


def test_an_unknown_option_is_refused_wherever_it_stands() -> None:
    for words in (["--foo", "d"], ["d", "--foo", "x"]):
        with pytest.raises(click.NoSuchOption):
            parsed(*words)


def test_usage_and_headings_are_told_in_the_order_in_which_they_are_to_be_typed() -> None:
    text = command.get_help(click.Context(command, info_name="it"))
    assert "it DIR [OPTIONS] [--] COMMAND... [::: ARGUMENT...]..." in text
    assert text.index("One:") < text.index("Two:") < text.index("Other:")
