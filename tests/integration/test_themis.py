"""Scripts written for Themis, with only their import changed."""

from __future__ import annotations

import json
import os
import pstats
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from threading import enumerate as enumerate_threads

import pytest

from runsemble.compat import themis
from runsemble.compat.themis import CompositeRun, Step, Themis, laf

from .support import PATIENCE_S, Gate, is_alive, wait_until
from .themis_support import (
    executed,
    interface,
    logs_in,
    made,
    numbered,
    program,
    python,
    run_script,
    shell_run,
    shell_step,
    statuses,
    wait_idle,
)

DRIVER = """\
from runsemble.compat import themis
runs = [themis.Run({"x": x}, args="-n") for x in (1, 2)]
mgr = themis.Themis.create("app.sh", runs, run_parse="deck.in", app_interface="interface.py")
mgr.execute_local(blocking=True)
print(mgr.progress())
print({number: run.result for number, run in mgr.runs(mgr.filter_by_status(mgr.RUN_SUCCESS)).items()})
"""

HOOKS = """
def prep_ensemble():
    open("prepared", "a").write("once\\n")

def prep_run():
    open("prep.txt", "w").write(repr((user_utils.run_id(), user_utils.run().sample)))

def post_run():
    return user_utils.run_id(), open("run_0002.log").read()

def post_ensemble():
    assert user_utils.run() is None and user_utils.run_id() is None
    handle = user_utils.themis_handle()
    open("posts", "a").write("%d of %d\\n" % handle.progress())
    if handle.count_by_status() < 3:
        from runsemble.compat import themis
        handle.add_runs([themis.Run({"x": 7})])
"""


@pytest.fixture(autouse=True)
def _in_a_directory(here: Path) -> Iterator[None]:
    """Stand in an empty directory; wait for the threads of connections that were just closed."""
    yield
    wait_until("connections are closed", lambda: not any("_connection" in each.name for each in enumerate_threads()))


def test_a_whole_script_with_an_interface_runs_as_it_stands() -> None:
    program("app.sh", 'cat deck.in; echo "%%x%%[%%themis_launch%%] $*"')
    Path("deck.in").write_text("x=%%x%%\n")
    interface(HOOKS)
    assert run_script(DRIVER).splitlines() == [
        "(3, 3)",
        "{1: (1, 'x=1\\n1[] -n\\n'), 2: (2, 'x=2\\n2[] -n\\n'), 3: (3, 'x=7\\n7[] \\n')}",
    ]
    assert Path("prepared").read_text() == "once\n"
    assert Path("posts").read_text() == "2 of 2\n3 of 3\n"
    assert Path("runs/2/prep.txt").read_text() == "(2, {'x': 2})"
    assert sorted(os.listdir("runs/1")) == [
        "app.sh", "deck.in", "prep.txt", "run.log", "run_0001.log", "run_0002.log"
    ]  # fmt: skip


def test_a_script_within_a_run_asks_the_runtime() -> None:
    Path("model.py").write_text(
        "#!" + sys.executable + "\n"
        "from runsemble.compat.themis import runtime\n"
        "import os\n"
        "run = runtime.fetch_run()\n"
        "runtime.parse_file('../../deck.in', 'deck.out')\n"
        "runtime.set_result((runtime.fetch_run_id(), run.sample['x'] * 2, open('deck.out').read()))\n"
        "assert os.path.isdir(os.environ['THEMIS_EXECDIR']) and os.path.exists(os.environ['THEMIS_URI'])\n"
    )
    os.chmod("model.py", 0o755)
    Path("deck.in").write_text("%%x%%")
    ensemble = Themis.create("model.py", numbered({"x": Decimal("1.5")}))
    ensemble.execute_local(blocking=True)
    assert statuses(ensemble) == (Themis.RUN_SUCCESS,), logs_in("runs/1")
    assert ensemble.runs([1])[1].result == (1, Decimal("3.0"), "1.5")


def test_a_step_is_tried_again_where_it_failed_and_every_process_has_a_log() -> None:
    steps = [shell_step("echo one"), shell_step("echo two; mkdir flag"), shell_step("echo three")]
    flaky = shell_step("echo two; [ -e flag ] || { touch flag; exit 3; }")
    ensemble = Themis.create(runs=[CompositeRun({}, [steps[0], flaky, steps[2]])], max_restarts=2)
    ensemble.execute_local(blocking=True)
    assert statuses(ensemble) == (Themis.RUN_SUCCESS,)
    assert logs_in("runs/1") == {
        "run_0001.log": "one\n", "run_0002.log": "two\n", "run_0003.log": "two\n", "run.log": "three\n"
    }  # fmt: skip


def post_step(value: str, then: str = "") -> Step:
    return shell_step(f"{sys.executable} -m runsemble post --json {value} || exit 9; {then}")


def test_what_an_earlier_step_has_posted_stays_unless_a_later_one_posts_something() -> None:
    once = shell_step("[ -e flag ] || { touch flag; exit 3; }")
    runs = [
        CompositeRun({}, [post_step("1"), shell_step("true")]),
        CompositeRun({}, [post_step("1"), post_step("2")]),
        CompositeRun({}, [post_step("1"), once, shell_step("true")]),
        CompositeRun({}, [post_step("1"), shell_step("exit 3")]),
        CompositeRun({}, [shell_step("true"), post_step("1", "[ -e flag ] || { touch flag; exit 3; }")]),
    ]
    ensemble = Themis.create(runs=runs, max_restarts=1)
    ensemble.execute_local(blocking=True)
    success, failure = Themis.RUN_SUCCESS, Themis.RUN_FAILURE
    assert statuses(ensemble) == (success, success, success, failure, success)
    found = ensemble.runs(range(1, 6))
    assert [found[run].result for run in range(1, 6)] == [1, 2, 1, 1, 1]


def test_what_an_attempt_has_posted_is_forgotten_when_all_of_its_steps_are_done_again() -> None:
    interface("import os\ndef post_run():\n    return 1e99 if os.environ['RUNSEMBLE_ATTEMPT'] == '1' else None\n")
    first = shell_step(f"[ $RUNSEMBLE_ATTEMPT = 2 ] || {sys.executable} -m runsemble post --json 1")
    ensemble = Themis.create(runs=[CompositeRun({}, [first])], app_interface="interface.py", max_restarts=1)
    ensemble.execute_local(blocking=True)
    assert statuses(ensemble) == (Themis.RUN_SUCCESS,)
    assert ensemble.runs([1])[1].result is None


def test_what_an_earlier_step_has_posted_survives_the_driver() -> None:
    wait = "touch ../../two; until [ -e ../../go ]; do sleep 0.01; done"
    ensemble = Themis.create(runs=[CompositeRun({}, [post_step("1"), shell_step(wait)])])
    script = "from runsemble.compat.themis import Themis; Themis().execute_local(blocking=True)"
    with subprocess.Popen([sys.executable, "-c", script]) as driver:
        wait_until("the second step has begun", lambda: os.path.exists("two"))
        driver.kill()
    Path("go").touch()
    ensemble.execute_local(blocking=True)
    assert statuses(ensemble) == (Themis.RUN_SUCCESS,)
    assert ensemble.runs([1])[1].result == 1


def test_a_log_outside_the_run_directory_is_appended_to() -> None:
    os.mkdir("shared")
    steps = [shell_step("echo one; echo oops >&2", cwd=os.path.abspath("shared")), shell_step("echo two", cwd="sub")]
    ensemble = Themis.create(runs=[CompositeRun({}, [steps[0], steps[0], steps[1]])])
    ensemble.execute_local(blocking=True)
    assert logs_in("shared") == {"run.log": "one\noops\n" * 2}
    assert logs_in("runs/1/sub") == {"run.log": "two\n"}
    assert logs_in("runs/1") == {}


def test_the_whole_run_is_tried_again_when_post_run_fails() -> None:
    interface(
        "import os\n"
        "def prep_run(): open('count', 'a').write('x')\n"
        "def post_run(): return 1e99 if os.path.getsize('count') < 2 else os.path.getsize('count')\n"
    )
    ensemble = executed("true", "true", app_interface="interface.py", max_restarts=1)
    assert statuses(ensemble) == (Themis.RUN_SUCCESS,) * 2
    assert [run.result for run in ensemble.runs([1, 2]).values()] == [2, 2]


def test_a_run_fails_when_post_run_returns_1e99_or_raises() -> None:
    interface("def post_run():\n    if user_utils.run_id() == 1: return 1e99\n    raise KeyError('no such thing')\n")
    ensemble = executed("true", "true", app_interface="interface.py")
    assert statuses(ensemble) == (Themis.RUN_FAILURE,) * 2
    assert "no such thing" in logs_in("runs/2")["run.log"]
    assert os.listdir(os.path.join(ensemble._study, ".runsemble", "posts")) == []


def test_a_failing_prep_ensemble_is_logged_and_tried_again_next_time() -> None:
    interface("def prep_ensemble():\n    open('prepared', 'a').write('x')\n    raise ValueError('not today')\n")
    ensemble = executed("true", app_interface="interface.py")
    assert statuses(ensemble) == (Themis.RUN_SUCCESS,)
    assert "not today" in Path(".themis_setup/execution_1/themis_backend.log").read_text()
    ensemble.requeue_runs([1])
    ensemble.execute_local(blocking=True)
    assert Path("prepared").read_text() == "xx"


@pytest.mark.parametrize("hook", ["prep_run", "post_run", "prep_ensemble"])
def test_a_hook_can_stop_the_ensemble_which_goes_on_next_time(hook: str) -> None:
    interface(f"def {hook}(): user_utils.stop_ensemble()\ndef post_ensemble(): open('posts', 'a').write('x')\n")
    ensemble = made(*["true"] * 4, app_interface="interface.py")
    ensemble.execute_local(blocking=True, max_concurrency=1)
    assert Path("posts").read_text() == "x" if hook != "prep_ensemble" else True
    left = ensemble.count_by_status(Themis.RUN_QUEUED)
    assert left == (4 if hook == "prep_ensemble" else 3)
    assert sorted(os.listdir("runs/1")) if hook != "prep_ensemble" else True


def test_a_running_run_is_killed_and_stays_so(gate: object) -> None:
    ensemble = made("sleep 60 & echo $! > child; wait", "true", max_restarts=5)
    ensemble.execute_local()
    wait_until("the run is at work", lambda: os.path.exists("runs/1/child"))
    ensemble.kill_runs(number for number in [1, 99])
    wait_idle(ensemble)
    assert statuses(ensemble) == (Themis.RUN_KILLED, Themis.RUN_SUCCESS)
    assert ensemble.progress() == (2, 2)


def test_an_ensemble_outlives_its_script_and_takes_more_runs_in() -> None:
    run_script(
        "from runsemble.compat import themis\n"
        "step = themis.Step(['/bin/sh', '-c', 'until [ -e ../../go ]; do sleep 0.02; done'], batch_script=False)\n"
        "themis.Themis.create(runs=[themis.CompositeRun({}, [step])]).execute_local()\n"
    )
    ensemble = Themis()
    assert statuses(ensemble) == (Themis.RUN_QUEUED,)
    with pytest.raises(RuntimeError, match="is being executed already"):
        ensemble.execute_local(blocking=True)
    with pytest.raises(RuntimeError, match="is being executed, so it cannot be removed"):
        Themis.clear()
    ensemble.add_runs([shell_run("true")])
    wait_until("the new run has ended", lambda: ensemble.count_by_status(Themis.RUN_SUCCESS) == 1)
    assert sorted(os.listdir(".themis_setup")) == ["ensemble", "ensemble_spec.json", "execution_1"]
    Path("go").touch()
    ensemble.execute_local(blocking=True, allow_multiple=True)
    wait_idle(ensemble)
    assert statuses(ensemble) == (Themis.RUN_SUCCESS,) * 2


def test_when_the_time_is_over_runs_are_ended_and_stay_queued() -> None:
    ensemble = made("echo $$ > pid; sleep 60", "true")
    ensemble.execute_local(blocking=True, timeout=0.03)
    assert statuses(ensemble) == (Themis.RUN_QUEUED, Themis.RUN_SUCCESS)
    with pytest.raises(ProcessLookupError):
        os.kill(int(Path("runs/1/pid").read_text()), 0)


def test_an_allocation_of_this_machine_repeats_when_its_time_is_over() -> None:
    ensemble = made("echo >> ../../begun; [ $(wc -l < ../../begun) -gt 1 ] || sleep 60")
    job = ensemble._execute(themis.Allocation(timeout=0.02, repeats=3), blocking=True)
    assert job.done()
    assert statuses(ensemble) == (Themis.RUN_SUCCESS,)
    assert Path("begun").read_text() == "\n\n"


def test_a_step_that_takes_too_long_fails() -> None:
    step = shell_step("sleep 60")
    step.timeout = 0.005  # type: ignore[assignment]
    ensemble = Themis.create(runs=[CompositeRun({}, [step])])
    ensemble.execute_local(blocking=True)
    assert statuses(ensemble) == (Themis.RUN_FAILURE,)


def test_more_failures_than_are_put_up_with_end_the_execution_without_post_ensemble() -> None:
    interface("def post_ensemble(): open('posts', 'a').write('x')\n")
    ensemble = made(*["false"] * 6, max_failed_runs=1, app_interface="interface.py")
    ensemble.execute_local(blocking=True, max_concurrency=1)
    assert ensemble.count_by_status(Themis.RUN_FAILURE) == 2
    assert ensemble.count_by_status(Themis.RUN_QUEUED) == 4
    ensemble.execute_local(blocking=True, max_concurrency=1)
    assert ensemble.count_by_status(Themis.RUN_FAILURE) == 3, "those that had failed before count"
    assert not os.path.exists("posts")


def test_a_run_that_cannot_start_or_be_prepared_fails_alone() -> None:
    Path("deck.in").write_text("%%1/x%%")
    runs = [
        CompositeRun({"x": 1}, [Step("no-such-program", batch_script=False)]),
        CompositeRun({"x": 1}, [Step("no-such-script")]),
        shell_run("cat deck.in", {"x": 4}),
        shell_run("true", {"x": 0}),
    ]
    ensemble = Themis.create(runs=runs, run_parse="deck.in")
    ensemble.execute_local(blocking=True)
    failed, good = Themis.RUN_FAILURE, Themis.RUN_SUCCESS
    assert statuses(ensemble)[:3] == (failed, failed, good)
    log = Path(".themis_setup/execution_1/themis_backend.log").read_text()
    assert "command not found" in log
    assert "no-such-script cannot be read" in log


def test_exit_codes_and_restarts_decide_about_a_run() -> None:
    ensemble = executed("exit 4", "echo >> n; exit 3", "exit 75", abort_on=[4], max_restarts=1)
    assert statuses(ensemble) == (Themis.RUN_ABORTED, Themis.RUN_FAILURE, Themis.RUN_FAILURE)
    assert ensemble.progress() == (3, 3)
    assert len(logs_in("runs/1")) == 1
    assert len(logs_in("runs/2")) == 2


def test_one_core_runs_are_limited_by_their_number_only_and_large_ones_run_nevertheless() -> None:
    count = (os.cpu_count() or 1) + 3
    together = f"touch ../$(basename $PWD).here; until [ $(ls ../*.here | wc -l) = {count} ]; do sleep 0.02; done"
    large = CompositeRun({}, [shell_step("true", tasks=10_000, gpus_per_task=3)])
    ensemble = Themis.create(runs=[*(shell_run(together) for _ in range(count)), large])
    ensemble.execute_local(blocking=True)
    assert set(statuses(ensemble)) == {Themis.RUN_SUCCESS}
    assert "more than there is" in Path(".themis_setup/execution_1/themis_backend.log").read_text()


def test_a_completion_command_runs_once_everything_has_ended() -> None:
    ensemble = made("true")
    ensemble.on_completion(["sh", "-c", "pwd; echo oops >&2"], stdout="out.txt")
    ensemble.execute_local(blocking=True)
    assert Path("out.txt").read_text() == f"{os.getcwd()}\n"
    assert "oops" in Path(".themis_setup/execution_1/themis_backend.log").read_text()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((["sh", 1],), "arguments must be strings"),
        ((["sh"], "nowhere"), "Not a directory: 'nowhere'"),
        ((["no-such-program"],), "Cannot find executable 'no-such-program'"),
    ],
)
def test_a_completion_command_that_makes_no_sense_is_refused(arguments: tuple[object, ...], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        made("true").on_completion(*arguments)  # type: ignore[arg-type]


def test_a_run_may_have_any_files_and_existing_directories_are_filled_anew() -> None:
    for name in ("results.json", "stdout", "params.json"):
        Path(name).write_text(f"my {name} %%x%%")
    os.makedirs("runs/1")
    Path("runs/1/stdout").write_text("old")
    ensemble = Themis.create(
        runs=[shell_run("cat stdout params.json", {"x": 5})],
        run_parse="results.json", run_copy="stdout", run_symlink="params.json",
    )  # fmt: skip
    ensemble.execute_local(blocking=True)
    assert Path("runs/1/results.json").read_text() == "my results.json 5"
    assert logs_in("runs/1")["run.log"] == "my stdout %%x%%my params.json %%x%%"
    assert os.path.islink("runs/1/params.json")
    assert ensemble.runs([1])[1].result is None


def test_a_deck_is_what_it_is_when_a_run_starts() -> None:
    Path("deck.in").write_text("old %%x%%")
    ensemble = Themis.create(runs=[shell_run("cat deck.in", {"x": 5})], run_parse="deck.in")
    Path("deck.in").write_text("new %%x%%")
    ensemble.execute_local(blocking=True)
    assert logs_in("runs/1")["run.log"] == "new 5"


def test_execute_alloc_says_when_it_comes() -> None:
    with pytest.raises(NotImplementedError, match="clusters"):
        made("true").execute_alloc()


def test_the_command_line_does_it_all() -> None:
    program("app.sh", "echo %%x%%")
    Path("params.csv").write_text("x\n1\n2\n")
    main = ("-m", "runsemble.compat.themis")
    python(*main, "create", "app.sh", "params.csv")
    python(*main, "execute-local", "--block")
    assert python(*main, "status", "successful").split() == ["1", "2"]
    assert "100.0% Complete (2/2)" in python(*main, "progress")
    assert [run["status"] for run in json.loads(python(*main, "write", "json"))] == ["successful"] * 2
    python(*main, "restart", "2", "--hard")
    python(*main, "kill", "2")
    assert python(*main, "status", "killed", "-c") == "1\n"
    assert python(*main, "rundirs").split() == [os.path.abspath(f"runs/{number}") for number in (1, 2)]
    python(*main, "add", "params.csv")
    python(*main, "dryrun", "3")
    assert os.listdir("runs/3") == ["app.sh"]
    assert "successful" in python(*main, "display", "1", "9", "-a40")
    python(*main, "completion", "--", "true")
    assert "Traceback" not in python(*main, "execute-local", "--block") + logs_in("runs/4")["run.log"]
    assert len(Themis().filter_by_status(Themis.RUN_SUCCESS)) == 3


WAITING = """\
from runsemble.compat import themis
text = "echo $$ >> pid; until [ -e ../../go ]; do sleep 0.02; done"
step = themis.Step(["/bin/sh", "-c", text], batch_script=False)
themis.Themis.create(runs=[themis.CompositeRun({}, [step])]).execute_local(blocking=True)
"""


def in_the_midst(number: signal.Signals) -> tuple[int, int]:
    """Send a signal to a script that waits for its run; return its exit status, and the run's process."""
    Path("script.py").write_text(WAITING)
    script = subprocess.Popen([sys.executable, "script.py"], stderr=subprocess.DEVNULL)
    wait_until("the run is at work", lambda: os.path.exists("runs/1/pid") and Path("runs/1/pid").read_text())
    script.send_signal(number)
    return script.wait(PATIENCE_S), int(Path("runs/1/pid").read_text())


def test_a_script_that_is_asked_to_end_takes_its_runs_along_and_they_stay_queued() -> None:
    status, pid = in_the_midst(signal.SIGTERM)
    assert status == -signal.SIGTERM
    assert not is_alive(pid)
    assert statuses(Themis()) == (Themis.RUN_QUEUED,)


def test_runs_whose_script_was_killed_go_on_and_are_taken_over() -> None:
    status, pid = in_the_midst(signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert is_alive(pid)
    Path("go").touch()
    ensemble = Themis()
    ensemble.execute_local(blocking=True)
    assert statuses(ensemble) == (Themis.RUN_SUCCESS,)
    assert Path("runs/1/pid").read_text() == f"{pid}\n"


def test_ensembles_can_be_executed_where_an_event_loop_runs() -> None:
    Path("go").touch()
    said = run_script(
        "import asyncio\n"
        "async def main():\n    exec(open('waiting.py').read())\n    print(themis.Themis().progress())\n"
        "open('waiting.py', 'w').write(" + repr(WAITING) + ")\n"
        "from runsemble.compat import themis\n"
        "asyncio.run(main())\n"
    )
    assert said == "(1, 1)\n"


def test_batch_submission_says_when_it_comes() -> None:
    assert "laf comes with" in python("-m", "runsemble.compat.themis.laf", status=1)
    with pytest.raises(NotImplementedError, match="batch queues"):
        laf.BatchSubmitter("script.sh", [{}], "none")


def test_two_executions_share_the_runs_and_keep_profiles(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_PROFILE", "1")
    ensemble = made(*[f"echo >> ../../begun; {gate.words}"] * 4)
    ensemble.execute_local(max_concurrency=1, parallelism=2)
    ensemble.execute_local(max_concurrency=1, allow_multiple=True)
    wait_until("both are at work", lambda: Path("begun").exists() and Path("begun").read_text() == "\n\n")
    gate.open()
    wait_idle(ensemble)
    assert statuses(ensemble) == (Themis.RUN_SUCCESS,) * 4
    assert Path("begun").read_text() == "\n" * 4
    profiles = [f".themis_setup/execution_{number}/themis_backend.pstat" for number in (1, 2)]
    wait_until("there are profiles", lambda: all(map(os.path.exists, profiles)))
    assert pstats.Stats(profiles[0]).total_calls > 0  # type: ignore[attr-defined]
