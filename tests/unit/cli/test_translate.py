from pathlib import Path

import pytest

from runsemble.cli.translate import names_in_run, refuse_missing_program
from runsemble.errors import CommandError
from runsemble.model.files import FileResource, TemplateFile
from runsemble.runners.options import StudyOptions


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with a program and a file that is none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sim").touch(0o755)
    (tmp_path / "text").touch(0o644)
    (tmp_path / "dir").mkdir()
    return tmp_path


@pytest.mark.parametrize("program", ["./sim", "sh", "/bin/sh", "./{name}", "{name}", "bin/staged", "./bin/staged"])
def test_a_program_that_is_there_or_will_be_is_fine(program: str) -> None:
    refuse_missing_program([program, "{x}"], {"bin/staged"})


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("./nosuch", "command not found: there is no file ./nosuch"),
        ("/nosuch/sim", "command not found: there is no file /nosuch/sim"),
        ("nosuch-program", "command not found: nosuch-program"),
        ("./dir", "command not found: ./dir is a directory"),
        ("./text", "./text cannot be executed: chmod +x ./text"),
    ],
)
def test_a_program_that_is_not_there_is_refused(program: str, reason: str) -> None:
    with pytest.raises(CommandError) as caught:
        refuse_missing_program([program, "{x}"], {"bin/staged"})
    assert reason in str(caught.value)


def test_run_directories_hold_inputs_and_templates_by_the_names_they_get_there() -> None:
    inputs = [FileResource("s*"), FileResource("text", rename="a//b")]
    study = StudyOptions(cmd=["true"], input_files=inputs, templates=[TemplateFile("deck.in", "x/./deck")])
    assert names_in_run(study) == {"sim", "a/b", "x/deck"}
