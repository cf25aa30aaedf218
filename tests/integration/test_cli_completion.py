"""`runsemble completion`: shells accept what it prints, and complete commands, options and files with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runsemble.cli.app import COMMANDS
from runsemble.store.records import STATUSES

from .command_line import OnTerminal, call, needs_program, runsemble

pytestmark = needs_program

#: Commands whose first argument is the directory of a study.
ON_STUDIES = (
    "add", "start", "resume", "status", "watch", "runs", "results", "requeue", "kill", "drain", "stop", "rundirs",
    "dry-run", "on-completion",
)  # fmt: skip

#: A shell as it comes, without anybody's settings.
BASH = ["bash", "--norc", "--noprofile", "-i"]
PLAIN = {"TERM": "dumb", "PS1": "$ ", "INPUTRC": "/dev/null"}


def require(shell: str) -> str:
    """Return the path of a shell, or skip."""
    path = shutil.which(shell)
    return path or pytest.skip(f"there is no {shell}")


def offered(line: str) -> list[str]:
    """Return what the program offers bash for the last word of a line, each with its kind."""
    said = call(
        ["runsemble"], COMP_WORDS=line, COMP_CWORD=str(len(line.split(" ")) - 1), _RUNSEMBLE_COMPLETE="bash_complete"
    )
    assert (said.status, said.err) == (0, "")
    return said.out.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_accepts_what_is_printed_for_it(here: Path, shell: str) -> None:
    path = require(shell)
    said = runsemble("completion", shell)
    assert (said.status, said.err) == (0, "")
    (here / "script").write_text(said.out)
    assert call([path, "-n", "script"]) == (0, "", "")


def test_bash_completes_at_the_press_of_a_key(here: Path) -> None:
    require("bash")
    with OnTerminal(BASH, 200, PLAIN) as bash:
        bash.type('eval "$(runsemble completion bash)"; echo re""ady\n')
        bash.wait_said("ready")
        bash.type("runsemble crea\t")
        bash.wait_said("runsemble create ")
        bash.type("\x15runsemble run --dry\t")
        bash.wait_said("--dry-run ")
        bash.type("--logs m\t")
        bash.wait_said("--logs merged ")
        bash.type("-P x=1 true && echo do''ne\n")
        bash.wait_said("done")
        bash.type("exit\n")
        assert bash.wait_end() == 0
    assert "1 run would start" in bash.raw


def test_zsh_completes_with_it(here: Path) -> None:
    path = require("zsh")
    script = 'autoload -Uz compinit; compinit -D -u; eval "$(runsemble completion zsh)"; print -r $_comps[runsemble]'
    assert call([path, "-f", "-c", script]) == (0, "_runsemble_completion\n", "")


def test_fish_completes_with_it(here: Path) -> None:
    path = require("fish")
    script = (
        "runsemble completion fish | source; complete -C 'runsemble crea'; complete -C 'runsemble run --dry';"
        " complete -C 'runsemble run --logs m'; complete -C 'runsemble completion f'"
    )
    said = call([path, "--no-config", "-c", script], HOME=str(here), XDG_CONFIG_HOME=str(here))
    assert said.status == 0
    assert [line.split("\t")[0] for line in said.out.splitlines()] == ["create", "--dry-run", "merged", "fish"]


def test_fish_shows_what_an_option_means_commas_and_all(here: Path) -> None:
    script = "runsemble completion fish | source; complete -C 'runsemble run --halt'"
    said = call([require("fish"), "--no-config", "-c", script], HOME=str(here), XDG_CONFIG_HOME=str(here))
    assert "soon,fail=3" in said.out


def test_commands_options_and_choices_are_offered(here: Path) -> None:
    assert offered("runsemble ") == [f"plain,{name}" for name in COMMANDS]
    assert {"run", "doctor", "completion", "param", "post", *ON_STUDIES, "create"} <= set(COMMANDS)
    assert offered("runsemble run --j") == ["plain,--jsonl", "plain,--jobs", "plain,--json"]
    assert offered("runsemble run -P x=1 --logs ") == [f"plain,{how}" for how in ("files", "merged", "tail", "discard")]
    assert offered("runsemble completion ") == ["plain,bash", "plain,zsh", "plain,fish"]
    assert offered("runsemble doctor ") == ["dir,"]


@pytest.mark.parametrize("command", ON_STUDIES)
def test_directories_are_offered_where_a_command_takes_that_of_a_study(command: str) -> None:
    assert offered(f"runsemble {command} ") == ["dir,"]
    assert offered(f"runsemble {command} swe") == ["dir,swe"]
    assert "plain,--help" in offered(f"runsemble {command} sweep --")


def test_what_follows_the_directory_of_a_study_is_offered() -> None:
    assert offered("runsemble create d") == ["dir,d"]
    assert offered("runsemble create d --js") == ["plain,--jsonl", "plain,--json"]
    assert offered("runsemble create d --jsonl p") == ["file,p"]
    assert offered("runsemble create d -P x=1 -- p") == ["file,p"]
    assert offered("runsemble create d -P x=1 --abort") == ["plain,--abort-on"]
    assert offered("runsemble create --jsonl p d --logs ")[0] == "plain,files"
    assert offered("runsemble runs d --status ") == [f"plain,{status}" for status in STATUSES]
    assert offered("runsemble kill d 3 --cause oo") == ["plain,oom"]
    assert offered("runsemble add d -P x=1 --j") == ["plain,--jsonl", "plain,--json"]
    assert offered("runsemble resume d --fa") == ["plain,--failed"]
    assert offered("runsemble dry-run d --no") == ["plain,--no-hooks"]
    assert offered("runsemble create d --hook") == ["plain,--hooks", "plain,--hook-timeout"]


def test_files_are_offered_where_an_option_takes_one(here: Path) -> None:
    kinds = {
        option: [kind.partition(",")[0] for kind in offered(f"runsemble run {option} p")]
        for option in ("--csv", "--jsonl", "--arg-file", "--input", "--copy", "--template", "-o", "-P x=1 --")
    }
    assert kinds == {option: ["dir" if option == "-o" else "file"] for option in kinds}


def test_bash_completes_names_of_files(here: Path) -> None:
    require("bash")
    (here / "params.csv").write_text("x\n1\n")
    with OnTerminal(BASH, 200, PLAIN) as bash:
        bash.type('eval "$(runsemble completion bash)"; echo re""ady\n')
        bash.wait_said("ready")
        bash.type("runsemble run --dry-run --csv par\t echo {x}; echo do''ne\n")
        bash.wait_said("done\r\n")
        bash.type("exit\n")
        assert bash.wait_end() == 0
    assert "1 run would start" in bash.raw
