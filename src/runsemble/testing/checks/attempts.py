"""Time limits and further attempts."""

from __future__ import annotations

import signal

from runsemble.model.status import Cause
from runsemble.sched.retry import RetryPolicy
from runsemble.testing.files import contents, read
from runsemble.testing.gate import WAIT_AT_GATE
from runsemble.testing.registry import pooled_runner
from runsemble.testing.require import require, require_equal
from runsemble.testing.rig import GRACE_S, Rig, sh

#: Time limit of runs that never end by themselves, in seconds.
_TIMEOUT_S = 0.25
#: How much later than due an end may come on a machine with much to do, in seconds.
_SLACK_S = 5.0

#: Fails, and leaves whatever an attempt can leave; a second attempt must find nothing of it.
_FAIL_FIRST = """
if [ "$RUNSEMBLE_ATTEMPT" = 1 ]; then
    echo '{"from": 1}' > results.json
    echo '{"time": 1.0, "metrics": {"from": 1}}' > metrics.jsonl
    echo out 1; echo err 1 >&2; : > own
    exit 3
fi
for name in results.json metrics.jsonl; do [ -e $name ] && exit 4; done
[ -s stdout ] && exit 5
[ -e own ] || exit 6
[ -e params.json ] || exit 7
echo out 2; echo err 2 >&2
"""


@pooled_runner
async def a_run_that_takes_too_long_is_ended(rig: Rig) -> None:
    """After `timeout_s` an attempt is sent TERM, and KILL a grace period later; its cause is ``timeout``."""
    gate = rig.new_gate()
    runner = rig.make_pooled(max_parallel=3)
    obedient = runner.add(sh(WAIT_AT_GATE, gate), rig.new_dir(), timeout_s=_TIMEOUT_S)
    stubborn = runner.add(sh("trap '' TERM; " + WAIT_AT_GATE, gate), rig.new_dir(), timeout_s=_TIMEOUT_S)
    quick = runner.add(sh("exit 0"), rig.directory, timeout_s=_TIMEOUT_S + _SLACK_S)
    await runner.gather()
    require_equal("status of a run within its limit", quick.status, "success")
    for run, number, least_s in (
        (obedient, signal.SIGTERM, _TIMEOUT_S),
        (stubborn, signal.SIGKILL, _TIMEOUT_S + GRACE_S),
    ):
        require_equal("end", (run.status, run.cause, run.returncode), ("failure", Cause.TIMEOUT, -number))
        assert run.usage is not None
        wall_s = run.usage.wall_s
        require(least_s <= wall_s < least_s + _SLACK_S, f"ended after {wall_s:.3f} s, wanted {least_s} s")


@pooled_runner
async def a_second_attempt_finds_nothing_of_the_first(rig: Rig) -> None:
    """What an attempt left under our names is set aside before the next one; files of its own stay."""
    result = await rig.study(rig.make_pooled(), [{"x": 1}], sh(_FAIL_FIRST), retries=2)
    run = result[0]
    require_equal("end", (run.status, run.returncode, run.attempts), ("success", 0, 2))
    require_equal("result", run.result, None)
    require_equal("output", (run.read_stdout(), run.read_stderr()), (b"out 2\n", b"err 2\n"))
    kept = contents(run.run_dir, ".attempts", "1")
    wanted = {"results.json": '{"from": 1}\n', "stdout": "out 1\n", "stderr": "err 1\n"}
    for name, text in wanted.items():
        require_equal(f".attempts/1/{name}", kept.get(name), text)
    require("metrics.jsonl" in kept, ".attempts/1 lacks metrics.jsonl")


@pooled_runner
async def retries_are_counted(rig: Rig) -> None:
    """`retries` is the number of further attempts; a run that never succeeds has made one more than that."""
    runner = rig.make_pooled()
    script = 'echo x >> "$1"; exit 1'
    never = [runner.add(sh(script, f"tries-{at}"), rig.directory, retries=at) for at in range(3)]
    missing = runner.add(["/no/such/program"], rig.directory, retries=1)
    late = runner.add(sh('[ "$RUNSEMBLE_ATTEMPT" -ge 3 ]'), rig.directory, retries=5)
    slow = runner.add(sh(WAIT_AT_GATE, rig.new_gate()), rig.directory, retries=1, timeout_s=0.05)
    await runner.gather()
    require_equal("attempts", [run.attempts for run in never], [1, 2, 3])
    for at in range(3):
        require_equal("executions", len(read(rig.directory, f"tries-{at}").split()), at + 1)
    require_equal("third time lucky", (late.status, late.attempts), ("success", 3))
    found = [(run.status, run.cause, run.attempts) for run in (missing, slow)]
    require_equal("other ends", found, [("failure", Cause.LAUNCH_ERROR, 2), ("failure", Cause.TIMEOUT, 2)])


@pooled_runner
async def retries_of_a_cause_are_counted_apart(rig: Rig) -> None:
    """Numbers of retries by cause hold for those causes alone, and every other failure is final."""
    runner = rig.make_pooled()
    quick = runner.add(sh("exit 3"), rig.new_dir(), retries={"timeout": 2})
    slow = runner.add(sh("sleep 60"), rig.new_dir(), timeout_s=_TIMEOUT_S / 5, retries={"timeout": 2, "exit": 5})
    await runner.gather()
    require_equal("end of a run that failed", (quick.status, quick.attempts), ("failure", 1))
    require_equal("end of a run that was too slow", (slow.cause, slow.attempts), (Cause.TIMEOUT, 3))


@pooled_runner
async def a_run_that_took_too_long_gets_twice_the_time(rig: Rig) -> None:
    """Every attempt after one that took too long has twice its time limit."""
    script = "[ $RUNSEMBLE_ATTEMPT = 3 ] || sleep 60; echo $RUNSEMBLE_DEADLINE; date +%s.%N"
    runner = rig.make_pooled()
    run = runner.add(sh(script), rig.new_dir(), timeout_s=_TIMEOUT_S, retries=2)
    await runner.gather()
    require_equal("end", (run.status, run.attempts), ("success", 3))
    deadline_s, now_s = map(float, run.read_stdout().split())
    left_s = deadline_s - now_s
    require(
        2 * _TIMEOUT_S < left_s <= 4 * _TIMEOUT_S, f"the third attempt had {left_s:.3f} s left of {4 * _TIMEOUT_S} s"
    )


@pooled_runner
async def a_run_that_asks_to_be_tried_later_waits_for_its_turn(rig: Rig) -> None:
    """After exit code 75 an attempt is made again later, and the others do not wait for it."""
    policy = RetryPolicy(retries=1, tempfail_s=_TIMEOUT_S)
    runner = rig.make_pooled(max_parallel=1)
    order = rig.directory / "order"
    busy = sh('echo busy >> "$1"; [ $RUNSEMBLE_ATTEMPT = 2 ] || exit 75', order)
    async with runner:
        later = runner.add(busy, rig.new_dir(), retries=policy)
        other = runner.add(sh('echo other >> "$1"', order), rig.new_dir())
        await later
    require_equal("ends", (later.status, later.attempts, other.status), ("success", 2, "success"))
    require_equal("order of starts", read(order).split(), ["busy", "other", "busy"])
