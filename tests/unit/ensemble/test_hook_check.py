"""A file with hooks is imported in a process of its own before anything is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runsemble.ensemble.hook_check import require_importable
from runsemble.errors import CommandError


async def refusal(here: Path, text: str, patience_s: float = 60.0) -> str:
    """Return why a file with this text is refused, without what every refusal begins with."""
    path = here / "hooks.py"
    path.write_text(text)
    with pytest.raises(CommandError) as caught:
        await require_importable(str(path), str(here), patience_s)
    start = f"the hooks in {path} cannot be imported: "
    assert str(caught.value).startswith(start)
    return str(caught.value).removeprefix(start)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("from os import no_such_name", "ImportError: cannot import name 'no_such_name' from 'os'"),
        ("x = missing", "NameError: name 'missing' is not defined"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import sys; sys.exit(0)", "it ended its process, with exit code 0"),
        ("import os; os._exit(7)", "it ended its process, with exit code 7"),
        ("import os; os.kill(os.getpid(), 11)", "its process was ended by SIGSEGV"),
    ],
)
async def test_what_cannot_be_imported_is_refused_with_the_last_line_of_its_traceback(
    tmp_path: Path, text: str, why: str
) -> None:
    assert (await refusal(tmp_path, text)).startswith(why)


async def test_an_import_that_hangs_is_ended_with_what_it_has_started(tmp_path: Path) -> None:
    text = "import subprocess\nsubprocess.Popen(['sleep', '1000']).wait()\n"
    assert await refusal(tmp_path, text, 0.5) == "that took longer than 0.5 s"


async def test_what_an_import_leaves_behind_is_ended_and_disturbs_nobody(tmp_path: Path) -> None:
    path = tmp_path / "hooks.py"
    path.write_text(
        "import os, subprocess, threading, time\n"
        "print('noise')\n"
        "os.environ['LEFT'] = 'behind'\n"
        "subprocess.Popen(['sleep', '1000'])\n"
        "threading.Thread(target=time.sleep, args=[1000]).start()\n"
        "def post_run(): pass\n"
    )
    await require_importable(str(path), str(tmp_path))
    assert "LEFT" not in os.environ
