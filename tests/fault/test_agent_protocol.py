"""What an agent keeps when drivers come and go, when it is killed itself, and when it hears nonsense."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runsemble.agent import place
from runsemble.agent.frames import Unpacker, pack
from runsemble.agent.protocol import VERSION
from runsemble.nodes.local import AGENT_PROGRAM

from ..integration.support import Gate, is_alive, lines_of, names_in, wait_until
from .conftest import Connect, StartAgent
from .raw_driver import Agent, RawDriver, pid_in, wait_gone


@pytest.fixture(params=["this Python", "Python 3.8"])
def agent(request: pytest.FixtureRequest, start_agent: StartAgent) -> Agent:
    """An agent on this Python, and on the oldest one that it must run on."""
    if request.param == "this Python":
        return start_agent()
    return start_agent(python=request.getfixturevalue("oldest_python"))


@pytest.fixture
def driver(agent: Agent, connect: Connect) -> RawDriver:
    """A driver that has said hello, with its first plan."""
    driver = connect(agent)
    driver.plan()
    return driver


# One driver


def test_an_agent_introduces_itself(agent: Agent, driver: RawDriver) -> None:
    facts = driver.hear("welcome")[1]
    assert (facts["pid"], facts["epoch"], facts["live"]) == (agent.pid, 1, [])
    assert facts["host"] == socket.gethostname()
    assert facts["python"][0] == 3
    driver.hear_current()


def test_a_run_starts_ends_and_is_told_of(driver: RawDriver, here: Path) -> None:
    driver.run(7, here, "sh", "-c", "echo out; echo '{\"x\": 1}' > results.json; exit 3")
    start = driver.hear("start")
    record = driver.hear_exit(7)
    assert start[1:4] == [7, 1, 0]
    assert (record.run, record.attempt, record.status, record.ended_by, record.trouble) == (7, 1, 3, None, None)
    assert record.result == ["text", '{"x": 1}\n']
    assert record.lease == 107
    assert (here / "7/stdout").read_text() == "out\n"


def test_a_waiting_run_takes_the_lease_of_its_lane_over(driver: RawDriver, here: Path, gate: Gate) -> None:
    driver.run(1, here, "sh", "-c", gate.words)
    driver.run(2, here, "true", waits=True)
    driver.hear("start", lambda m: m[1] == 1)
    gate.open()
    assert driver.hear_exit(1).successor == [2, 1]
    assert driver.hear_exit(2).lease == 101
    assert driver.hear_exit(2).successor is None


def is_about(number: int, message: list[Any]) -> bool:
    return bool(message[1] == number)


def test_an_agent_with_several_runs_waits_for_the_core_of_none(agent: Agent, driver: RawDriver, here: Path) -> None:
    own = os.sched_getaffinity(agent.pid)
    for number, core in enumerate(sorted(own)[:2], 1):
        driver.run(number, here, "sleep", "100", cores=[core])
        pid = driver.hear("start", partial(is_about, number))[4]
        assert os.sched_getaffinity(pid) == {core}
        assert os.sched_getaffinity(agent.pid) == ({core} if number == 1 else own)


def test_an_agent_that_is_told_to_end_ends_its_runs_first(agent: Agent, driver: RawDriver, here: Path) -> None:
    driver.run(1, here, "sh", "-c", "echo $$ > pid; sleep 1000")
    pid = pid_in(here / "1/pid")
    driver.send("bye", "stop")
    assert driver.hear_exit(1).ended_by == "cancelled"
    assert agent.wait() == 0
    assert not is_alive(pid)
    assert not agent.is_there


def test_an_agent_is_deaf_to_the_terminal(agent: Agent, driver: RawDriver, here: Path) -> None:
    driver.hear_current()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        os.kill(agent.pid, number)
    driver.run(1, here, "true")
    assert driver.hear_exit(1).status == 0


def test_an_agent_that_is_terminated_ends_its_runs_and_tidies_up(agent: Agent, driver: RawDriver, here: Path) -> None:
    driver.run(1, here, "sh", "-c", "echo $$ > pid; sleep 1000")
    pid = pid_in(here / "1/pid")
    os.kill(agent.pid, signal.SIGTERM)
    assert agent.wait() == 0
    assert not is_alive(pid)
    assert not agent.is_there


# Drivers come and go


def test_a_driver_of_an_earlier_epoch_is_refused(agent: Agent, connect: Connect) -> None:
    newer = connect(agent, epoch=5, linger_s=60.0)
    newer.hear_current()
    older = connect(agent, epoch=4)
    reason, epoch = older.hear("refused")[1:]
    assert (reason, epoch) == ("another driver has taken over", 5)
    older.hear_end()
    newer.plan()
    newer.send("bye", "stop")
    assert agent.wait() == 0


def test_the_highest_epoch_is_remembered_when_its_driver_has_gone(agent: Agent, connect: Connect) -> None:
    newer = connect(agent, epoch=5, linger_s=60.0)
    newer.hear_current()
    newer.close()
    assert connect(agent, epoch=4).hear("refused")[2] == 5
    assert connect(agent, epoch=5).hear("welcome")[1]["epoch"] == 5


def test_the_highest_epoch_is_remembered_by_an_agents_successor(start_agent: StartAgent, connect: Connect) -> None:
    agent = start_agent()
    connect(agent, epoch=5).hear_current()
    agent.kill()
    heir = start_agent(agent.directory)
    assert connect(heir, epoch=4).hear("refused")[2] == 5


def test_a_driver_that_speaks_another_version_is_refused(agent: Agent, connect: Connect) -> None:
    driver = connect(agent, version=99)
    assert "version" in driver.hear("refused")[1]
    driver.hear_end()


def test_a_newer_driver_takes_over_from_a_connected_one(
    agent: Agent, driver: RawDriver, connect: Connect, here: Path, gate: Gate
) -> None:
    driver.run(1, here, "sh", "-c", gate.words)
    start = driver.hear("start")
    newer = connect(agent, epoch=2)
    assert driver.hear("refused")[1:] == ["another driver has taken over", 2]
    driver.hear_end()
    live = newer.hear("welcome")[1]["live"]
    assert [entry[:4] for entry in live] == [start[1:5]]
    gate.open()
    assert newer.hear_exit(1).status == 0


def test_a_driver_that_was_superseded_is_not_obeyed_any_more(
    agent: Agent, driver: RawDriver, connect: Connect, here: Path
) -> None:
    driver.hear_current()
    newer = connect(agent, epoch=2)
    newer.hear_current()
    with suppress(ConnectionError):  # it was told so already
        driver.run(1, here, "true")
    newer.plan()
    newer.run(2, here, "true")
    assert newer.hear_exit(2).status == 0
    assert not (here / "1").exists()


def test_what_waited_for_the_old_driver_does_not_start_under_the_new_one(
    agent: Agent, driver: RawDriver, connect: Connect, here: Path, gate: Gate
) -> None:
    driver.run(1, here, "sh", "-c", gate.words)
    driver.run(2, here, "touch", "began", waits=True)
    driver.hear("start")
    newer = connect(agent, epoch=2)
    newer.hear_current()  # from which the new driver learns that run 2 never began
    gate.open()
    assert newer.hear_exit(1).successor is None
    newer.plan()
    newer.run(3, here, "true")
    newer.hear_exit(3)
    assert not (here / "2").exists()


def test_an_exit_is_told_again_until_it_is_acknowledged(agent: Agent, connect: Connect, here: Path) -> None:
    first = connect(agent, linger_s=60.0)
    first.plan()
    for number in (1, 2, 3):
        first.run(number, here, "sh", "-c", f"exit {number}")
    seqs = {number: first.hear_exit(number).seq for number in (1, 2, 3)}
    first.acknowledge(sorted(seqs.values())[0])
    first.send("cancel", 99, 1, "stop")  # whatever comes after shows that the acknowledgement was read
    first.run(4, here, "true")
    first.hear_exit(4)
    first.close()
    second = connect(agent, linger_s=60.0)
    second.hear_current()
    told = {record.run: record for record in second.exits}
    forgotten = min(seqs, key=seqs.__getitem__)
    assert set(told) == {1, 2, 3, 4} - {forgotten}
    for number in set(seqs) - {forgotten}:
        assert (told[number].seq, told[number].status) == (seqs[number], number)
    second.acknowledge(max(record.seq for record in second.exits))
    second.run(5, here, "true", plan=1)
    second.hear_exit(5)
    second.close()
    third = connect(agent)
    third.hear_current()
    assert [record.run for record in third.exits] == [5]


def test_runs_are_ended_when_their_driver_has_gone(agent: Agent, driver: RawDriver, here: Path) -> None:
    driver.run(1, here, "sh", "-c", "setsid sh -c 'echo $$ > grandchild; sleep 1000' & echo $$ > pid; sleep 1000")
    pids = [pid_in(here / "1/pid"), pid_in(here / "1/grandchild")]
    driver.close()
    assert agent.wait() == 0
    assert not any(map(is_alive, pids))
    assert not agent.is_there


def test_runs_may_be_let_finish_when_their_driver_has_gone(
    agent: Agent, connect: Connect, here: Path, gate: Gate
) -> None:
    first = connect(agent, orphans="finish")
    first.plan()
    first.run(1, here, "sh", "-c", f"{gate.words}; exit 5")
    first.run(2, here, "touch", "began", waits=True)
    pid = first.hear("start")[4]
    first.close()
    second = connect(agent, orphans="finish")
    assert second.hear("welcome")[1]["live"][0][:4] == [1, 1, 0, pid]
    second.hear_current()
    assert second.exits == []
    gate.open()
    record = second.hear_exit(1)
    assert (record.status, record.successor) == (5, None)
    assert not (here / "2").exists(), "something new was started without a driver"


@pytest.mark.parametrize("has_keeps", [False, True])
def test_an_agent_that_waits_for_runs_without_a_driver_leaves_the_machine_to_them(
    agent: Agent, connect: Connect, here: Path, has_keeps: bool
) -> None:
    driver = connect(agent, orphans="finish", keeps=[str(here)] * has_keeps)
    driver.plan()
    driver.run(1, here, "sh", "-c", f"echo $$ > pid; exec tail -f --pid={os.getpid()} pid")
    pid = pid_in(here / "1/pid")
    driver.close()
    time.sleep(0.5)
    before = wake_ups(agent.pid)
    time.sleep(1)
    assert wake_ups(agent.pid) - before < 10
    os.kill(pid, signal.SIGKILL)
    assert agent.wait() == 0


def wake_ups(pid: int) -> int:
    """Return how often a process has waited for something by now."""
    fields = dict(line.split(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["voluntary_ctxt_switches"])


def test_an_end_that_nobody_heard_is_kept_for_the_next_driver(
    agent: Agent, connect: Connect, here: Path, gate: Gate
) -> None:
    first = connect(agent, orphans="finish", linger_s=60.0)
    first.plan()
    first.run(1, here, "sh", "-c", f"{gate.words}; exit 5")
    first.hear("start")
    first.close()
    gate.open()
    spool = place.spool_path(agent.directory)
    wait_until("the end is on record", lambda: '"exit"' in "".join(lines_of(spool)), patience_s=5)
    second = connect(agent)
    second.hear_current()
    assert [(record.run, record.status) for record in second.exits] == [(1, 5)]


def test_an_agent_that_has_ended_with_an_unheard_end_leaves_it_to_its_successor(
    start_agent: StartAgent, connect: Connect, here: Path, gate: Gate
) -> None:
    agent = start_agent()
    first = connect(agent, orphans="finish", keeps=[str(here)])
    first.plan()
    first.run(1, here, "sh", "-c", f"{gate.words}; exit 5")
    first.hear("start")
    first.close()
    gate.open()
    assert agent.wait() == 0
    assert not agent.is_there
    successor = place.make_place()
    os.rename(place.left_spool_path(str(here), agent.directory), place.spool_path(successor))
    second = connect(start_agent(successor))
    second.hear_current()
    assert [(record.run, record.attempt, record.status) for record in second.exits] == [(1, 1, 5)]


def test_an_agent_without_a_driver_lingers_as_long_as_it_was_told(agent: Agent, connect: Connect) -> None:
    driver = connect(agent, linger_s=0.7)
    driver.hear_current()
    began = time.monotonic()
    driver.close()
    assert agent.wait() == 0
    assert 0.6 < time.monotonic() - began < 10
    assert not agent.is_there


def test_a_driver_that_comes_back_in_time_finds_the_agent_with_its_runs(
    agent: Agent, connect: Connect, here: Path, gate: Gate
) -> None:
    first = connect(agent, linger_s=60.0)
    first.plan()
    first.run(1, here, "sh", "-c", gate.words)
    first.hear("start")
    first.close()
    second = connect(agent, linger_s=60.0)
    assert len(second.hear("welcome")[1]["live"]) == 1
    gate.open()
    assert second.hear_exit(1).status == 0


def test_time_limits_hold_without_a_driver(agent: Agent, connect: Connect, here: Path) -> None:
    first = connect(agent, orphans="finish", linger_s=60.0)
    first.plan(timeout_s=0.3)
    first.run(1, here, "sleep", "1000")
    pid = first.hear("start")[4]
    first.close()
    wait_gone(pid)
    second = connect(agent)
    assert second.hear_exit(1).ended_by == "timeout"


# The agent itself dies


def test_a_killed_agents_successor_tells_what_became_of_every_run(
    start_agent: StartAgent, connect: Connect, here: Path
) -> None:
    agent = start_agent()
    driver = connect(agent)
    driver.plan()
    driver.run(1, here, "true")
    driver.acknowledge(driver.hear_exit(1).seq)
    driver.run(2, here, "sh", "-c", "exit 4")
    ended = driver.hear_exit(2)
    driver.run(3, here, "sh", "-c", "setsid sh -c 'echo $$ > grandchild; sleep 1000' & echo $$ > pid; sleep 1000")
    driver.run(4, here, "true", waits=True)
    pids = [pid_in(here / "3/pid"), pid_in(here / "3/grandchild")]
    agent.kill()
    second = connect(start_agent(agent.directory))
    second.hear_current()
    assert not any(map(is_alive, pids)), "what ran under the dead agent was not ended"
    told = {record.run: record for record in second.exits}
    assert set(told) == {2, 3}
    assert told[2].as_message() == ended.as_message()
    assert (told[3].status, told[3].trouble) == (None, "agent_lost")
    assert told[3].seq > told[2].seq
    assert second.hear("welcome")[1]["live"] == []
    assert not (here / "4").exists()


def test_a_successor_touches_no_run_of_another_agent(
    start_agent: StartAgent, connect: Connect, here: Path, gate: Gate
) -> None:
    doomed, other = start_agent(), start_agent()
    drivers = {}
    for name, agent in (("doomed", doomed), ("other", other)):
        drivers[name] = connect(agent)
        drivers[name].plan()
        drivers[name].run(1, here / name, "sh", "-c", f"echo $$ > pid; {gate.words}")
    lost, kept = pid_in(here / "doomed/1/pid"), pid_in(here / "other/1/pid")
    doomed.kill()
    connect(start_agent(doomed.directory)).hear_current()
    assert not is_alive(lost)
    assert is_alive(kept)
    gate.open()
    assert drivers["other"].hear_exit(1).status == 0


@pytest.mark.parametrize("cut", [1, 7, 30])
def test_a_spool_that_was_cut_in_the_middle_of_a_line_is_read_as_far_as_it_goes(
    start_agent: StartAgent, connect: Connect, here: Path, cut: int
) -> None:
    agent = start_agent()
    driver = connect(agent)
    driver.plan()
    for number in (1, 2):
        driver.run(number, here, "sh", "-c", f"exit {number}")
        driver.hear_exit(number)
    agent.kill()
    spool = Path(place.spool_path(agent.directory))
    spool.write_bytes(spool.read_bytes()[:-cut])
    heir = start_agent(agent.directory)
    second = connect(heir)
    second.hear_current()
    told = {record.run: record for record in second.exits}
    assert (told[1].status, told[1].trouble) == (1, None)
    assert told[2].trouble in ("agent_lost", None)
    second.plan()
    second.run(3, here, "sh", "-c", "exit 3")
    second.hear_exit(3)
    heir.kill()
    third = connect(start_agent(agent.directory))
    third.hear_current()
    assert {record.run for record in third.exits} == {1, 2, 3}
    assert len({record.seq for record in third.exits}) == 3


# Nonsense


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\0\0\0\5hello",
        b"\0\0\0\2{}",
        b"\0\0\0\4null",
        struct.pack("!I", 2**32 - 1) + b"x" * 100,
        struct.pack("!I", 100) + b"cut off",
        b"",
        b"\xff" * 100_000,
        pack([]),
        pack([1, None, "hello", [], {}, [[]], [None], ["hello"], ["hello", None], ["hello", {}]]),
        pack([["run"], ["cancel", 1, 1, "kill"], ["bye", "kill"], ["drop"], ["ack", 10**9], ["plan", 1, {}]]),
        pack([["hello", {"version": 1, "epoch": "high"}]]),
        pack([["hello", {"version": 1, "epoch": 99}]]),
        b"\0\0\0\x03[1\xff",
        pack(["[" * 1000]) + b"\0\1\0\0" + b"[" * 65536,
    ],
    ids=lambda garbage: repr(garbage[:24]),
)
def test_garbage_on_the_socket_disturbs_nobody(
    start_agent: StartAgent, connect: Connect, here: Path, gate: Gate, garbage: bytes
) -> None:
    agent = start_agent()
    driver = connect(agent)
    driver.plan()
    driver.run(1, here, "sh", "-c", gate.words)
    driver.hear("start")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.connect(place.socket_path(agent.directory))
        try:
            stranger.sendall(garbage)
            stranger.shutdown(socket.SHUT_WR)
            stranger.settimeout(10)
            while stranger.recv(65536):
                pass
        except ConnectionError:
            pass
    gate.open()
    assert driver.hear_exit(1).status == 0
    driver.run(2, here, "true")
    assert driver.hear_exit(2).status == 0


def test_a_driver_that_talks_nonsense_is_told_and_its_runs_go_on(
    agent: Agent, driver: RawDriver, here: Path, gate: Gate
) -> None:
    driver.run(1, here, "sh", "-c", gate.words)
    driver.hear("start")
    for nonsense in (
        ["run"],
        ["run", 77, 2, 1, 0, 2, "/x", "", None, ["true"], {}, None, 0, [1, [], {}]],
        ["cancel"],
        ["ack"],
        [3],
    ):
        driver.send(*nonsense)
    driver.send("unheard-of")
    driver.send("cancel", 55, 1, "stop")
    assert "could not act on a message" in driver.hear("note")[1]
    gate.open()
    assert driver.hear_exit(1).status == 0


def test_garbage_on_the_bell_disturbs_nobody(agent: Agent, driver: RawDriver, here: Path) -> None:
    driver.hear_current()
    bell = place.bell_path(agent.directory)
    for garbage in (b"\xff" * 300, b"nobody\n", b"a-b-c-d\n", b"1-2-3\n" * 500, b"\n"):
        fd = os.open(bell, os.O_WRONLY | os.O_NONBLOCK)
        os.write(fd, garbage)
        os.close(fd)
    driver.run(1, here, "true")
    assert driver.hear_exit(1).status == 0


def test_a_hundred_strangers_at_once_disturb_nobody(agent: Agent, driver: RawDriver, here: Path) -> None:
    driver.hear_current()
    with ExitStack() as strangers:
        for _ in range(100):
            stranger = strangers.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            stranger.connect(place.socket_path(agent.directory))
        driver.run(1, here, "true")
        assert driver.hear_exit(1).status == 0


def test_a_driver_that_does_not_listen_loses_nothing(agent: Agent, driver: RawDriver, here: Path) -> None:
    driver.plan(2, output="tail")
    for number in range(40):
        driver.run(number, here, "sh", "-c", "head -c 65536 /dev/zero | tr '\\0' x", plan=2)
    wait_until("all have begun", lambda: len(names_in(here)) == 40)
    wait_until(
        "all have ended",
        lambda: sum(line.startswith('["exit"') for line in lines_of(place.spool_path(agent.directory))) == 40,
    )
    assert {driver.hear_exit(number).status for number in range(40)} == {0}
    assert all(len(driver.hear_exit(number).tail or "") == 65536 for number in range(40))


# The bridge


@pytest.fixture
def bridge(agent: Agent) -> subprocess.Popen[bytes]:
    """A bridge to an agent, as it is started on the agent's host."""
    return start_bridge(place.socket_path(agent.directory))


def start_bridge(path: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", AGENT_PROGRAM, "attach", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def hello(**changes: object) -> bytes:
    fields = {
        "version": VERSION, "epoch": 1, "orphans": "kill", "linger_s": 60.0, "grace_s": 0.5, "survivors": "kill",
        "keeps": [],
    }  # fmt: skip
    return pack([["hello", {**fields, **changes}]])


def test_a_bridge_copies_both_ways(agent: Agent, bridge: subprocess.Popen[bytes], here: Path) -> None:
    plan: dict[str, object] = {
        "directory": "new",
        "env": {},
        "output": "tail",
        "stage": [],
        "timeout_s": None,
        "mem_mib": 0,
    }
    text = "x" * 200_000
    run = ["run", 1, 1, 1, 0, 1, str(here / "1"), text, None, ["/bin/cat", "params.json"], {}, None, 0, [1, [], {}]]
    with bridge:
        assert bridge.stdin is not None
        assert bridge.stdout is not None
        bridge.stdin.write(hello() + pack([["plan", 1, plan], run]))
        bridge.stdin.flush()
        unpacker = Unpacker()
        heard: list[list[object]] = []
        while not any(message[0] == "exit" for message in heard):
            data = os.read(bridge.stdout.fileno(), 65536)
            assert data, f"the bridge has gone; heard: {heard}"
            heard += unpacker.feed(data)
        bridge.stdin.close()
        assert bridge.wait(10) == 0
    assert heard[0][0] == "welcome"
    last = next(message for message in heard if message[0] == "exit")
    assert "x" * 65536 in last
    assert (here / "1/params.json").read_text() == text


def test_a_bridge_may_be_cut_and_another_opened(agent: Agent, bridge: subprocess.Popen[bytes], here: Path) -> None:
    with bridge:
        assert bridge.stdin is not None
        assert bridge.stdout is not None
        bridge.stdin.write(hello())
        bridge.stdin.flush()
        assert os.read(bridge.stdout.fileno(), 65536)
        bridge.kill()
    with start_bridge(place.socket_path(agent.directory)) as again:
        assert again.stdin is not None
        assert again.stdout is not None
        again.stdin.write(hello(linger_s=0.0))
        again.stdin.flush()
        assert b"welcome" in os.read(again.stdout.fileno(), 65536)
    assert agent.wait() == 0


def test_a_bridge_ends_with_its_agent(agent: Agent, bridge: subprocess.Popen[bytes]) -> None:
    with bridge:
        assert bridge.stdin is not None
        assert bridge.stdout is not None
        bridge.stdin.write(hello())
        bridge.stdin.flush()
        os.read(bridge.stdout.fileno(), 65536)
        agent.kill()
        assert bridge.wait(10) == 0


def test_a_bridge_to_nowhere_says_so(here: Path) -> None:
    with start_bridge(str(here / "nowhere")) as bridge:
        assert bridge.stderr is not None
        said = bridge.stderr.read().decode()
        assert bridge.wait(10) == 1
    assert len(said.splitlines()) == 1
    assert str(here / "nowhere") in said
    assert "cannot reach the agent" in said


def test_an_agent_that_is_told_nonsense_on_its_command_line_says_how_it_goes(here: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", AGENT_PROGRAM, "dance"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("usage: agent serve DIRECTORY")
