from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runsemble.cli.notes import note_forgotten_files, note_header, note_templates, note_unknown_names, note_unread_lines
from runsemble.launch.argv import shell
from runsemble.model.files import TemplateEngine, TemplateFile
from runsemble.runners.options import StudyOptions

from .support import workload_of


@pytest.mark.parametrize(
    ("words", "options", "noted"),
    [
        (["echo", "{x}"], {"axes": ["x=1"]}, ""),
        (["echo", "{x}", "{unrelated}"], {"axes": ["x=1"]}, "{unrelated} names no parameter, so it stays as it is"),
        (["echo", "{run_id}"], {"axes": ["x=1"]}, ""),
        (["echo", "{{unrelated}}"], {"axes": ["x=1"]}, ""),
        (["echo", "{betta}"], {"axes": ["beta=1"]}, ""),
        (["echo {x} ${HOME}"], {"axes": ["x=1"]}, ""),
        (["echo", "{unrelated}"], {"csv": "a.csv"}, "{unrelated} names no parameter"),
        (["echo", "{x}", "{y}"], {"csv": "a.csv", "axes": ["y=1"]}, ""),
    ],
)
def test_a_name_that_stands_for_nothing_is_noted(
    here: Path, words: list[str], options: dict[str, Any], noted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.csv").write_text("x\n1\n")
    note_unknown_names(workload_of(*words, **options))
    said = capsys.readouterr().err
    assert noted in said
    assert bool(said) == bool(noted)


@pytest.mark.parametrize(
    ("words", "options", "origin"),
    [
        (["echo {x} {}"], {"axes": ["x=1"]}, "-P"),
        (["echo", "{}"], {"csv": "a.csv"}, "a.csv"),
        (["echo {x} ${}"], {"axes": ["x=1"]}, ""),
        (["echo {x}"], {"axes": ["x=1"]}, ""),
        (["echo {x} {}"], {"axes": ["x=1"], "arg_file": "-"}, ""),
        (["echo {x} {}", ":::", "a"], {"axes": ["x=1"]}, ""),
    ],
)
def test_lines_on_standard_input_that_are_not_read_are_noted(
    here: Path,
    pipe_in: Callable[[bytes], None],
    words: list[str],
    options: dict[str, Any],
    origin: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (here / "a.csv").write_text("x\n1\n")
    pipe_in(b"1\n2\n")
    note_unread_lines(workload_of(*words, **options))
    said = capsys.readouterr().err
    assert bool(said) == bool(origin)
    assert f"since the parameters come from {origin};" in said or not origin


def test_braces_are_not_noted_where_there_is_nothing_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    note_unread_lines(workload_of("find -name {x} -exec rm {} +", axes=["x=1"]))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("header", "is_noted"), [("1,2", True), ("0.1", True), ("x,2", False), ("x", False)])
def test_a_table_that_seems_to_have_no_header_is_noted(
    here: Path, header: str, is_noted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.csv").write_text(f"{header}\n" * 2)
    note_header(workload_of("echo", csv="a.csv"))
    assert ("the first row of a.csv was taken for the names" in capsys.readouterr().err) == is_noted


@pytest.mark.parametrize(
    ("text", "engine", "is_noted"),
    [
        ("{{ k }} {k}\n", "jinja", True),
        ("", "jinja", True),
        ("{# comment #}", "jinja", True),
        ("100%% of it", "jinja", True),
        ("%%k%%", "jinja", False),
        ("%%run_id%%", "jinja", False),
        ("{% include 'part' %}", "jinja", False),
        ("%%q%%", "tokens", True),
        ("%%k%%", "tokens", False),
        ("%%run_id%%", "tokens", False),
    ],
)
def test_a_template_that_is_the_same_for_all_runs_is_noted(
    here: Path, text: str, engine: TemplateEngine, is_noted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "deck.in").write_text(text)
    study = StudyOptions(cmd=["cat"], templates=[TemplateFile("deck.in", engine=engine)])
    note_templates(workload_of("cat", axes=["k=1"]), study)
    noted = "note: deck.in: nothing in it is filled in; parameters are written %%k%%\n"
    assert capsys.readouterr().err == (noted if is_noted else "")


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        ("python osc.py {k}", ["osc.py"]),
        ("python ./osc.py {k} | tee log; cat 'data/a b.txt' <osc.py", ["./osc.py", "data/a b.txt", "osc.py"]),
        ("python osc.py osc.py", ["osc.py"]),
        ("python staged.py staged/osc.py", []),
        ("echo {k} > osc.py", []),
        ("echo {k}>>osc.py", []),
        ("python {submit_dir}/osc.py; cat osc.py", []),
        ("cat $RUNSEMBLE_SUBMIT_DIR/osc.py osc.py", []),
        ("cat /etc/passwd --file=osc.py *.py {k}.py data", []),
        ("ls params.json", []),
        ("echo 'not closed osc.py", []),
    ],
)
def test_a_file_that_a_text_for_a_shell_names_is_noted_unless_runs_have_it(
    here: Path, text: str, noted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "data").mkdir()
    for name in ("osc.py", "staged.py", "data/a b.txt", "ls", "params.json"):
        (here / name).touch()
    note_forgotten_files(shell(text), ["staged.py", "staged"])
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" is a file here")[0].removeprefix("note: ") for line in lines] == noted


def test_a_forgotten_file_is_noted_with_what_to_add(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a b").touch()
    note_forgotten_files(shell("cat 'a b'"), [])
    assert capsys.readouterr().err == (
        "note: a b is a file here, but runs start in their own directories: add --input 'a b', or --here\n"
    )
    note_forgotten_files(["cat", "a b"], [])
    assert capsys.readouterr().err == ""
