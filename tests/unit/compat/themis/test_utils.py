"""The helpers of `themis.utils`, as section 1.10 of the specification has them."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runsemble.compat.themis import utils
from runsemble.compat.themis._checks import check_abort_on, check_limit

UNIQUE = "That combination of samples and run_dir_names will not produce unique run directories."
NO_KEYS = "The samples do not have keys matching the run_dir_names format string"


@pytest.fixture(autouse=True)
def _in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def touch(*names: str, mode: int = 0o644) -> None:
    for name in names:
        Path(name).write_text("")
        Path(name).chmod(mode)


def refusal(error: type[Exception], function: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(error) as caught:
        function(*args, **kwargs)
    return str(caught.value)


def test_the_constants_are_the_published_ones() -> None:
    assert utils.DEFAULT_SETUP_DIR == "./.themis_setup"
    assert utils.DEFAULT_RUN_DIR_NAMES == "runs/{run_id}"
    assert utils.URI_ENV_VAR == "THEMIS_URI"
    assert utils.RUNID_ENV_VAR == "THEMIS_RUNID"
    assert utils.SETUPDIR_ENV_VAR == "THEMIS_SETUPDIR"
    assert utils.EXECDIR_ENV_VAR == "THEMIS_EXECDIR"


def test_every_name_of_the_module_exists() -> None:
    assert all(hasattr(utils, name) for name in utils.__all__)


# Values


def test_none_is_replaced_and_nothing_else() -> None:
    assert utils.convert_none(None, 3) == 3
    assert utils.convert_none(0, 3) == 0


def test_a_value_of_a_right_type_is_returned() -> None:
    assert utils.type_check(3, int) == 3
    assert utils.type_check(None, str, type(None)) is None


def test_a_value_of_a_wrong_type_is_a_type_error() -> None:
    assert refusal(TypeError, utils.type_check, 3, str) == "Expected a type in (<class 'str'>,), got <class 'int'>"


def test_a_value_within_its_range_is_returned() -> None:
    assert utils.range_check(3, 3, 3) == 3
    assert utils.range_check(-9) == -9


@pytest.mark.parametrize(
    ("args", "name", "message"),
    [
        ((3, 4), None, "value should be at least 4"),
        ((3, None, 2), None, "value should be at most 2"),
        ((0, 1), "nodes", "nodes should be at least 1"),
        ((3, 4, 2), None, "value should be at least 4"),
    ],
)
def test_a_value_out_of_its_range_is_a_value_error(args: tuple[Any, ...], name: str | None, message: str) -> None:
    assert refusal(ValueError, utils.range_check, *args, **({} if name is None else {"name": name})) == message


@pytest.mark.parametrize("value", ["a", None])
def test_what_cannot_be_compared_is_a_type_error(value: Any) -> None:
    assert refusal(TypeError, utils.range_check, value, 4)


@pytest.mark.parametrize(("value", "limit"), [(None, -1), (-1, -1), (0, 0), (7, 7)])
def test_no_limit_is_minus_one(value: int | None, limit: int) -> None:
    assert check_limit(value, "max_restarts") == limit


@pytest.mark.parametrize("name", ["max_restarts", "max_failed_runs"])
def test_a_limit_below_minus_one_is_a_value_error(name: str) -> None:
    assert refusal(ValueError, check_limit, -2, name) == f"{name} should be at least -1"


@pytest.mark.parametrize(("codes", "checked"), [(None, ()), ([], ()), ([3, 4], (3, 4)), (iter([1]), (1,))])
def test_exit_codes_that_end_a_run_are_kept(codes: Any, checked: tuple[int, ...]) -> None:
    assert check_abort_on(codes) == checked


@pytest.mark.parametrize("codes", [[0], [-1], [1.5], ["3"], [3, None], "3"])
def test_exit_codes_are_positive_integers(codes: Any) -> None:
    assert refusal(ValueError, check_abort_on, codes) == "`abort_on` must contain only positive integers"


# Paths


def test_a_program_is_found_along_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkdir("bin")
    touch("bin/prog", mode=0o755)
    monkeypatch.setenv("PATH", os.path.abspath("bin"))
    assert utils.which("prog") == os.path.abspath("bin/prog")
    assert utils.validate_application("prog") == os.path.abspath("bin/prog")
    assert utils.which("nothing") is None
    assert utils.which("") is None


def test_a_program_given_by_its_path_becomes_absolute() -> None:
    touch("app.sh", mode=0o755)
    assert utils.validate_application("app.sh") == os.path.abspath("app.sh")
    assert utils.validate_application(Path("./app.sh")) == os.path.abspath("app.sh")


@pytest.mark.parametrize("name", ["plain.txt", "folder", "nothing", ""])
def test_what_is_no_program_is_a_value_error(name: str) -> None:
    touch("plain.txt")
    os.mkdir("folder")
    message = f"{name} is not a valid application: it either does not exist or is not executable."
    assert refusal(ValueError, utils.validate_application, name) == message


def test_an_existing_file_becomes_absolute() -> None:
    touch("a.txt")
    assert utils.existing_file("a.txt") == os.path.abspath("a.txt")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("zz", "'zz' is not an existing file"),
        (3, "3 is not an existing file"),
        ("folder", "'folder' is a directory, but a file is required"),
    ],
)
def test_what_is_no_existing_file_is_a_value_error(path: Any, message: str) -> None:
    os.mkdir("folder")
    assert refusal(ValueError, utils.existing_file, path) == message


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (None, []),
        ([], []),
        ("b.in", ["b.in"]),
        ("*.in", ["a.in", "b.in"]),
        (["b.in", "*.in", "./a.in"], ["b.in", "a.in"]),
        (Path("b.in"), ["b.in"]),
        (iter(["c[1].dat", "folder"]), ["c[1].dat", "folder"]),
    ],
)
def test_patterns_are_expanded_in_the_given_order_each_path_once(patterns: Any, names: list[str]) -> None:
    touch("a.in", "b.in", "c[1].dat")
    os.mkdir("folder")
    assert utils.sequence_of_path_patterns(patterns) == tuple(os.path.abspath(name) for name in names)


@given(st.lists(st.sampled_from(["a.in", "b.in", "c.in", "?.in", "[ab].in"])))
def test_patterns_never_yield_a_path_twice(patterns: list[str]) -> None:
    touch("a.in", "b.in", "c.in")
    found = utils.sequence_of_path_patterns(patterns)
    literal = [os.path.abspath(name) for name in dict.fromkeys(patterns) if "?" not in name and "[" not in name]
    assert len(set(found)) == len(found)
    assert set(literal) <= set(found)


@pytest.mark.parametrize("patterns", ["zzz*", ["zzz*"]])
def test_a_pattern_that_matches_nothing_is_a_value_error(patterns: Any) -> None:
    assert refusal(ValueError, utils.sequence_of_path_patterns, patterns) == "'zzz*' does not match anything."


def test_an_empty_pattern_is_a_value_error() -> None:
    assert refusal(ValueError, utils.sequence_of_path_patterns, "") == "'' does not match anything."


@pytest.mark.parametrize("patterns", [3, [3]])
def test_what_is_no_pattern_is_a_type_error(patterns: Any) -> None:
    assert refusal(TypeError, utils.sequence_of_path_patterns, patterns)


def test_a_directory_is_a_value_error_where_none_may_be() -> None:
    os.mkdir("folder")
    assert "is a directory" in refusal(ValueError, utils.sequence_of_path_patterns, "fold*", no_dirs=True)


# Run directories


@pytest.mark.parametrize(
    ("run_id", "names", "sample", "directory"),
    [
        (1, "runs/{run_id}", {}, "runs/1"),
        (1, "runs/{run_id}", None, "runs/1"),
        (10_001, "r/{run_id}/{x}/{run_id_min}-{run_id_max}", {"x": 5}, "r/10001/5/10000-19999"),
        (9_999, "{run_id_min}/{run_id_max}", {}, "0/9999"),
        (10_000, "{run_id_min}/{run_id_max}", {}, "10000/19999"),
        (7, "{run_id:05d}/x={x:.2f}", {"x": 1.5}, "00007/x=1.50"),
        (3, "{m[k]}{run_id}", {"m": {"k": "v"}, 1: "unused"}, "v3"),
        (3, "{run_id}", {"run_id": "of the sample"}, "3"),
    ],
)
def test_a_run_directory_is_formatted(run_id: int, names: str, sample: Any, directory: str) -> None:
    assert utils.get_run_dir(run_id, names, sample) == directory


def test_a_name_that_the_sample_lacks_is_a_key_error() -> None:
    assert refusal(KeyError, utils.get_run_dir, 1, "{y}", {"x": 1}) == "'y'"


def test_samples_are_returned_as_a_list() -> None:
    assert utils.validate_samples(iter([{"a": 1}, {"a": 2}]), "r/{a}", True) == [{"a": 1}, {"a": 2}]
    assert utils.validate_samples([{"a": 1}, {"a": 1}]) == [{"a": 1}, {"a": 1}]
    assert utils.validate_samples([]) == []


@pytest.mark.parametrize(
    ("samples", "names", "message"),
    [
        ([], None, "There are no samples"),
        ([{"a": 1}, {"a": 1}], "r/{a}", UNIQUE),
        ([{"a": 1}, {"a": "1/"}], "r/{a}", UNIQUE),
        ([{"a": 1}], "r/{b}", NO_KEYS),
        ([{"a": 1}], "r/{a.b}", NO_KEYS),
    ],
)
def test_samples_that_do_not_suit_are_a_value_error(samples: Any, names: str | None, message: str) -> None:
    assert refusal(ValueError, utils.validate_samples, samples, names, check_nonempty=True) == message


@pytest.mark.parametrize("names", ["r/{}", "r/{", "r/{a:.2f}"])
def test_what_is_no_format_string_for_a_sample_is_a_value_error(names: str) -> None:
    assert refusal(ValueError, utils.validate_samples, [{"a": "text"}], names)


@pytest.mark.parametrize("samples", [[3], 3, [[("a", 1)]]])
def test_what_is_no_sample_is_a_type_error(samples: Any) -> None:
    assert refusal(TypeError, utils.validate_samples, samples)


# Interfaces


def test_no_interface_is_none() -> None:
    assert utils.import_app_interface(None) is None


@pytest.mark.parametrize("name", ["iface.py", "iface.txt", "iface"])
def test_an_interface_is_loaded_whatever_it_is_called(name: str) -> None:
    Path(name).write_text("def prep_run(): return __file__\n")
    module = utils.import_app_interface(name)
    assert module is not None
    assert module.__name__ == "app_interface_iface"
    assert module.prep_run() == os.path.abspath(name)
    assert "app_interface_iface" not in sys.modules


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import no_such_module_here\n", ModuleNotFoundError),
        ("1/0\n", ZeroDivisionError),
        ("def f(:\n", SyntaxError),
    ],
)
def test_what_an_interface_raises_passes_through(text: str, error: type[Exception]) -> None:
    Path("iface.py").write_text(text)
    assert refusal(error, utils.import_app_interface, "iface.py")


def test_a_missing_interface_is_a_file_not_found_error() -> None:
    assert refusal(FileNotFoundError, utils.import_app_interface, "nothing.py")


# Directories and time


def test_another_directory_is_the_current_one_for_a_while() -> None:
    os.mkdir("sub")
    here = os.getcwd()
    with utils.DirectoryManager("sub"):
        assert os.getcwd() == here + "/sub"
    assert os.getcwd() == here


def test_the_former_directory_comes_back_after_an_error() -> None:
    here = os.getcwd()
    with pytest.raises(ZeroDivisionError), utils.DirectoryManager("/"):
        raise ZeroDivisionError
    assert os.getcwd() == here


def test_a_directory_that_is_not_there_is_an_error_and_nothing_changes() -> None:
    here = os.getcwd()
    with pytest.raises(FileNotFoundError), utils.DirectoryManager("nothing"):
        pass
    assert os.getcwd() == here


def test_a_clean_directory_is_empty_at_first_and_stays() -> None:
    os.mkdir("sub")
    touch("sub/old")
    with utils.CleanDirectory("sub"):
        assert os.listdir(".") == []
        touch("new")
    assert os.listdir("sub") == ["new"]


def test_a_function_runs_in_a_directory_of_its_name() -> None:
    @utils.clean_directory_decorator()
    def work(x: int) -> tuple[str, int]:
        return os.path.basename(os.getcwd()), x

    @utils.clean_directory_decorator("other")
    def elsewhere() -> str:
        return os.path.basename(os.getcwd())

    assert work(3) == ("work", 3)
    assert work.__name__ == "work"
    assert elsewhere() == "other"


def test_a_function_that_takes_too_long_is_ended_by_an_os_error() -> None:
    @utils.timeout_decorator(1)
    def slow() -> None:
        signal.sigtimedwait([signal.SIGUSR2], 20)

    before = signal.getsignal(signal.SIGALRM)
    assert refusal(OSError, slow) == "Alarm handler called"
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_function_that_is_fast_enough_is_left_alone() -> None:
    @utils.timeout_decorator(10)
    def fast(x: int) -> float:
        return time.monotonic() + x

    assert fast(3) > 3
    assert signal.alarm(0) == 0
