from pathlib import Path
from typing import Any

import pytest

from runsemble.agent import protocol
from runsemble.errors import InputFileError, UsageError
from runsemble.model.files import TAIL_BYTES, FileResource, require_output_mode


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        (FileResource("data/table.h5"), "table.h5"),
        (FileResource(Path("data/table.h5")), "table.h5"),
        (FileResource("/abs/data/"), "data"),
        (FileResource("../model.py"), "model.py"),
        (FileResource("table.h5", rename="in/table.h5"), "in/table.h5"),
        (FileResource("..", rename="parent"), "parent"),
    ],
)
def test_a_file_keeps_its_own_name_unless_renamed(resource: FileResource, name: str) -> None:
    assert resource.name == Path(name)


@pytest.mark.parametrize("linkage", ["hard", "", None, "COPY"])
def test_an_unknown_linkage_is_refused(linkage: Any) -> None:
    with pytest.raises(InputFileError, match="linkage must be 'copy', 'shared' or 'link'"):
        FileResource("a", linkage=linkage)


@pytest.mark.parametrize("rename", ["/etc/passwd", "../a", "a/../../b", "", ".", "a/.."])
def test_a_new_name_outside_the_run_directory_is_refused(rename: str) -> None:
    with pytest.raises(InputFileError, match="must be a path inside the run directory"):
        FileResource("a", rename=rename)


@pytest.mark.parametrize("path", ["..", "/", "."])
def test_a_path_without_a_name_is_refused_by_that_path(path: str) -> None:
    with pytest.raises(InputFileError) as caught:
        FileResource(path)
    assert repr(path) in str(caught.value)
    assert "None" not in str(caught.value)


@pytest.mark.parametrize("mode", ["files", "merged", "discard", "tail"])
def test_a_known_output_mode_is_taken(mode: str) -> None:
    assert require_output_mode(mode) == mode


@pytest.mark.parametrize("mode", ["file", "", None, True])
def test_an_unknown_output_mode_is_refused(mode: Any) -> None:
    with pytest.raises(UsageError, match="output must be 'files', 'merged', 'discard' or 'tail'"):
        require_output_mode(mode)


def test_driver_and_agent_keep_the_same_tail() -> None:
    assert protocol.TAIL_BYTES == TAIL_BYTES
