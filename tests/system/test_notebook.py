"""Cells of a notebook, executed by a real kernel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

STUDY = 'result = await multirun(runs=[{"n": n} for n in range(8)], cmd=["sh", "-c", "sleep 0.1; test {n} != 3"])'
NO_WIDGETS = "import sys; sys.modules['ipywidgets'] = None"
EXECUTE = "from nbclient.cli import NbClientApp; NbClientApp.launch_instance()"


def execute(directory: Path, *cells: str) -> list[list[dict[str, Any]]]:
    """Execute cells in a new kernel; return the outputs of each."""
    path = directory / "notebook.ipynb"
    blank: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    made = [{**blank, "id": f"cell{at}", "source": cell} for at, cell in enumerate(cells)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook))
    call = [sys.executable, "-c", EXECUTE, "--inplace", "--timeout=60", str(path)]
    done = subprocess.run(call, capture_output=True, text=True, cwd=directory, check=False)
    assert done.returncode == 0, done.stderr
    return [cell["outputs"] for cell in json.loads(path.read_text())["cells"]]


def test_a_study_in_a_notebook_shows_a_bar_and_a_summary(tmp_path: Path) -> None:
    _, study, shown, ordinary = execute(
        tmp_path,
        "from runsemble import multirun, multirun_sync",
        STUDY,
        "result",
        'len(multirun_sync(runs=[{}], cmd=["true"], progress=False))',
    )
    (bar,) = [output for output in study if output["output_type"] == "display_data"]
    assert "application/vnd.jupyter.widget-view+json" in bar["data"]
    said = "".join("".join(output["text"]) for output in study if output["output_type"] == "stream")
    assert said.startswith("run 3 failed: exit code 1")
    (table,) = ["".join(output["data"]["text/html"]) for output in shown]
    assert "7 of 8 runs succeeded, 1 failed" in table
    assert ordinary[0]["data"]["text/plain"] == ["1"]


def test_without_widgets_the_bar_is_text_and_nobody_is_warned(tmp_path: Path) -> None:
    _, study = execute(tmp_path, "from runsemble import multirun", f"{NO_WIDGETS}\n{STUDY}")
    assert {output["output_type"] for output in study} == {"stream"}
    text = "".join("".join(output["text"]) for output in study)
    assert "8/8" in text
    assert "Warning" not in text
