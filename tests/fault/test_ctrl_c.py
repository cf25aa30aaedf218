"""Ctrl-C on a terminal: once lets running runs finish, twice ends them, three times kills them; nothing is left."""

from __future__ import annotations

import signal

import pytest

from ..integration.support import Gate, is_alive, names_in
from .conftest import StartDriver
from .driver_process import DriverProcess

#: A study of six runs on two slots; `cmd` and more are filled in.
STUDY = """
def hear(event):
    if type(event).__name__ == "RunStarted":
        os.write(1, b"a run has started\\n")

def study():
    runner = ParallelLocalRunner(max_parallel=2, grace_s={grace_s})
    runner.listen(hear)
    return multirun_sync(
        runs=[{{"i": i}} for i in range(6)], cmd=["sh", "-c", {script!r}], output_path="out", progress={progress},
        runner=runner,
    )

def main():
    try:
        report(study(), interrupted=False)
    except KeyboardInterrupt as error:
        report(error.result, interrupted=True, text=str(error))
"""
PLAIN = STUDY + "\nmain()\n"
#: As in a notebook: a loop runs already, and Ctrl-C raises KeyboardInterrupt in the main thread.
IN_A_LOOP = STUDY + "\nasync def cell():\n    main()\n\nasyncio.new_event_loop().run_until_complete(cell())\n"

BEGIN = "trap 'touch got-int' INT; trap 'touch got-term; exit 1' TERM; echo $$ > pid; "
#: Ignores TERM, and has a grandchild in a session of its own.
STUBBORN = "trap '' TERM; setsid sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' & echo $$ > pid; "
FOREVER = "while :; do sleep 0.05; done"

SKIPPED = ["skipped", "aborted", None, 0]


def wait_two_running(driver: DriverProcess) -> dict[str, int]:
    """Wait until two runs have begun, and the driver knows of it; return their process ids."""
    pids = driver.wait_running("0", "1")
    driver.wait_said("a run has started", times=2)
    return pids


def words(template: str, script: str, grace_s: float = 30.0, progress: bool = False) -> str:
    return template.format(script=script, grace_s=grace_s, progress=progress)


@pytest.mark.parametrize("template", [PLAIN, IN_A_LOOP], ids=["plain", "in a loop"])
def test_ctrl_c_once_lets_running_runs_finish_and_starts_no_further_one(
    start_driver: StartDriver, gate: Gate, template: str
) -> None:
    driver = start_driver(words(template, BEGIN + gate.words), on_terminal=True)
    wait_two_running(driver)
    agents = driver.agents
    driver.press_ctrl_c()
    driver.wait_said("no further run is started; 2 runs still running (Ctrl-C again ends them)")
    gate.open()
    driver.wait_end()
    assert driver.wait_nothing_left(*agents)
    report = driver.report
    assert report["interrupted"]
    assert report["runs"] == [["success", "ok", 0, 1]] * 2 + [SKIPPED] * 4
    assert names_in(driver.output_path) == [".runsemble", "0", "1", "runsemble.db"]
    assert not (driver.output_path / "0/got-int").exists(), "the terminal's signal reached a run"
    assert "Traceback" not in driver.said


@pytest.mark.parametrize("template", [PLAIN, IN_A_LOOP], ids=["plain", "in a loop"])
def test_ctrl_c_twice_ends_running_runs(start_driver: StartDriver, template: str) -> None:
    driver = start_driver(words(template, BEGIN + FOREVER), on_terminal=True)
    wait_two_running(driver)
    agents = driver.agents
    driver.press_ctrl_c()
    driver.wait_said("still running")
    driver.press_ctrl_c()
    driver.wait_said("ending 2 runs (Ctrl-C again kills them)")
    driver.wait_end()
    assert driver.wait_nothing_left(*agents)
    report = driver.report
    assert report["interrupted"]
    assert report["runs"] == [["failure", "killed", 1, 1]] * 2 + [SKIPPED] * 4
    for name in ("0", "1"):
        assert (driver.output_path / name / "got-term").exists()
        assert not (driver.output_path / name / "got-int").exists()


@pytest.mark.parametrize("template", [PLAIN, IN_A_LOOP], ids=["plain", "in a loop"])
def test_ctrl_c_three_times_kills_what_resists(start_driver: StartDriver, template: str) -> None:
    driver = start_driver(words(template, STUBBORN + FOREVER, grace_s=1000.0), on_terminal=True)
    pids = wait_two_running(driver)
    agents = driver.agents
    driver.press_ctrl_c()
    driver.wait_said("still running")
    driver.press_ctrl_c()
    driver.wait_said("ending 2 runs")
    assert all(map(is_alive, pids.values()))
    driver.press_ctrl_c()
    driver.wait_end()
    assert driver.wait_nothing_left(*agents)
    assert driver.report["runs"] == [["failure", "killed", -9, 1]] * 2 + [SKIPPED] * 4


def test_ctrl_c_many_times_at_once_leaves_nothing(start_driver: StartDriver) -> None:
    driver = start_driver(words(PLAIN, STUBBORN + FOREVER, grace_s=1000.0), on_terminal=True)
    wait_two_running(driver)
    agents = driver.agents
    for _ in range(10):
        driver.press_ctrl_c()
    driver.wait_end(impatiently=True)
    assert driver.wait_nothing_left(*agents)


def test_a_program_that_does_not_care_ends_as_by_ctrl_c(start_driver: StartDriver, gate: Gate) -> None:
    driver = start_driver(words(STUDY, BEGIN + gate.words) + "\nstudy()\n", on_terminal=True)
    wait_two_running(driver)
    agents = driver.agents
    driver.press_ctrl_c()
    driver.wait_said("still running")
    gate.open()
    assert driver.wait_end() in (-signal.SIGINT, 130)
    assert driver.wait_nothing_left(*agents)
    assert "KeyboardInterrupt" in driver.said


def test_ctrl_c_before_the_first_run_ends_the_program_at_once(start_driver: StartDriver) -> None:
    script = """
    async def never():
        print("it has begun", flush=True)
        await asyncio.sleep(1000)
        yield {}

    try:
        multirun_sync(runs=never(), cmd=["true"], output_path="out", progress=False)
    except KeyboardInterrupt as error:
        report(error.result, interrupted=True)
    """
    driver = start_driver(script, on_terminal=True)
    driver.wait_said("it has begun")
    agents = driver.agents
    driver.press_ctrl_c()
    driver.wait_end()
    assert driver.wait_nothing_left(*agents)
    assert driver.report == {"interrupted": True, "runs": []}


def test_after_ctrl_c_the_program_may_go_on(start_driver: StartDriver, gate: Gate) -> None:
    script = words(PLAIN, BEGIN + gate.words) + (
        "result = multirun_sync(runs=[{}], cmd=['true'], output_path='again', progress=False)\n"
        "print('afterwards:', result[0].status)\n"
        "import signal\n"
        "print('handler:', signal.getsignal(signal.SIGINT) is signal.default_int_handler)\n"
    )
    driver = start_driver(script, on_terminal=True)
    wait_two_running(driver)
    driver.press_ctrl_c()
    driver.wait_said("still running")
    gate.open()
    assert driver.wait_end() == 0
    assert "afterwards: success" in driver.said
    assert "handler: True" in driver.said


def test_the_bar_gives_way_to_what_ctrl_c_says(start_driver: StartDriver, gate: Gate) -> None:
    driver = start_driver(words(PLAIN, BEGIN + gate.words, progress=True), on_terminal=True)
    wait_two_running(driver)
    driver.wait_said("0/6")
    driver.press_ctrl_c()
    driver.wait_said("2 runs still running")
    gate.open()
    driver.wait_end()
    assert driver.report["interrupted"]
    assert "4 skipped" in driver.said


def test_ctrl_c_in_a_callers_own_loop_is_a_cancellation(start_driver: StartDriver) -> None:
    script = f"""
    async def main():
        try:
            await multirun(
                runs=[{{"i": i}} for i in range(6)], cmd=["sh", "-c", {BEGIN + FOREVER!r}], output_path="out",
                progress=False, runner=ParallelLocalRunner(max_parallel=2),
            )
        except asyncio.CancelledError:
            report([], cancelled=True)
            raise

    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("interrupted")
    """
    driver = start_driver(script, on_terminal=True)
    driver.wait_running("0", "1")
    agents = driver.agents
    driver.press_ctrl_c()
    assert driver.wait_end() == 0
    assert driver.wait_nothing_left(*agents)
    assert driver.report["cancelled"]
    assert "interrupted" in driver.said
    assert (driver.output_path / "0/got-term").exists()
    assert not (driver.output_path / "0/got-int").exists()


def test_ctrl_c_reaches_a_debugged_run_and_ends_the_study_after_it(start_driver: StartDriver) -> None:
    run = "trap 'touch heard; exit 5' INT; trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done"
    script = f"""
    try:
        multirun_sync(
            runs=[{{}}, {{}}], cmd=["sh", "-c", {run!r}], output_path="out", runner=DebugRunner(), progress=False
        )
    except KeyboardInterrupt as error:
        print("interrupted")
        report(error.result, interrupted=True)
    """
    driver = start_driver(script, on_terminal=True)
    pids = driver.wait_running("0")
    driver.press_ctrl_c()
    driver.wait_end()
    assert "interrupted" in driver.said
    assert (driver.output_path / "0/heard").exists()
    assert not (driver.output_path / "1/pid").exists()
    assert not is_alive(pids["0"])
    assert driver.report["runs"] == [["failure", "exit", 5, 1], SKIPPED]
