"""Parameters with names and values that nobody expects."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest

from .conftest import RunStudy
from .support import PYTHON, names_in, run_directories_in

#: Posts its parameters back.
MIRROR = (PYTHON, "-c", "from runsemble import getRunParams, postRunResults; postRunResults(getRunParams())")

NAMES = {
    "unicode": "β_é_漢字_🚀",
    "blank": "learning rate",
    "newline": "a\nb",
    "quotes": 'it\'s "x"',
    "brace": "{",
    "braces": "{beta}",
    "empty": "",
    "long": "n" * 10_000,
    "dotted": "model.layers[0]",
    "our tag": "__type__",
    "dash": "--help",
    "null in words": "null",
    "zero byte": "a\0b",
    "half a character": "\ud800",
}

VALUES = {
    "newlines": "a\nb\r\nc",
    "quotes": 'it\'s "x" `y`',
    "shell": "$(touch pwned); touch pwned & | > pwned",
    "unicode": "β é 漢字 🚀 e\u0301",
    "right to left": "\u202eabc",
    "control": "".join(map(chr, range(1, 32))) + "\x7f",
    "blank": "   ",
    "empty": "",
    "backslashes": "\\n\\\\\\0",
    "braces": "{x} {{x}} {} {0} {run_id}",
    "percent": "%s %(x)s %%",
    "long": "x" * 100_000,
    "bytes as text": "\udcff\udc80",
    "looks like an option": "--version",
    "punctuation": string.punctuation,
}


@pytest.mark.parametrize("what", NAMES)
def test_a_parameter_may_be_called_anything(study: RunStudy, what: str) -> None:
    params = {NAMES[what]: [1, "two"], "x": 1}
    run = study(*MIRROR, runs=[params])[0]
    assert run.status == "success", run.read_stderr().decode()
    assert run.params == params
    assert run.result == params


@pytest.mark.parametrize("what", [*VALUES, "zero byte", "half a character"])
def test_a_value_may_be_anything(study: RunStudy, what: str) -> None:
    value = {"zero byte": "a\0b", "half a character": "\ud800", **VALUES}[what]
    run = study(*MIRROR, runs=[{"x": value}])[0]
    assert run.status == "success", run.read_stderr().decode()
    assert run.params == {"x": value}
    assert run.result == {"x": value}


@pytest.mark.parametrize("what", VALUES)
def test_a_value_reaches_the_command_byte_for_byte(study: RunStudy, here: Path, what: str) -> None:
    value = VALUES[what]
    run = study("printf", "%s", "{x}", runs=[{"x": value}])[0]
    assert run.status == "success"
    assert run.read_stdout() == value.encode("utf-8", "surrogateescape")
    assert names_in(run.run_dir) == ["params.json", "stderr", "stdout"]


@pytest.mark.parametrize("what", VALUES)
def test_a_value_reaches_the_environment_byte_for_byte(study: RunStudy, what: str) -> None:
    value = VALUES[what]
    run = study("sh", "-c", 'printf %s "$X"', runs=[{"x": value}], env={"X": "{x}"})[0]
    assert run.read_stdout() == value.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    "what", ["newlines", "quotes", "shell", "unicode", "blank", "backslashes", "braces", "control"]
)
def test_a_value_may_name_a_directory(study: RunStudy, here: Path, what: str) -> None:
    value = VALUES[what].replace("/", "_")
    result = study("touch", "began", runs=[{"x": value}], run_dir="{x}")
    assert result[0].status == "success"
    assert run_directories_in(here / "out") == [value]
    assert (here / "out" / value / "began").exists()


def test_an_argument_beyond_what_the_system_takes_fails_that_run_with_a_sentence(study: RunStudy) -> None:
    bad, good = study("true", "{x}", runs=[{"x": "x" * 3_000_000}, {"x": ""}])
    assert (bad.status, str(bad.cause)) == ("failure", "launch_error")
    assert "longer than the system allows" in bad.message
    assert len(bad.message) < 300
    assert good.status == "success"


def test_ten_thousand_parameters_are_no_trouble(study: RunStudy) -> None:
    params = {f"p{n}": n for n in range(10_000)}
    run = study(*MIRROR, runs=[params])[0]
    assert run.result == params


def test_the_parameters_on_disk_are_plain_json(study: RunStudy) -> None:
    params: dict[str, Any] = {"β": "é\n", "n": 1, "xs": [1.5, None, True], "map": {"a": {}}}
    run = study("true", runs=[params])[0]
    assert json.loads(Path(run.run_dir, "params.json").read_text()) == params


@pytest.mark.parametrize("number", [10**400, -(2**70), 5e-324, 1.7976931348623157e308, -0.0])
def test_a_number_of_any_size_arrives_exactly(study: RunStudy, number: float) -> None:
    run = study(*MIRROR, runs=[{"x": number}])[0]
    assert repr(run.result["x"]) == repr(number)
    assert repr(run.params["x"]) == repr(number)
