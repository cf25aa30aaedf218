import os

from hypothesis import given
from hypothesis import strategies as st

from runsemble.errors import DirectoryError
from runsemble.workdir.layout import RunDirectories

OUT = "/study/out"
names = st.text(alphabet="ab./") | st.text(max_size=5) | st.sampled_from([".shared", "..", ".", "", "a\0", "x" * 300])


def claimed(names: list[str], is_unique: bool = False) -> list[str]:
    """Return the directories of those runs that get one."""
    directories = RunDirectories(OUT)
    paths = []
    for run, name in enumerate(names):
        try:
            paths.append(directories.claim(name, run, is_unique))
        except DirectoryError:
            continue
    return paths


@given(st.lists(names))
def test_no_two_runs_share_a_directory(names: list[str]) -> None:
    paths = claimed(names)
    assert len(paths) == len(set(paths))


@given(st.lists(names))
def test_no_run_lies_in_the_directory_of_another(names: list[str]) -> None:
    paths = claimed(names)
    assert not [(a, b) for a in paths for b in paths if b.startswith(a + "/")]


@given(st.lists(names), st.booleans())
def test_every_directory_lies_in_the_output_directory(names: list[str], is_unique: bool) -> None:
    for path in claimed(names, is_unique):
        assert path.startswith(OUT + "/")
        assert os.path.normpath(path) == path
        assert not path.startswith(OUT + "/.shared/")
        assert path != OUT + "/.shared"


@given(st.lists(st.text(alphabet="ab", min_size=1), unique=True))
def test_plain_names_that_differ_are_never_refused(names: list[str]) -> None:
    assert claimed(names) == [f"{OUT}/{name}" for name in names]
