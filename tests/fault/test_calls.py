"""Python calls as forks of an agent: what they give back, and how little they know of each other and of the agent."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runsemble.errors import CallFailed, CommandError, HookFailed, RemoteTraceback
from runsemble.launch.functions import pickle_function

from ..integration.support import Gate, is_alive
from .caller import Caller
from .conftest import Connect, StartAgent
from .raw_driver import Agent, pid_in, wait_gone

#: What a program or a call finds of the process it is.
LOOK = """
def look():
    import os, signal, sys, threading
    status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
    return {
        "signals": {name: status[name].strip() for name in ("SigBlk", "SigIgn", "SigCgt")},
        "handlers": {s.name: str(signal.getsignal(s)) for s in signal.Signals if signal.getsignal(s)},
        "descriptors": sorted(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)),
        "stdin": os.readlink("/proc/self/fd/0"),
        "umask": os.umask(0o77),
        "nice": os.nice(0),
        "argv": sys.argv,
        "leads": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
        "threads": threading.active_count(),
        "in main thread": threading.current_thread() is threading.main_thread(),
        "gc": __import__("gc").isenabled(),
        "wakeup": signal.set_wakeup_fd(-1),
    }
"""
#: The C library's own, which whatever it spawns ignores and a fork does not; no program can tell.
_INTERNAL = 0b11 << 31


@pytest.fixture
def make_caller(start_agent: StartAgent, connect: Connect, here: Path) -> Callable[[str], Caller]:
    """Return a function that makes a caller with an agent and a directory of its own."""

    def make(name: str) -> Caller:
        (here / name).mkdir()
        return Caller(connect(start_agent(calls=True)), here / name)

    return make


# Values


@pytest.mark.parametrize(
    "value", [1, 1.5, float("inf"), "é", True, [1, (2, 3)], {"a": {1: b"\0"}}, {1, 2}, 1j, Path("/x"), [None]], ids=repr
)
def test_a_value_becomes_the_result_with_its_exact_type(caller: Caller, value: Any) -> None:
    assert repr(caller.value(caller.plan(lambda x: x), x=value)) == repr(value)


def test_an_array_becomes_the_result(caller: Caller) -> None:
    numpy = pytest.importorskip("numpy")
    found = caller.value(caller.plan(lambda n: numpy.arange(n)), n=3)
    assert found.tolist() == [0, 1, 2]


def test_no_value_is_no_result(caller: Caller) -> None:
    record = caller.call(caller.plan(lambda: None))
    assert (record.status, record.result) == (0, None)


def test_a_function_takes_the_values_around_it_along(caller: Caller) -> None:
    def power_of(exponent: int) -> Callable[[float], float]:
        return lambda x: float(x**exponent)

    assert caller.value(caller.plan(power_of(3)), x=2) == 8.0


class Point:
    """A class that the agent cannot import."""

    def __init__(self, x: float) -> None:
        self.x = x


def test_an_instance_of_a_class_that_only_the_driver_has_comes_back_as_one_of_it(caller: Caller) -> None:
    found = caller.value(caller.plan(lambda x: Point(x)), x=2.0)
    assert type(found) is Point
    assert found.x == 2.0


def test_a_function_can_be_a_callable_object(caller: Caller) -> None:
    assert caller.value(caller.plan(Point(1.0).__class__), x=5).x == 5


def test_the_helpers_work_inside(caller: Caller) -> None:
    def work(x: int) -> None:
        import runsemble

        runsemble.report(step=1, loss=0.5)
        runsemble.post_run_results((x, runsemble.get_run_params(), runsemble.time_left_s()))

    assert caller.value(caller.plan(work), x=3) == (3, {"x": 3}, None)
    assert '"loss":0.5' in caller.driver.hear("metric")[3]


def test_what_is_printed_is_the_runs_output(caller: Caller) -> None:
    def speak() -> None:
        print("to you")
        print("and you", file=sys.stderr)
        os.write(1, b"raw\n")

    number = caller.start(caller.plan(speak))
    assert caller.driver.hear_exit(number).status == 0
    assert sorted(caller.text(number, "stdout").splitlines()) == ["raw", "to you"]
    assert caller.text(number, "stderr") == "and you\n"


def test_a_call_pays_for_no_library_that_only_some_agents_need(caller: Caller, here: Path) -> None:
    path = here / "interface.py"
    names = {"asyncio", "cloudpickle", "random", "shutil", "subprocess", "zlib"}
    path.write_text(f"import sys\ndef post_run():\n    return sorted({names} & set(sys.modules))\n")
    assert caller.value(caller.plan_hook(path, "post_run")) == []


def test_output_may_be_merged_or_kept_as_a_tail(caller: Caller) -> None:
    record = caller.call(caller.plan(lambda: print("words"), output="tail"))
    assert record.tail == "words\n"
    merged = caller.start(caller.plan(lambda: print("words"), output="merged"))
    caller.driver.hear_exit(merged)
    assert caller.text(merged, "output") == "words\n"


def test_exit_handlers_run_at_the_end(caller: Caller) -> None:
    def leave() -> None:
        import atexit
        import threading

        atexit.register(print, "handler")
        threading.Thread(target=lambda: print("thread")).start()

    number = caller.start(caller.plan(leave))
    assert caller.driver.hear_exit(number).status == 0
    assert sorted(caller.text(number, "stdout").split()) == ["handler", "thread"]


# Failures


class Unlucky(Exception):
    """Takes more to make than its message."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


def test_an_exception_fails_the_run_with_its_traceback(caller: Caller) -> None:
    def fail(x: int) -> None:
        {1: 2}[x]

    number = caller.start(caller.plan(fail), x=3)
    record = caller.driver.hear_exit(number)
    said = caller.text(number, "stderr")
    assert (record.status, record.tail) == (1, said)
    first, *_, last = said.splitlines()
    assert (first, last) == ("Traceback (most recent call last):", "KeyError: 3")
    assert "in fail" in said
    assert "test_calls.py" in said, "the traceback does not say where"
    assert "runsemble" not in said.replace(str(Path(__file__).parents[2]), ""), "the traceback shows the machinery"


def test_the_exception_is_kept(caller: Caller) -> None:
    def fail() -> None:
        raise KeyError("gone", 1)

    number = caller.start(caller.plan(fail))
    caller.driver.hear_exit(number)
    error = caller.exception(number)
    assert isinstance(error, KeyError)
    assert error.args == ("gone", 1)
    assert isinstance(error.__cause__, RemoteTraceback)
    assert "in fail" in str(error.__cause__)


def test_an_exception_of_a_class_that_only_the_driver_has_is_one_of_it(caller: Caller) -> None:
    class Special(ValueError):
        pass

    def fail() -> None:
        raise Special("so")

    number = caller.start(caller.plan(fail))
    caller.driver.hear_exit(number)
    assert isinstance(caller.exception(number), Special)


def test_an_exception_that_cannot_be_rebuilt_is_described(caller: Caller) -> None:
    def fail() -> None:
        raise Unlucky(1, 2)

    number = caller.start(caller.plan(fail))
    caller.driver.hear_exit(number)
    error = caller.exception(number)
    assert isinstance(error, CallFailed)
    assert str(error).endswith("Unlucky: 1 and 2")
    assert error.kind.endswith("Unlucky")
    assert "in fail" in str(error.__cause__)


def test_an_exception_that_cannot_be_pickled_is_described(caller: Caller) -> None:
    def fail() -> None:
        import threading

        raise ValueError(threading.Lock())

    number = caller.start(caller.plan(fail))
    caller.driver.hear_exit(number)
    error = caller.exception(number)
    assert isinstance(error, CallFailed)
    assert error.kind == "ValueError"


def test_a_run_that_succeeded_left_no_exception(caller: Caller) -> None:
    number = caller.start(caller.plan(lambda: 1))
    caller.driver.hear_exit(number)
    assert caller.exception(number) is None


@pytest.mark.parametrize(("code", "status", "said"), [(None, 0, ""), (3, 3, ""), (256, 0, ""), ("words", 1, "words\n")])
def test_sys_exit_means_what_it_means_to_a_program(caller: Caller, code: Any, status: int, said: str) -> None:
    number = caller.start(caller.plan(lambda: sys.exit(code)))
    assert caller.driver.hear_exit(number).status == status
    assert caller.text(number, "stderr") == said
    assert caller.exception(number) is None


def test_an_argument_too_many_fails_the_run(caller: Caller) -> None:
    number = caller.start(caller.plan(lambda x: x), x=1, y=2)
    assert caller.driver.hear_exit(number).status == 1
    assert "unexpected keyword argument 'y'" in caller.text(number, "stderr")


def test_a_value_that_cannot_be_stored_fails_the_run(caller: Caller) -> None:
    def work() -> Any:
        import threading

        return threading.Lock()

    number = caller.start(caller.plan(work))
    assert caller.driver.hear_exit(number).status == 1
    assert "cannot pickle" in caller.text(number, "stderr")


def crash() -> None:
    import ctypes

    ctypes.string_at(0)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda: os._exit(7), 7),
        (crash, -signal.SIGSEGV),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), -signal.SIGTERM),
        (lambda: os.kill(os.getpid(), signal.SIGINT), -signal.SIGINT),
        (os.abort, -signal.SIGABRT),
    ],
    ids=["_exit", "segfault", "terminated", "interrupted", "aborted"],
)
def test_a_call_that_crashes_fails_its_own_run_only(caller: Caller, end: Callable[[], None], status: int) -> None:
    if end is os.abort:
        end = lambda: os.abort()  # noqa: E731
    assert caller.call(caller.plan(end)).status == status
    assert caller.value(caller.plan(lambda: "fine")) == "fine"


def test_a_time_limit_ends_a_call(caller: Caller) -> None:
    def wait() -> None:
        import time

        print("waiting", flush=True)
        time.sleep(1000)

    number = caller.start(caller.plan(wait, timeout_s=0.5))
    record = caller.driver.hear_exit(number)
    assert (record.ended_by, record.status) == ("timeout", -signal.SIGTERM)
    assert caller.text(number, "stdout") == "waiting\n"


def test_a_memory_limit_ends_a_call(caller: Caller) -> None:
    def hoard() -> None:
        hoarded = b"x" * 300_000_000
        time.sleep(1000)
        print(hoarded)

    assert caller.call(caller.plan(hoard, mem_mib=150)).ended_by == "oom"


def test_a_call_that_is_cancelled_at_once_ends(caller: Caller) -> None:
    plan = caller.plan(lambda: time.sleep(1000))
    caller.call(caller.plan(lambda: None))
    for _ in range(20):
        number = caller.start(plan)
        caller.hear_start(number)
        caller.driver.send("cancel", number, 1, "kill")
        assert caller.driver.hear_exit(number).ended_by == "killed"


def test_nothing_of_a_call_survives_it(caller: Caller) -> None:
    def leave() -> None:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                Path("partial").write_text(str(os.getpid()))
                os.rename("partial", "pid")
                time.sleep(1000)
            os._exit(0)
        while not os.path.exists("pid"):
            time.sleep(0.001)

    number = caller.start(caller.plan(leave))
    assert caller.driver.hear_exit(number).status == 0
    wait_gone(pid_in(caller.here / str(number) / "pid"))


# Surroundings


def test_a_call_finds_its_process_as_a_fresh_interpreter_does(caller: Caller) -> None:
    def find() -> Any:
        names: dict[str, Any] = {}
        exec(LOOK, names)
        return names["look"]()

    program = f"{LOOK}\nimport json, threading; print(json.dumps(look()))"
    argv = [sys.executable, "-c", program]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True, check=True)
    wanted = json.loads(done.stdout)
    found = json.loads(json.dumps(caller.value(caller.plan(find))))
    for signals in (wanted["signals"], found["signals"]):
        signals["SigIgn"] = int(signals["SigIgn"], 16) & ~_INTERNAL
    assert found == wanted


def test_a_call_starts_in_its_directory_with_its_environment(caller: Caller) -> None:
    def find() -> Any:
        return os.getcwd(), dict(os.environ), subprocess.check_output(["/usr/bin/env", "-0"]).decode()

    number = caller.start(caller.plan(find, env={"PATH": "/usr/bin:/bin", "OWN": "é\n"}))
    assert caller.driver.hear_exit(number).status == 0
    directory, env, told = caller.result(number)
    assert directory == str(caller.here / str(number))
    assert {name for name in env if not name.startswith("RUNSEMBLE_")} == {"PATH", "OWN"}
    assert env["OWN"] == "é\n"
    assert (env["RUNSEMBLE_RUN_ID"], env["RUNSEMBLE_RUN_DIR"]) == (str(number), directory)
    assert not {"RUNSEMBLE_SYS_PATH", "RUNSEMBLE_AGENT"} & env.keys()
    assert dict(entry.split("=", 1) for entry in told.rstrip("\0").split("\0")) == env


def test_modules_are_found_where_the_driver_finds_them(caller: Caller) -> None:
    def find() -> list[str]:
        return sys.path

    assert caller.value(caller.plan(find)) == [os.path.abspath(entry) for entry in sys.path]


def test_what_one_call_changes_the_next_does_not_see(caller: Caller) -> None:
    def change() -> Any:
        import json as shared

        seen = os.getcwd(), getattr(shared, "mark", None), os.environ.get("MARK"), os.nice(0), len(sys.path)
        os.chdir("/")
        shared.mark = "changed"  # type: ignore[attr-defined]
        os.environ["MARK"] = "changed"
        os.nice(1)
        os.umask(0o777)
        sys.path.append("/nowhere")
        os.close(0)
        return seen

    plan = caller.plan(change)
    first, second = caller.value(plan), caller.value(plan)
    assert first[1:] == second[1:]
    assert first[0] != second[0]
    assert oct(os.stat(caller.here / "2/results.json").st_mode & 0o777) == "0o0", "the umask was not the run's own"


# Random numbers


def draws(caller: Caller, count: int, seed: int | None = None) -> list[Any]:
    """Make calls, each of which draws a random number of each generator."""
    numpy = pytest.importorskip("numpy")
    plan = caller.plan(lambda: (random.random(), float(numpy.random.random())), seed)
    return [caller.value(plan) for _ in range(count)]


def test_no_two_calls_draw_the_same_random_numbers(caller: Caller) -> None:
    drawn = draws(caller, 100)
    assert len({mine for mine, _ in drawn}) == 100
    assert len({numpys for _, numpys in drawn}) == 100


def test_a_seed_makes_random_numbers_depend_on_the_run_alone(make_caller: Callable[[str], Caller]) -> None:
    drawn = [draws(make_caller(name), 20, seed=7) for name in ("one", "other")]
    assert drawn[0] == drawn[1]
    assert len({mine for mine, _ in drawn[0]}) == len({numpys for _, numpys in drawn[0]}) == 20


def test_a_function_that_carries_generators_along_does_not_draw_the_same_from_them_in_every_run(
    make_caller: Callable[[str], Caller],
) -> None:
    numpy = pytest.importorskip("numpy")
    mine, new, old = random.Random(1), numpy.random.default_rng(2), numpy.random.RandomState(3)
    drawn = []
    for name in ("one", "other"):
        caller = make_caller(name)
        plan = caller.plan(lambda: (mine.random(), float(new.random()), float(old.random())))
        drawn.append([caller.value(plan) for _ in range(10)])
    assert [len(set(numbers)) for numbers in zip(*drawn[0], strict=True)] == [10, 10, 10]
    assert drawn[0] == drawn[1], "generators with seeds of their own gave other numbers to the same runs"


# Loading


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_hook_is_called_in_the_runs_directory_without_arguments(caller: Caller) -> None:
    text = "import os\ndef post_run():\n    return os.path.basename(os.getcwd()), __name__, __file__\n"
    path = write(caller.here / "interface.py", text)
    assert caller.value(caller.plan_hook(path, "post_run")) == ("1", "app_interface_interface", str(path))


def test_a_hook_that_is_not_there_succeeds(caller: Caller) -> None:
    record = caller.call(caller.plan_hook(write(caller.here / "interface.py", ""), "post_run"))
    assert (record.status, record.result) == (0, None)


def test_the_value_of_prep_run_is_nobodys_result(caller: Caller) -> None:
    path = write(caller.here / "interface.py", "def prep_run():\n    return 1\n")
    record = caller.call(caller.plan_hook(path, "prep_run"))
    assert (record.status, record.result) == (0, None)


def test_a_hook_can_say_that_its_run_has_failed(caller: Caller) -> None:
    path = write(caller.here / "interface.py", "def post_run():\n    return 1e99\n")
    record = caller.call(caller.plan_hook(path, "post_run"))
    assert (record.status, record.result) == (1, None)
    assert "returned 1e99" in caller.text(1, "stderr")
    assert isinstance(caller.exception(1), HookFailed)


def test_a_modules_directory_is_no_place_to_import_from(caller: Caller) -> None:
    write(caller.here / "neighbour.py", "")
    path = write(caller.here / "interface.py", "import sys\ndef post_run():\n    import neighbour\n")
    assert caller.call(caller.plan_hook(path, "post_run")).status == 1
    assert "No module named 'neighbour'" in caller.text(1, "stderr")


def test_a_module_is_imported_once_for_all_calls(caller: Caller) -> None:
    text = "import os\nimporter = os.getpid()\ndef post_run():\n    return importer\n"
    plan = caller.plan_hook(write(caller.here / "interface.py", text), "post_run")
    assert {caller.value(plan) for _ in range(3)} == {caller.value(plan)}


def test_a_function_that_cannot_be_loaded_fails_its_runs_with_the_reason(caller: Caller) -> None:
    path = write(caller.here / "interface.py", "x = 1\nraise RuntimeError('not today')\n")
    plan = caller.plan_hook(path, "post_run")
    for _ in range(2):
        number = caller.start(plan)
        record = caller.driver.hear_exit(number)
        assert (record.status, record.trouble) == (None, "launch_error")
        assert record.message == "loading the call failed: RuntimeError: not today"
        said = caller.text(number, "stderr")
        assert said.startswith("Traceback")
        assert f'File "{path}", line 2' in said
    assert caller.value(caller.plan(lambda: "fine")) == "fine"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import ctypes; ctypes.string_at(0)", "crashed: its process was killed by signal 11"),
        ("import os; os._exit(3)", "ended the process, with exit status 3"),
        ("import sys; sys.exit('enough')", "SystemExit: enough"),
        ("def (", "SyntaxError"),
        ("import time; time.sleep(1000)", "took longer than 1.5 s"),
    ],
)
def test_a_module_that_does_harm_when_it_is_imported_harms_its_own_runs_only(
    agent: Agent, caller: Caller, text: str, complaint: str
) -> None:
    path = write(caller.here / "interface.py", text)
    call = {"kind": "hook", "path": str(path), "name": "post_run", "load_s": 1.5}
    record = caller.call(caller.plan_call(call))
    assert record.trouble == "launch_error"
    assert complaint in str(record.message)
    assert caller.value(caller.plan(lambda: os.getppid())) == agent.pid


def test_a_call_to_an_agent_for_programs_is_refused(start_agent: StartAgent, connect: Connect, here: Path) -> None:
    driver = connect(start_agent())
    assert driver.hear("welcome")[1]["calls"] is False
    record = Caller(driver, here).call(Caller(driver, here).plan(lambda: 1))
    assert record.trouble == "launch_error"
    assert "programs only" in str(record.message)


def test_an_agent_that_starts_calls_starts_programs_too(caller: Caller) -> None:
    assert caller.driver.hear("welcome")[1]["calls"] is True
    caller.driver.plan(50)
    caller.driver.run(50, caller.here, "sh", "-c", "exit 3", plan=50)
    assert caller.driver.hear_exit(50).status == 3


def test_what_an_import_changes_in_the_process_reaches_the_calls_and_not_the_agent(
    agent: Agent, caller: Caller
) -> None:
    text = """
import os, signal, sys
os.environ["SET_BY_IMPORT"] = "1"
del os.environ["DOOMED"]
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("imported")
file = open(__file__)
def post_run():
    handlers = [int(signal.getsignal(s)) for s in (signal.SIGTERM, signal.SIGCHLD)]
    return os.environ["SET_BY_IMPORT"], "DOOMED" in os.environ, handlers, file.readline(), os.getcwd()
"""
    path = write(caller.here / "interface.py", text)
    plan = caller.plan_hook(path, "post_run", env={"DOOMED": "1", "PATH": os.environ["PATH"]})
    for number in (1, 2):
        assert caller.value(plan)[:3] == ("1", False, [1, 1])
        assert caller.text(number, "stdout") == ("imported\n" if number == 1 else "")
    os.kill(agent.pid, signal.SIGTERM)
    assert agent.wait() == 0


THREADED = """
import os, random, sys, threading
THREADS = 1
for _ in range(THREADS):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
def post_run():
    return os.getcwd(), random.random(), sys.argv, os.getsid(0) == os.getpid(), sys.path, dict(os.environ)
"""


def test_a_module_that_starts_threads_gets_a_fresh_interpreter_for_every_call(agent: Agent, caller: Caller) -> None:
    path = write(caller.here / "interface.py", THREADED)
    plan = caller.plan_hook(path, "post_run")
    found = [caller.value(plan) for _ in range(3)]
    assert [entry[0] for entry in found] == [str(caller.here / str(number)) for number in (1, 2, 3)]
    assert len({entry[1] for entry in found}) == 3
    assert found[0][2:4] == (["-c"], True)
    assert found[0][4] == [os.path.abspath(entry) for entry in sys.path]
    assert "RUNSEMBLE_SYS_PATH" not in found[0][5]
    assert caller.notes == [f"{path} started threads when it was imported, so each call gets a fresh interpreter"]
    assert caller.value(caller.plan(lambda: os.getppid())) == agent.pid
    assert len(os.listdir(f"/proc/{agent.pid}/task")) == 1


def test_a_seed_means_the_same_in_a_fresh_interpreter_as_in_a_fork(make_caller: Callable[[str], Caller]) -> None:
    drawn = {}
    for name, text in (("fresh", THREADED), ("fork", THREADED.replace("THREADS = 1", "THREADS = 0"))):
        caller = make_caller(name)
        path = write(caller.here / "interface.py", text)
        plan = caller.plan_call({"kind": "hook", "path": str(path), "name": "post_run", "seed": 3})
        drawn[name] = [caller.value(plan)[1] for _ in range(2)]
        assert len(caller.notes) == (1 if name == "fresh" else 0)
    assert drawn["fresh"] == drawn["fork"]
    assert len(set(drawn["fork"])) == 2


def test_a_failure_in_a_fresh_interpreter_is_kept(caller: Caller) -> None:
    text = THREADED + "    \ndef fail():\n    raise KeyError('gone')\n"
    number = caller.start(caller.plan_hook(write(caller.here / "interface.py", text), "fail"))
    assert caller.driver.hear_exit(number).status == 1
    assert isinstance(caller.exception(number), KeyError)
    assert caller.text(number, "stderr").endswith("KeyError: 'gone'\n")


# The agent


def test_a_killed_agents_calls_are_lost_and_its_successor_goes_on(
    start_agent: StartAgent, connect: Connect, here: Path
) -> None:
    agent = start_agent(calls=True)
    caller = Caller(connect(agent), here)

    def wait() -> None:
        if os.fork() == 0:
            os.setsid()
            Path("grandchild").write_text(str(os.getpid()))
        else:
            Path("pid").write_text(str(os.getpid()))
        time.sleep(1000)

    plan = caller.plan(wait)
    number = caller.start(plan)
    pids = [pid_in(here / str(number) / name) for name in ("pid", "grandchild")]
    agent.kill()
    second = Caller(connect(start_agent(agent.directory, calls=True)), here)
    record = second.driver.hear_exit(number)
    assert record.trouble == "agent_lost"
    assert not any(map(is_alive, pids))
    second.driver.acknowledge(record.seq)
    second.driver.plan(9, call={"kind": "function", "path": str(write_fine(here))})
    second.driver.run(9, here, plan=9)
    assert second.driver.hear_exit(9).status == 0


def write_fine(here: Path) -> Path:
    pickle_function(os.getcwd, str(here / "fine.pickle"))
    return here / "fine.pickle"


def test_a_waiting_call_takes_the_lease_of_its_lane_over(caller: Caller, gate: Gate) -> None:
    path = str(gate.path)

    def hold() -> None:
        while not os.path.exists(path):
            time.sleep(0.001)

    first = caller.start(caller.plan(hold))
    second = caller.start(caller.plan(lambda: 1), waits=True)
    caller.hear_start(first)
    gate.open()
    assert caller.driver.hear_exit(first).successor == [second, 1]
    assert caller.driver.hear_exit(second).status == 0


# What cannot be sent


def test_a_function_that_cannot_be_sent_is_refused_with_the_reason(here: Path) -> None:
    import threading

    lock = threading.Lock()

    async def coroutine() -> None: ...

    def generator() -> Iterator[int]:
        yield 1

    for function, complaint in [
        (lambda: lock, "the variable lock is a _thread.lock, which cannot be pickled; make it inside the function"),
        (coroutine, "is an async function"),
        (generator, "is a generator"),
        (5, "5 is not a function"),
    ]:
        with pytest.raises(CommandError, match=complaint):
            pickle_function(function, str(here / "x"))  # type: ignore[arg-type]
    assert not (here / "x").exists()
