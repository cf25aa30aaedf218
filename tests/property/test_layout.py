import os

from hypothesis import given
from hypothesis import strategies as st

from runsemble.errors import DirectoryError
from runsemble.workdir.layout import FLAT, SHARD, RunDirectories, default_name, run_of_default_name

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


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_default_names_tell_runs_apart_and_none_lies_in_another(one: int, other: int) -> None:
    assert run_of_default_name(default_name(one)) == one
    if one != other:
        assert default_name(one) != default_name(other)
        assert not default_name(one).startswith(default_name(other) + "/")


@given(st.integers(FLAT // SHARD, 10**6))
def test_a_directory_of_runs_never_holds_more_than_a_thousand(shard: int) -> None:
    first = shard * SHARD
    parents = {default_name(run).partition("/")[0] for run in (first, first + SHARD - 1)}
    assert parents == {str(first)}
    assert default_name(first + SHARD).partition("/")[0] != str(first)
