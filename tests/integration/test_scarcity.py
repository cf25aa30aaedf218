"""When something runs short: file descriptors, disk space, permissions."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runsemble import MultirunResult, ParallelLocalRunner, multirun
from runsemble.model import events

from .support import Gate, names_in, own_agents, processes_of, run_directories_in, wait_until


def run_script(here: Path, script: str, *before: str) -> str:
    """Run lines of Python in a process of their own, where they may give up what this one needs; return its output."""
    path = here / "script.py"
    path.write_text("from runsemble import *\nfrom runsemble.errors import *\n" + textwrap.dedent(script))
    done = subprocess.run(
        [*before, sys.executable, path], cwd=here, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_hundred_runs_get_by_with_64_descriptors(here: Path) -> None:
    said = run_script(
        here,
        """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        result = multirun_sync(
            runs=({"x": x} for x in range(200)), cmd=["echo", "{x}"], output_path="out", progress=False,
            runner=ParallelLocalRunner(max_parallel=100),
        )
        print(result.statistics.success_count, sum(run.read_stdout() == b"%d\\n" % run.id for run in result))
        """,
    )
    assert said.split() == ["200", "200"]


def test_hundred_runs_at_once_get_by_with_64_descriptors(here: Path) -> None:
    said = run_script(
        here,
        """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        everybody = 'touch ../{x}-came; until [ $(ls .. | grep -c came) -ge 100 ]; do sleep 0.2; done'
        result = multirun_sync(
            runs=({"x": x} for x in range(100)), cmd=["sh", "-c", everybody], output_path="out", progress=False,
            runner=ParallelLocalRunner(max_parallel=100), timeout_s=50,
        )
        print(result.statistics.success_count)
        """,
    )
    assert said.split() == ["100"]


# A full disk


@pytest.fixture
def small_disk(here: Path) -> Iterator[Path]:
    """Mount a file system of 600 KiB, where that is permitted."""
    disk = here / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if os.getuid() != 0 or mount is None:
        pytest.skip("only root can mount a small disk")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=600k", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True, capture_output=True)


#: What an empty record takes on a disk.
RECORD_KIB = 160


def fill(disk: Path, leave_kib: int) -> Path:
    """Fill a disk up but for some KiB; return the file that does it."""
    ballast = disk / "ballast"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
    ballast.write_bytes(b"x" * (free - (leave_kib + RECORD_KIB) * 1024))
    return ballast


#: Parameters that take three pages on the disk, so that the disk can be full in the middle of them.
LARGE = {"text": "x" * 10_000}
#: Fails if its parameters are not all there.
IS_WHOLE = "test $(wc -c < params.json) -gt 10000"


def run_on(disk: Path, runner: ParallelLocalRunner, script: str, count: int) -> MultirunResult:
    runs = [{"x": x, **LARGE} for x in range(count)]
    return asyncio.run(
        multirun(runs=runs, cmd=["sh", "-c", script], output_path=disk / "out", runner=runner, progress=True)
    )


def on_pause(act: Callable[[], object]) -> Callable[[events.Event], None]:
    def listen(event: events.Event) -> None:
        if isinstance(event, events.Paused):
            act()

    return listen


def test_a_full_disk_is_waited_for_and_the_study_is_completed(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ballast = fill(small_disk, leave_kib=64)
    runner = ParallelLocalRunner(max_parallel=2)
    pauses: list[dict[str, bool]] = []

    def free() -> None:
        pauses.append({p.parent.name: p.stat().st_size > 10_000 for p in small_disk.glob("out/*/params.json")})
        ballast.unlink(missing_ok=True)

    runner.listen(on_pause(free))
    result = run_on(small_disk, runner, IS_WHOLE, count=12)
    assert len(pauses) == 1
    assert all(pauses[0].values()), f"directories that were filled in part: {pauses[0]}"
    assert 2 <= len(pauses[0]) <= 9
    assert [run.status for run in result] == ["success"] * 12
    assert [run.attempts for run in result] == [1] * 12
    for run in result:
        assert json.loads(Path(run.run_dir, "params.json").read_text()) == run.params
    said = capsys.readouterr().err
    assert "nothing new is started: the disk is full (" in said
    assert said.count("the disk is full") == 1
    assert "runs are started again" in said


def test_runs_under_way_finish_on_a_full_disk(small_disk: Path, here: Path) -> None:
    ballast = fill(small_disk, leave_kib=28)
    gate = Gate(here / "gate")
    runner = ParallelLocalRunner(max_parallel=4)
    runner.listen(on_pause(gate.open))
    ended: list[events.RunEnded] = []

    def listen(event: events.Event) -> None:
        if isinstance(event, events.RunEnded):
            ended.append(event)
            ballast.unlink(missing_ok=True)

    runner.listen(listen)
    result = run_on(small_disk, runner, f"{IS_WHOLE} && {gate.words}", count=6)
    assert ended[0].status == "success", "a run that had begun did not get to its end"
    assert result.statistics.success_count == 6


def test_a_disk_that_stays_full_ends_the_study_and_keeps_what_there_is(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import runsemble.sched.drought as drought

    for name in dir(drought):
        if name.endswith("PATIENCE_S"):
            monkeypatch.setattr(drought, name, 0.5)
    fill(small_disk, leave_kib=64)
    result = run_on(small_disk, ParallelLocalRunner(max_parallel=2), IS_WHOLE, count=12)
    succeeded = [run for run in result if run.status == "success"]
    assert 2 <= len(succeeded) <= 9
    missing = [run for run in result if run.status != "success"]
    assert {(run.status, str(run.cause)) for run in missing} <= {("failure", "disk_full"), ("skipped", "aborted")}
    assert "disk_full" in {str(run.cause) for run in missing}
    assert run_directories_in(small_disk / "out") == sorted(str(run.id) for run in succeeded)
    assert "the disk stayed full" in capsys.readouterr().err


def test_a_full_disk_at_the_very_start_is_told(small_disk: Path) -> None:
    ballast = fill(small_disk, leave_kib=0)
    reasons: list[str] = []
    runner = ParallelLocalRunner()

    def listen(event: events.Event) -> None:
        if isinstance(event, events.Paused):
            reasons.append(event.reason)
            ballast.unlink(missing_ok=True)

    runner.listen(listen)
    result = run_on(small_disk, runner, IS_WHOLE, count=1)
    assert result[0].status == "success"
    assert len(reasons) == 1
    assert "the disk is full" in reasons[0]
    assert str(small_disk) in reasons[0]


async def test_a_study_that_waits_for_a_full_disk_can_be_cancelled(small_disk: Path) -> None:
    fill(small_disk, leave_kib=0)
    paused = asyncio.Event()
    runner = ParallelLocalRunner()
    runner.listen(on_pause(paused.set))
    study = asyncio.create_task(
        multirun(runs=[LARGE] * 3, cmd=["true"], output_path=small_disk / "out", runner=runner, progress=False)
    )
    async with asyncio.timeout(20):
        await paused.wait()
        study.cancel()
        with pytest.raises(asyncio.CancelledError):
            await study
    assert own_agents() == []


def test_a_result_that_does_not_fit_is_the_runs_own_failure_and_leaves_no_half(small_disk: Path) -> None:
    fill(small_disk, leave_kib=64)
    script = "from runsemble import *; postRunResults('x' * 200_000)"
    result = asyncio.run(
        multirun(runs=[{}], cmd=[sys.executable, "-c", script], output_path=small_disk / "out", progress=False)
    )
    run = result[0]
    assert (run.status, str(run.cause), run.result) == ("failure", "exit", None)
    assert "No space left" in (run.last_words or "")
    assert names_in(run.run_dir) == ["params.json", "stderr", "stdout"]


def test_shared_inputs_that_do_not_fit_are_told_and_nothing_is_left(small_disk: Path, here: Path) -> None:
    from runsemble.errors import InputFileError

    (here / "big").write_bytes(b"x" * 700_000)
    with pytest.raises(InputFileError, match=r"/big .*No space left") as caught:
        asyncio.run(
            multirun(
                runs=[{}], cmd=["true"], input_files=[here / "big"], output_path=small_disk / "out", progress=False
            )
        )
    assert "\n" not in str(caught.value)
    assert names_in(small_disk) == []


# Permissions


@pytest.fixture
def as_anybody() -> tuple[str, ...]:
    """Return how to start a program for which permissions count; root reads and writes everything."""
    if os.getuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root cannot be refused anything without setpriv")
    without = "-dac_override,-dac_read_search,-fowner"
    return (setpriv, f"--bounding-set={without}", f"--inh-caps={without}")


@pytest.fixture
def locked(here: Path) -> Iterator[Path]:
    """Make a directory that nobody may look into, with a file in it."""
    path = here / "locked"
    path.mkdir()
    (path / "table").write_text("data")
    path.chmod(0)
    yield path
    path.chmod(0o700)


def complaint_of(here: Path, before: tuple[str, ...], arguments: str) -> str:
    """Return how a study complains that must not begin."""
    said = run_script(
        here,
        f"""
        try:
            result = multirun_sync(runs=[{{}}], cmd=["true"], progress=False, {arguments})
        except RunsembleError as error:
            print(error)
        else:
            print("it ran", [run.message for run in result])
        """,
        *before,
    )
    assert len(said.splitlines()) == 1
    assert "it ran" not in said
    return said.strip()


def test_an_input_in_a_directory_that_cannot_be_read_is_told_as_such(
    here: Path, locked: Path, as_anybody: tuple[str, ...]
) -> None:
    said = complaint_of(here, as_anybody, "output_path='out', input_files=['locked/table']")
    assert "locked/table" in said
    assert "ermi" in said or "cannot be read" in said, f"it does not say that permission is missing: {said}"
    assert not (here / "out").exists()


@pytest.mark.parametrize("linkage", ["copy", "shared"])
def test_an_input_directory_that_cannot_be_read_is_told(
    here: Path, locked: Path, as_anybody: tuple[str, ...], linkage: str
) -> None:
    inputs = f"input_files=[FileResource('locked', linkage={linkage!r})]"
    said = complaint_of(here, as_anybody, f"output_path='out', {inputs}")
    assert str(locked) in said
    assert "cannot be read" in said
    assert not (here / "out").exists()


@pytest.mark.parametrize("linkage", ["copy", "shared"])
def test_an_input_directory_of_which_a_part_cannot_be_read_is_told_in_a_sentence(
    here: Path, locked: Path, as_anybody: tuple[str, ...], linkage: str
) -> None:
    (here / "data").mkdir()
    (here / "data/in").symlink_to(locked)
    (here / "data/secret").write_text("")
    (here / "data/secret").chmod(0)
    said = run_script(
        here,
        f"""
        try:
            result = multirun_sync(
                runs=[{{}}], cmd=["true"], progress=False, output_path="out",
                input_files=[FileResource("data", linkage={linkage!r})],
            )
            print(result[0].status, result[0].cause, result[0].message)
        except RunsembleError as error:
            print(error)
        """,
        *as_anybody,
    )
    assert len(said.splitlines()) == 1
    assert "data/secret" in said
    assert "ermission denied" in said
    assert "[(" not in said, f"a list of Python's is no sentence: {said}"


def test_an_output_directory_that_cannot_be_made_is_told(here: Path, locked: Path, as_anybody: tuple[str, ...]) -> None:
    said = complaint_of(here, as_anybody, "output_path='locked/out'")
    assert f"{locked}/out" in said
    assert "Permission denied" in said


def test_a_run_directory_that_cannot_be_made_fails_that_run_only(here: Path, as_anybody: tuple[str, ...]) -> None:
    said = run_script(
        here,
        """
        lock = 'mkdir ../1; chmod 0 ../1'
        result = multirun_sync(
            runs=[{"c": lock, "d": "0"}, {"c": "true", "d": "1/x"}, {"c": "true", "d": "2"}],
            cmd=["sh", "-c", "eval \\"$C\\""], env={"C": "{c}"}, run_dir="{d}", output_path="out", progress=False,
            runner=ParallelLocalRunner(max_parallel=1),
        )
        for run in result: print(run.status, run.cause, run.message)
        """,
        *as_anybody,
    )
    first, second, third = said.splitlines()
    assert first == third == "success ok ok"
    assert second.startswith("failure staging ")
    assert f"{here}/out/1/x" in second
    assert "Permission denied" in second
    (here / "out/1").chmod(0o700)


def test_a_program_that_may_not_be_executed_is_told(here: Path, locked: Path, as_anybody: tuple[str, ...]) -> None:
    said = run_script(
        here,
        """
        result = multirun_sync(runs=[{}], cmd=["locked/tool"], output_path="out", progress=False)
        print(result[0].cause, result[0].message)
        """,
        *as_anybody,
    )
    assert said.startswith("launch_error ")
    assert "locked/tool" in said


def test_a_results_file_that_cannot_be_read_is_told_on_access(here: Path, as_anybody: tuple[str, ...]) -> None:
    said = run_script(
        here,
        """
        script = "echo 1 > results.json; chmod 0 results.json"
        result = multirun_sync(runs=[{}], cmd=["sh", "-c", script], output_path="out", progress=False)
        print(result[0].status)
        try:
            print(result[0].result)
        except ResultError as error:
            print(error)
        """,
        *as_anybody,
    )
    assert said.splitlines() == ["success", f"{here}/out/0/results.json Permission denied, so it is not read"] or (
        said.splitlines()[0] == "success" and "cannot be read: Permission denied" in said.splitlines()[1]
    )


def test_an_agents_place_that_is_open_to_others_is_refused(here: Path) -> None:
    said = run_script(
        here,
        f"""
        import os
        from runsemble.agent import place
        place.ROOT = {str(here / "agents")!r}
        os.mkdir(place.ROOT)
        os.chmod(place.ROOT, 0o777)
        try:
            multirun_sync(runs=[{{}}], cmd=["true"], output_path="out", progress=False)
        except AgentError as error:
            print(error)
        """,
    )
    assert len(said.splitlines()) == 1
    assert f"chmod 700 {here}/agents" in said
    assert not (here / "out").exists()


def test_nothing_is_left_running_when_memory_for_a_message_is_short(here: Path) -> None:
    script = "echo $$ > pid; head -c 30000000 /dev/zero | tr '\\\\0' x; exit 0"
    said = run_script(
        here,
        f"""
        result = multirun_sync(
            runs=[{{}}] * 4, cmd=["sh", "-c", {script!r}], output_path="out", progress=False, output="tail"
        )
        print(sum(len(run.read_stdout()) for run in result))
        """,
    )
    assert said.split() == [str(4 * 64 * 1024)]
    wait_until("no process is left", lambda: not processes_of(here / "out"))
