import errno
import os
import shutil
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runsemble.agent.aside import keep_results, set_aside
from runsemble.agent.protocol import DISK_FULL, NOT_LAUNCHED, NOT_STAGED
from runsemble.agent.spawn import Plan, Trouble, open_log, open_outputs, spawn

MakePlan = Callable[..., Plan]
Refuse = Callable[..., Trouble]

NOWHERE = b"/no/such/program"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty directory, and come back from wherever a test went."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refuse(here: Path, make_plan: MakePlan) -> Refuse:
    """Return a function that prepares a run which cannot start, and returns the trouble."""

    def spawn_in_vain(
        *, into: str = "run", attempt: int = 1, argv: tuple[bytes, ...] = (NOWHERE,), **changes: Any
    ) -> Trouble:
        run_dir = os.fsencode(here / into)
        with pytest.raises(Trouble) as caught:
            spawn(
                make_plan(**changes), run_dir, attempt, 0, '{"a":1}', None, list(argv), {}, b"",
                os.fsencode(here / "scratch"),
            )  # fmt: skip
        return caught.value

    return spawn_in_vain


def test_a_run_directory_is_made_and_filled_before_the_start(here: Path, refuse: Refuse) -> None:
    refuse(into="deep/down/run")
    run_dir = here / "deep/down/run"
    assert sorted(os.listdir(run_dir)) == ["params.json", "stderr", "stdout"]
    assert (run_dir / "params.json").read_text() == '{"a":1}'


def test_the_inputs_come_before_the_start(here: Path, refuse: Refuse) -> None:
    (here / "data").mkdir()
    (here / "data/x").write_text("x")
    (here / "model.sh").write_text("model")
    (here / "model.sh").chmod(0o755)
    data, model = str(here / "data"), str(here / "model.sh")
    refuse(stage=[["copy", model, "bin/model.sh"], ["copy", data, "data"], ["link", model, "link"]])
    assert (here / "run/bin/model.sh").read_text() == "model"
    assert stat.S_IMODE((here / "run/bin/model.sh").stat().st_mode) == 0o755
    assert (here / "run/data/x").read_text() == "x"
    assert os.readlink(here / "run/link") == model


def test_a_directory_that_exists_is_no_new_runs_own(here: Path, refuse: Refuse) -> None:
    (here / "run").mkdir()
    trouble = refuse()
    assert trouble.kind == NOT_STAGED
    assert str(trouble) == f"{here}/run exists already, so it cannot be a new run's own"
    assert os.listdir(here / "run") == []


def test_a_directory_that_was_prepared_is_taken_as_it_is(here: Path, refuse: Refuse) -> None:
    (here / "run").mkdir()
    (here / "run/mine").write_text("")
    assert refuse(directory="existing").kind == NOT_LAUNCHED
    assert sorted(os.listdir(here / "run")) == ["mine", "params.json", "stderr", "stdout"]


def test_a_missing_input_is_named(here: Path, refuse: Refuse) -> None:
    trouble = refuse(stage=[["copy", str(here / "gone.csv"), "gone.csv"]])
    assert trouble.kind == NOT_STAGED
    assert str(trouble) == f"{here}/gone.csv: No such file or directory"


def test_a_directory_that_could_not_be_filled_is_removed_again(here: Path, refuse: Refuse) -> None:
    (here / "a").write_text("a")
    refuse(stage=[["copy", str(here / "a"), "a"], ["copy", str(here / "gone"), "gone"]])
    assert not (here / "run").exists()


def test_a_directory_that_cannot_be_made_is_named(here: Path, refuse: Refuse) -> None:
    (here / "file").write_text("")
    trouble = refuse(into="file/run")
    assert trouble.kind == NOT_STAGED
    assert str(trouble).startswith(f"{here}/file/run: ")


def test_a_full_disk_is_told_from_other_trouble(here: Path, refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    monkeypatch.setattr(os, "mkdir", fail)
    trouble = refuse()
    assert trouble.kind == DISK_FULL
    assert str(trouble) == f"{here}/run: No space left on device"


def test_a_second_attempt_finds_nothing_of_the_first(here: Path, refuse: Refuse) -> None:
    refuse()
    (here / "run/results.json").write_text("1")
    (here / "run/own.dat").write_text("kept")
    refuse(attempt=2)
    assert sorted(os.listdir(here / "run")) == [".attempts", "own.dat", "params.json", "stderr", "stdout"]
    assert sorted(os.listdir(here / "run/.attempts/1")) == ["results.json", "stderr", "stdout"]
    assert (here / "run/.attempts/current").read_text() == "2"


def test_a_second_attempt_leaves_the_inputs_alone(here: Path, refuse: Refuse) -> None:
    (here / "state").write_text("fresh")
    stage = [["copy", str(here / "state"), "state"]]
    refuse(stage=stage)
    (here / "run/state").write_text("advanced")
    refuse(stage=stage, attempt=2)
    assert (here / "run/state").read_text() == "advanced"


def test_a_second_attempt_makes_the_directory_that_the_first_could_not_make(here: Path, refuse: Refuse) -> None:
    (here / "a").write_text("a")
    trouble = refuse(attempt=2, stage=[["copy", str(here / "a"), "a"]])
    assert trouble.kind == NOT_LAUNCHED
    assert (here / "run/a").read_text() == "a"
    assert (here / "run/.attempts/current").read_text() == "2"


def test_a_directory_is_made_although_those_above_it_are_being_removed(here: Path, refuse: Refuse) -> None:
    """As it is where directories of other runs are not kept, and theirs was the last one there."""
    is_over = threading.Event()

    def remove() -> None:
        while not is_over.wait(0.0001):  # one that never paused would leave nobody a chance
            with suppress(OSError):
                (here / "above").rmdir()

    remover = threading.Thread(target=remove)
    remover.start()
    try:
        for run in range(100):
            refuse(into=f"above/{run}")
            shutil.rmtree(here / f"above/{run}")
    finally:
        is_over.set()
        remover.join()


def test_a_second_attempt_has_the_inputs_that_the_first_lacked(here: Path, refuse: Refuse) -> None:
    stage = [["copy", str(here / "a"), "a"], ["copy", str(here / "late"), "late"]]
    (here / "a").write_text("a")
    refuse(stage=stage)
    (here / "late").write_text("late")
    refuse(stage=stage, attempt=2)
    assert (here / "run/a").read_text() == "a"
    assert (here / "run/late").read_text() == "late"


def test_a_second_attempt_has_the_inputs_that_the_first_died_over(here: Path, refuse: Refuse) -> None:
    for name in ("a", "b", "run/a"):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text(name)
    refuse(stage=[["copy", str(here / name), name] for name in ("a", "b")], attempt=2)
    assert (here / "run/b").read_text() == "b"


def test_every_attempt_is_set_aside_on_its_own() -> None:
    for attempt in (2, 3):
        Path("stdout").write_text(f"of attempt {attempt - 1}")
        set_aside(attempt)
    assert Path(".attempts/1/stdout").read_text() == "of attempt 1"
    assert Path(".attempts/2/stdout").read_text() == "of attempt 2"
    assert Path(".attempts/current").read_text() == "3"


def test_a_later_step_of_another_attempt_finds_what_earlier_ones_have_posted() -> None:
    Path("results.json").write_text("of step 0")
    keep_results(1)
    Path("results.json").write_text("of a step that failed")
    set_aside(2, 1)
    assert Path("results.json").read_text() == "of step 0"
    Path("results.json").write_text("of step 1")
    keep_results(2)
    set_aside(3, 0)
    assert not Path("results.json").exists()
    set_aside(4, 2)  # in attempt 3 nothing had been posted when its step 2 began
    assert not Path("results.json").exists()


@pytest.mark.parametrize(
    ("mode", "names"),
    [("files", ["stderr", "stdout"]), ("merged", ["output"]), ("discard", []), ("tail", ["scratch"])],
)
def test_the_output_goes_where_it_was_asked_for(mode: str, names: list[str], here: Path) -> None:
    out, err = open_outputs(mode, b"scratch", is_first=True)
    os.write(out, b"a")
    os.write(err, b"b")
    for fd in {out, err}:
        os.close(fd)
    assert sorted(os.listdir(here)) == names
    assert "".join(sorted(Path(name).read_text() for name in names)) == ("ab" if names else "")


def script(path: Path, first_line: str, mode: int = 0o755) -> bytes:
    path.write_text(first_line + "\n")
    path.chmod(mode)
    return os.fsencode(path)


def test_a_program_that_is_not_there_is_named(refuse: Refuse) -> None:
    trouble = refuse(argv=(NOWHERE,))
    assert (trouble.kind, str(trouble)) == (NOT_LAUNCHED, "command not found: /no/such/program")


def test_a_program_that_path_does_not_hold_is_named(refuse: Refuse) -> None:
    trouble = refuse(argv=(b"nope",), env={"PATH": "/usr/bin:/bin"})
    assert (trouble.kind, str(trouble)) == (NOT_LAUNCHED, "command not found: nope")


def test_a_program_that_is_not_executable_is_told_with_a_remedy(here: Path, refuse: Refuse) -> None:
    trouble = refuse(argv=(script(here / "model.sh", "#!/bin/sh", mode=0o644),))
    assert str(trouble) == f"{here}/model.sh is not executable: chmod +x it"


def test_a_directory_is_no_program(here: Path, refuse: Refuse) -> None:
    trouble = refuse(argv=(os.fsencode(here),))
    assert str(trouble) == f"{here} is not executable: it is a directory"


def test_a_script_whose_interpreter_is_missing_says_so(here: Path, refuse: Refuse) -> None:
    trouble = refuse(argv=(script(here / "model", "#!/no/such/interpreter"),))
    assert str(trouble) == f"{here}/model: the interpreter on its first line (#!) does not exist"


def test_a_script_without_a_first_line_says_so(here: Path, refuse: Refuse) -> None:
    trouble = refuse(argv=(script(here / "model", "echo hello"),))
    assert str(trouble).startswith(f"{here}/model is neither a program nor a script")


def test_too_long_a_command_says_so(refuse: Refuse) -> None:
    trouble = refuse(argv=(b"/bin/true", b"x" * 300_000))
    assert str(trouble) == "the arguments and environment for /bin/true are longer than the system allows"


def test_a_file_of_the_runs_own_is_written_with_its_bytes_and_its_permissions(here: Path, make_plan: MakePlan) -> None:
    files = [["deck.in", "a=1\r\n\udcff", 0o640], ["in/run.sh", "#!/bin/sh\n", 0o755]]
    with pytest.raises(Trouble):
        spawn(make_plan(), os.fsencode(here / "run"), 1, 0, "", files, [NOWHERE], {}, b"", b"scratch")
    assert (here / "run/deck.in").read_bytes() == b"a=1\r\n\xff"
    assert (here / "run/deck.in").stat().st_mode & 0o777 == 0o640
    assert (here / "run/in/run.sh").stat().st_mode & 0o777 == 0o755


def test_a_zero_byte_in_an_argument_is_trouble_of_that_run_alone(refuse: Refuse) -> None:
    assert refuse(argv=(b"/bin/true", b"a\0b")).kind == NOT_LAUNCHED


@pytest.mark.parametrize("variable", [(b"A=B", b""), (b"", b"x"), (b"A", b"x\0y")])
def test_an_impossible_variable_is_trouble_of_that_run_alone(
    variable: tuple[bytes, bytes], here: Path, make_plan: MakePlan
) -> None:
    name, value = variable
    with pytest.raises(Trouble):
        spawn(make_plan(), os.fsencode(here / "run"), 1, 0, "", None, [NOWHERE], {name: value}, b"", b"scratch")


def test_a_program_is_looked_for_on_the_path_given(here: Path, make_plan: MakePlan) -> None:
    script(here / "tool", "#!/bin/sh")
    assert make_plan().resolve(b"tool", os.fsencode(f"/nowhere:{here}")) == os.fsencode(here / "tool")


def test_a_program_given_by_path_is_not_looked_for(make_plan: MakePlan) -> None:
    assert make_plan().resolve(b"./tool", b"/usr/bin") == b"./tool"


def test_a_relative_path_means_every_runs_own_directory(
    here: Path, make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan()
    found = []
    for name in ("one", "two"):
        (here / name).mkdir()
        script(here / name / "tool", "#!/bin/sh")
        monkeypatch.chdir(here / name)
        found.append(os.path.abspath(plan.resolve(b"tool", b".")))
    assert found == [os.fsencode(here / "one/tool"), os.fsencode(here / "two/tool")]


def test_a_log_is_one_process_s_and_the_former_one_gets_a_number(here: Path) -> None:
    for text in (b"one", b"two", b"three"):
        out, err = open_log(os.fsencode(here))
        assert out == err
        os.write(out, text)
        os.close(out)
    assert {path.name: path.read_text() for path in here.iterdir()} == {
        "run_0001.log": "one", "run_0002.log": "two", "run.log": "three"
    }  # fmt: skip


def test_a_log_outside_the_run_directory_is_appended_to(here: Path) -> None:
    (here / "run").mkdir()
    for text in (b"one", b"two"):
        out, _ = open_log(os.fsencode(here / "run"))
        os.write(out, text)
        os.close(out)
    assert (here / "run.log").read_text() == "onetwo"


def test_a_tidy_run_leaves_only_its_log_and_finds_its_files_anew_at_its_first_step(
    here: Path, make_plan: MakePlan
) -> None:
    (here / "deck").write_text("new")
    (here / "run").mkdir()
    (here / "run/results.json").write_text("the user's")
    plan = make_plan(
        output="log", posts=str(here / "posts"), directory="refill", stage=[["copy", str(here / "deck"), "deck"]]
    )
    for attempt, step, content in ((1, 0, "new"), (2, 1, "changed"), (2, 0, "new")):
        (here / "run/deck").write_text("changed")
        with pytest.raises(Trouble):
            spawn(plan, os.fsencode(here / "run"), attempt, step, '{"a":1}', None, [NOWHERE], {}, b"", b"", None)
        assert (here / "run/deck").read_text() == content
    assert sorted(os.listdir(here / "run")) == ["deck", "results.json", "run.log", "run_0001.log", "run_0002.log"]
    assert (here / "run/results.json").read_text() == "the user's"
