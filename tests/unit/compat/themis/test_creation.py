"""The arguments of `Themis.create`, as section 1.6 of the specification has them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import pytest

from runsemble.compat.themis._creation import check_creation, find_flux, give_application
from runsemble.compat.themis._paths import RunFiles, run_files
from runsemble.compat.themis._runs import CompositeRun, Run, Step


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    for name in ("a.in", "b.in", "c.in", "app.sh"):
        Path(name).write_text("")
    Path("app.sh").chmod(0o755)
    Path("folder").mkdir()
    return str(tmp_path)


def refusal(error: type[Exception], **arguments: Any) -> str:
    with pytest.raises(error) as caught:
        check_creation(**arguments)
    return str(caught.value)


def names_of(files: RunFiles) -> tuple[list[str], list[str], list[str]]:
    return (
        [os.path.basename(path) for path in files.parse],
        [os.path.basename(path) for path in files.copy],
        [os.path.basename(path) for path in files.symlink],
    )


def test_the_defaults_ask_for_nothing(here: str) -> None:
    creation = check_creation()
    assert creation.application is None
    assert creation.files == RunFiles()
    assert creation.run_dir_names == here + "/runs/{run_id}"
    assert creation.app_interface is None
    assert (creation.max_restarts, creation.max_failed_runs) == (0, -1)
    assert creation.app_is_batch_script is True
    assert creation.flux is None
    assert creation.abort_on == ()


def test_paths_are_seen_from_the_current_directory(here: str) -> None:
    Path("hooks.py").write_text("X = 1\n")
    creation = check_creation(
        application="./app.sh", run_dir_names="x={x}", app_interface="hooks.py", run_symlink=["folder", "a.in"]
    )
    assert creation.application == here + "/app.sh"
    assert creation.run_dir_names == here + "/x={x}"
    assert creation.app_interface == here + "/hooks.py"
    assert creation.files.symlink == (here + "/folder", here + "/a.in")


@pytest.mark.parametrize("application", [None, ""])
def test_no_application_is_none(application: Any) -> None:
    assert check_creation(application=application).application is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"application": "a.in"},
            "a.in is not a valid application: it either does not exist or is not executable.",
        ),
        ({"run_copy": "zzz*"}, "'zzz*' does not match anything."),
        ({"max_restarts": -2}, "max_restarts should be at least -1"),
        ({"max_failed_runs": -2}, "max_failed_runs should be at least -1"),
        ({"abort_on": [0]}, "`abort_on` must contain only positive integers"),
        ({"use_flux": "/no/flux"}, "Can't find Flux installation at user-specified path '/no/flux'"),
    ],
)
def test_what_makes_no_sense_is_a_value_error(arguments: dict[str, Any], message: str) -> None:
    assert refusal(ValueError, **arguments) == message


def test_a_directory_cannot_be_parsed() -> None:
    assert "is a directory" in refusal(ValueError, run_parse="folder")


def test_a_pattern_that_is_none_is_a_type_error() -> None:
    assert refusal(TypeError, run_copy=3)


def test_any_number_of_restarts_is_minus_one() -> None:
    assert check_creation(max_restarts=None).max_restarts == -1


def test_an_interface_that_imports_what_is_not_there_is_an_import_error() -> None:
    Path("hooks.py").write_text("import no_such_module_here\n")
    message = refusal(ImportError, app_interface="hooks.py")
    assert message == "Couldn't import the application interface: No module named 'no_such_module_here'"


def test_an_interface_that_is_not_there_is_a_file_not_found_error() -> None:
    assert refusal(FileNotFoundError, app_interface="hooks.py")


def test_what_an_interface_raises_passes_through() -> None:
    Path("hooks.py").write_text("1/0\n")
    assert refusal(ZeroDivisionError, app_interface="hooks.py")


def test_a_path_in_two_groups_stays_in_the_first_with_one_warning() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        files = run_files("a.in", ["b.in", "a.in"], ["*.in", "folder"])
    assert names_of(files) == (["a.in"], ["b.in"], ["c.in", "folder"])
    (warning,) = caught
    assert warning.category is UserWarning
    assert "should be distinct" in str(warning.message)


def test_groups_that_share_nothing_are_not_warned_of() -> None:
    assert names_of(run_files("b.in", ("c.in", "a.in"), "folder")) == (["b.in"], ["c.in", "a.in"], ["folder"])


def test_a_batch_script_is_not_linked_since_it_is_copied(here: str) -> None:
    arguments: dict[str, Any] = {"application": "app.sh", "run_symlink": ["app.sh", "a.in"]}
    assert check_creation(**arguments).files.symlink == (here + "/a.in",)
    assert here + "/app.sh" in check_creation(**arguments, app_is_batch_script=False).files.symlink


@pytest.mark.parametrize("use_flux", [False, None, "", 0])
def test_flux_is_not_looked_for_unless_asked_for(use_flux: Any) -> None:
    assert find_flux(use_flux, lambda _: pytest.fail("looked for")) is None


def test_flux_is_found_on_the_path_or_where_it_is_said_to_be() -> None:
    assert find_flux(True, {"flux": "/opt/flux"}.get) == "/opt/flux"
    assert find_flux("/other/flux", {"/other/flux": "/other/flux"}.get) == "/other/flux"


def test_a_flux_that_is_nowhere_is_a_runtime_error() -> None:
    with pytest.raises(RuntimeError) as caught:
        find_flux(True, lambda _: None)
    assert str(caught.value) == "Cannot find Flux installation"


def test_runs_are_told_their_program_in_place() -> None:
    run, composite = Run({"a": 1}, "x"), CompositeRun({}, [Step("y")])
    assert give_application(iter([run, composite]), "/bin/app", False) == [run, composite]
    assert (run.application, run.app_is_batch_script) == ("/bin/app", False)
    assert run.steps[0].args == ["/bin/app", "x"]


@pytest.mark.parametrize(
    ("runs", "application", "error"),
    [
        ([Run({})], None, TypeError),
        ([{"a": 1}], "/bin/app", TypeError),
        ([Run({}, tasks="many")], "/bin/app", ValueError),
    ],
)
def test_a_run_that_cannot_be_is_found_at_once(runs: Any, application: str | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        give_application(runs, application, True)
