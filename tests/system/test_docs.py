"""Executes every example in the README, CONTRIBUTING and docs/, page by page and in order, as a reader would.

A fenced block in `python` runs in the page's own namespace, with `await` allowed, as in a notebook; one in `sh`
(`bash`, `zsh`, `fish`) runs in that shell. What stands in an HTML comment before a block says what else it is:

    <!-- file: model.py -->    the block is written to that file
    <!-- output -->            what the block before it prints to stdout; `...` stands for anything, blanks do not count
    <!-- not run: reason -->   the block is not run, and counted

`docs/conf.py` makes the first two visible on the rendered pages.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import runsemble
from runsemble.model import events
from runsemble.model.status import STATUSES, Cause

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

FENCE = re.compile(r"^(?:<!-- (?P<mark>[^\n]+?) -->\n+)?```(?P<language>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S)
INERT = re.compile(r"text|\{[\w-]+\}.*")  # texts and directives

#: How each language of a shell is run.
SHELLS = {
    "sh": ["sh", "-e", "-c"],
    "bash": ["bash", "--norc", "-e", "-c"],
    "zsh": ["zsh", "-f", "-e", "-c"],
    "fish": ["fish", "--no-config", "-c"],
}

#: Programs that an example may call and that a test must not, or cannot.
STAND_INS = {
    "make": f'exec {shutil.which("make")} --dry-run --directory "{ROOT}" "$@" >/dev/null',
    "mpirun": 'while [ "$1" != -n ]; do shift; done; n=$2; shift 2; for i in $(seq "$n"); do "$@" & done; wait',
}


class Block(NamedTuple):
    """One fenced block of a page."""

    language: str
    mark: str
    text: str
    line: int


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = list(FENCE.finditer(text))
    assert len(re.findall(r"^\s*```", text, re.M)) == 2 * len(found), "a fence is indented or not closed"
    return [Block(m["language"], m["mark"] or "", m["text"], text.count("\n", 0, m.start("text"))) for m in found]


class Reader:
    """Does what a page says."""

    def __init__(self, page: Path, loop: asyncio.Runner) -> None:
        self._page, self._loop = page, loop
        self._names: dict[str, Any] = {"__name__": page.stem}
        self._said = ""

    def follow(self, block: Block) -> None:
        kind, _, rest = block.mark.partition(": ")
        if kind == "file":
            Path(rest).parent.mkdir(parents=True, exist_ok=True)
            Path(rest).write_text(block.text, encoding="utf-8")
        elif kind == "output":
            self._compare(block.text)
        elif kind == "not run":
            return
        elif block.language == "python":
            self._run_python(block)
        elif block.language in SHELLS:
            done = subprocess.run([*SHELLS[block.language], block.text], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
            self._said = done.stdout
        elif block.language == "json":
            json.loads(block.text)
        else:
            assert INERT.fullmatch(block.language), f"a block must say what it is, not {block.language!r}"

    def _run_python(self, block: Block) -> None:
        source = "\n" * block.line + block.text  # so that a traceback points into the page
        code = compile(source, str(self._page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

        async def evaluate() -> None:
            value = eval(code, self._names)
            if inspect.iscoroutine(value):
                await value

        with contextlib.redirect_stdout(io.StringIO()) as stdout:
            self._loop.run(evaluate())
        self._said = stdout.getvalue()

    def _compare(self, wanted: str) -> None:
        same = doctest.OutputChecker().check_output(wanted, self._said, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        assert same, f"the page says\n{wanted}\nbut the block before it prints\n{self._said}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_of_a_page_work_as_written(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs := tmp_path / ".programs").mkdir()
    for name, script in STAND_INS.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.chdir(tmp_path)
    with asyncio.Runner() as loop:
        reader = Reader(page, loop)
        for block in blocks_of(page):
            try:
                reader.follow(block)
            except BaseException as error:
                error.add_note(f"in the block at {page.relative_to(ROOT)}:{block.line}")
                raise


#: How each shell is made to print the words of a command line instead of running it.
PRINT_WORDS = {
    "bash": ["bash", "--norc", "-c", "runsemble() { printf '%s\\0' \"$@\"; }\n"],
    "zsh": ["zsh", "-f", "-c", "runsemble() { printf '%s\\0' \"$@\"; }\n"],
    "fish": ["fish", "--no-config", "-c", "function runsemble; printf '%s\\0' $argv; end\n"],
}
COMMAND_LINE = re.compile(r"(?:^|(?<=\| ))runsemble (?:.*\\\n)*.*$", re.M)
#: Where the words of a command line end: a pipe, a redirection, another command.
END = re.compile(r"\s(?:\\\n\s*)?(?:\||>|\|\||&&)\s")


def command_lines() -> list[str]:
    texts = [block.text for page in PAGES for block in blocks_of(page) if block.language in SHELLS]
    return sorted({_first_command(line) for text in texts for line in COMMAND_LINE.findall(text)})


def _first_command(line: str) -> str:
    ends = (match.start() for match in END.finditer(line) if line[: match.start()].count("'") % 2 == 0)
    return line[: next(ends, None)]


def test_a_command_line_of_the_docs_means_the_same_in_every_shell() -> None:
    lines = command_lines()
    assert len(lines) > 20
    texts = [f"{line}\nprintf '\\1'\n" for line in lines]
    words = {}
    for name, (*call, prelude) in PRINT_WORDS.items():
        assert shutil.which(name), f"{name} is not installed"
        done = subprocess.run([*call, prelude + "".join(texts)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        words[name] = [said.split("\0") for said in done.stdout.split("\1")]
    assert len(words["bash"]) == len(lines) + 1
    for line, *said in zip(lines, words["bash"], words["zsh"], words["fish"], strict=False):
        assert said[0] == said[1] == said[2], line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_line_of_code_has_to_be_scrolled(page: Path) -> None:
    blocks = [block for block in blocks_of(page) if block.language in {"python", *SHELLS}]
    assert [line for block in blocks for line in block.text.splitlines() if len(line) > 100] == []


def test_no_example_is_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    skipped = [(page.name, block.line) for page in PAGES for block in blocks_of(page) if "not run" in block.mark]
    with capsys.disabled():
        sys.stdout.write(f"\n{len(skipped)} examples of the documentation are not run\n")
    assert skipped == []


def test_the_reference_leaves_nothing_out() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    wanted = {
        "api.md": runsemble.__all__,
        "environment.md": sorted(set(re.findall(r"\bRUNSEMBLE_[A-Z]+(?:_[A-Z]+)*", source))),
        "events.md": [name for kind in events.Event.__args__ for name in (kind.__name__, *kind._fields)],
        "statuses-and-causes.md": [*STATUSES, *Cause],
    }
    for page, names in wanted.items():
        text = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
        assert [name for name in names if not re.search(rf"\b{name}\b", text)] == [], f"missing in {page}"


@pytest.mark.parametrize("page", PAGES[:2], ids=lambda page: str(page.name))
def test_a_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!\w+:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []
