import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runsemble.errors import CommandError
from runsemble.launch.argv import check_command, mpirun_argv, resolve_program, shell
from runsemble.launch.placeholders import ShellText


@pytest.mark.parametrize("cmd", [["python", "model.py"], ("python", "model.py"), ["python", Path("model.py")]])
def test_a_command_becomes_a_list_of_strings(cmd: Any) -> None:
    assert check_command(cmd) == ["python", "model.py"]


@pytest.mark.parametrize("argument", ["", " ", "'\"", "a\nb", "é", "-", "*", "$HOME"])
def test_an_argument_is_kept_as_it_stands(argument: str) -> None:
    assert check_command(["echo", argument])[1] == argument


def test_bytes_keep_their_value_even_if_they_are_no_utf_8() -> None:
    assert os.fsencode(check_command(["cat", b"\xff\xfe"])[1]) == b"\xff\xfe"


def test_the_command_is_not_the_callers_list() -> None:
    cmd = ["true"]
    assert check_command(cmd) is not cmd


@pytest.mark.parametrize("cmd", ["python model.py", b"python"])
def test_a_command_in_one_string_is_refused_with_a_way_out(cmd: Any) -> None:
    with pytest.raises(CommandError, match=r"shlex\.split"):
        check_command(cmd)


@pytest.mark.parametrize("cmd", [None, 5, {"python"}, iter(["python"])])
def test_what_is_no_list_is_refused(cmd: Any) -> None:
    with pytest.raises(CommandError, match="cmd must be a list of strings"):
        check_command(cmd)


def test_an_empty_command_is_refused() -> None:
    with pytest.raises(CommandError, match="cmd is empty"):
        check_command([])


def test_an_empty_program_is_refused() -> None:
    with pytest.raises(CommandError, match="the program, is an empty string"):
        check_command(["", "x"])


@pytest.mark.parametrize("word", [5, None, 0.5, ["a"]])
def test_an_argument_that_is_no_string_is_refused_by_its_place(word: Any) -> None:
    with pytest.raises(CommandError, match=r"cmd\[1\] must be a string"):
        check_command(["echo", word])


def test_a_zero_byte_is_refused() -> None:
    with pytest.raises(CommandError, match=r"cmd\[1\] holds a zero byte"):
        check_command(["echo", "a\0b"])


def test_a_string_that_no_bytes_stand_for_is_refused() -> None:
    with pytest.raises(CommandError, match=r"cmd\[1\]"):
        check_command(["echo", "\ud800"])


@pytest.mark.parametrize(
    ("program", "resolved"),
    [
        ("python", "python"),
        ("model.sh", "model.sh"),
        ("./model.sh", "./model.sh"),
        ("bin/tool", "bin/tool"),
        ("./other.sh", "/home/u/other.sh"),
        ("../other.sh", "/home/other.sh"),
        ("/usr/bin/env", "/usr/bin/env"),
    ],
)
def test_a_program_means_the_file_that_the_caller_sees(program: str, resolved: str) -> None:
    assert resolve_program(program, "/home/u", {"model.sh", "bin/tool"}) == resolved


def test_mpirun_starts_the_tasks_of_a_run() -> None:
    argv = mpirun_argv("/usr/bin/mpirun", 4, ["./model", "-x", "1"])
    assert argv[0] == "/usr/bin/mpirun"
    assert argv[argv.index("-n") + 1] == "4"
    assert argv[-3:] == ["./model", "-x", "1"]


@pytest.mark.parametrize("text", ["true", "echo {x} | wc", " a\nb ", "exit 3 # done", "-c"])
def test_a_text_is_run_by_the_shell(text: str) -> None:
    cmd = shell(text)
    assert cmd == ["/bin/sh", "-c", text]
    assert isinstance(cmd[2], ShellText)


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_an_empty_text_for_the_shell_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="the shell command is empty"):
        shell(text)


def test_a_text_for_a_shell_stays_one_when_the_command_is_checked() -> None:
    assert isinstance(check_command(shell("echo {x}"))[2], ShellText)


def test_the_shell_knows_pipes_and_statuses() -> None:
    ended = subprocess.run(shell("echo a | tr a b; exit 3"), stdout=subprocess.PIPE, check=False)
    assert (ended.stdout, ended.returncode) == (b"b\n", 3)
