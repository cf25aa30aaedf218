"""Placeholders in commands, directory names and environment values, as the runs see them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runsemble.errors import PlaceholderError

from .conftest import RunStudy
from .support import names_in

#: Prints its arguments, each on a line of its own.
ECHO = ("sh", "-c", 'printf "%s\\n" "$@"', "sh")


def test_parameters_and_the_names_of_the_run_stand_in_arguments(study: RunStudy, here: Path) -> None:
    words = ("--beta={beta}", "{beta:.3f}", "{run_id:03d}", "{run_dir}", "{submit_dir}", "{beta}{beta}")
    result = study(*ECHO, *words, runs=[{"beta": 0.1}, {"beta": 25}])
    assert result[0].read_stdout().decode().splitlines() == [
        "--beta=0.1", "0.100", "000", str(here / "out/0"), str(here), "0.10.1",
    ]  # fmt: skip
    assert result[1].read_stdout().decode().splitlines()[:4] == ["--beta=25", "25.000", "001", str(here / "out/1")]


def test_parameters_stand_in_the_name_of_the_directory(study: RunStudy, here: Path) -> None:
    result = study("pwd", runs=[{"beta": 0.25, "kind": "a"}], run_dir="{kind}/beta={beta:.1f}-{run_id}")
    assert result[0].run_dir == str(here / "out/a/beta=0.2-0")
    assert result[0].read_stdout().decode().strip() == result[0].run_dir


def test_parameters_stand_in_the_values_of_the_environment(study: RunStudy) -> None:
    env = {"LABEL": "beta is {beta:.2f}", "WHERE": "{run_dir}", "KEPT": "${HOME} {}"}
    result = study("sh", "-c", 'echo "$LABEL|$WHERE|$KEPT"', runs=[{"beta": 1 / 3}], env=env)
    assert result[0].read_stdout().decode().strip() == f"beta is 0.33|{result[0].run_dir}|${{HOME}} {{}}"


def test_an_awk_program_survives(study: RunStudy, here: Path) -> None:
    (here / "table").write_text("1 2\n3 4\n")
    result = study("awk", "{print $1}", "table", runs=[{"beta": 1}], input_files=["table"])
    assert result[0].read_stdout() == b"1\n3\n"


@pytest.mark.parametrize(
    "word",
    ["{}", "{0}", '{"beta": 1}', "{ beta }", "{beta.real}", "{beta[0]}", "{beta!r}", "${VAR}", "a{1,2}", "}{", "{"],
)
def test_other_braces_stay_as_they_are(study: RunStudy, word: str) -> None:
    assert study(*ECHO, word, runs=[{"beta": 1}])[0].read_stdout().decode() == word + "\n"


def test_doubled_braces_stand_for_the_placeholder_itself(study: RunStudy) -> None:
    result = study(*ECHO, "{{beta}}", "{{beta:.3f}}", "{beta}", runs=[{"beta": 1}])
    assert result[0].read_stdout().decode().splitlines() == ["{beta}", "{beta:.3f}", "1"]


def test_a_name_that_is_nearly_a_parameter_is_refused_with_the_near_one(study: RunStudy, here: Path) -> None:
    with pytest.raises(PlaceholderError, match=r"\{bta\}.*did you mean \{beta\}") as caught:
        study(*ECHO, "{bta}", runs=[{"beta": 1}])
    assert "\n" not in str(caught.value)
    assert not names_in(here / "out")


def test_a_parameter_that_one_run_lacks_is_refused_there(study: RunStudy) -> None:
    with pytest.raises(PlaceholderError, match="this run has no parameter 'beta'") as caught:
        study(*ECHO, "{beta}", runs=[{"beta": 1}, {"gamma": 1}])
    assert caught.value.index == 1


def test_a_format_that_does_not_suit_a_value_is_refused_with_both(study: RunStudy) -> None:
    with pytest.raises(PlaceholderError, match=r"\{beta:\.3f\}.*'\.3f'.*'high'"):
        study(*ECHO, "{beta:.3f}", runs=[{"beta": "high"}])


def test_the_program_itself_may_be_a_parameter(study: RunStudy) -> None:
    result = study("{program}", "x", runs=[{"program": "echo"}, {"program": "/bin/echo"}])
    assert [run.read_stdout() for run in result] == [b"x\n", b"x\n"]


def test_an_argument_that_is_no_text_reaches_the_run_byte_for_byte(study: RunStudy) -> None:
    result = study(*ECHO, b"\xff\xfe{beta}", os.fsdecode(b"\xe9"), runs=[{"beta": 1}])
    assert result[0].read_stdout() == b"\xff\xfe1\n\xe9\n"
