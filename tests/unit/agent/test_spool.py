import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runsemble.agent.frames import encode
from runsemble.agent.protocol import Exit
from runsemble.agent.spool import COMPACT_BYTES, Remains, Spool, replay

BOOT = "11111111-2222"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    spool = Spool(str(path), 1, BOOT)
    yield spool
    spool.close()


def exit_of(run: int, seq: int) -> Exit:
    record = Exit.never_ran(run, 1, 0, "staging", "no")
    record.seq = seq
    return record


def replay_lines(path: Path, *lines: str) -> Remains:
    path.write_text("".join(line + "\n" for line in lines))
    return replay(str(path))


def test_without_a_spool_nothing_remains(path: Path) -> None:
    remains = replay(str(path))
    assert (remains.epoch, remains.last_seq, remains.exits, remains.open) == (0, 0, {}, {})


def test_a_new_spool_knows_its_epoch_at_once(spool: Spool, path: Path) -> None:
    remains = replay(str(path))
    assert (remains.epoch, remains.boot) == (1, BOOT)


def test_only_its_user_may_read_a_spool(spool: Spool, path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_intent_is_an_open_attempt(spool: Spool, path: Path) -> None:
    spool.intent(7, 1, 0, "abc-7-1-0", 12.5)
    assert spool.flush()
    assert replay(str(path)).open == {(7, 1, 0): ["abc-7-1-0", 12.5, 0]}


def test_a_process_id_is_added_to_its_intent(spool: Spool, path: Path) -> None:
    spool.intent(7, 1, 0, "abc-7-1-0", 12.5)
    spool.pid(7, 1, 0, 4242)
    spool.flush()
    assert replay(str(path)).open == {(7, 1, 0): ["abc-7-1-0", 12.5, 4242]}


def test_nothing_is_on_record_before_the_flush(spool: Spool, path: Path) -> None:
    spool.intent(7, 1, 0, "abc-7-1-0", 12.5)
    assert replay(str(path)).open == {}


def test_an_exit_closes_its_attempt_and_stays(spool: Spool, path: Path) -> None:
    spool.intent(7, 1, 0, "abc-7-1-0", 12.5)
    spool.exit(encode(exit_of(run=7, seq=3).as_message()))
    spool.flush()
    remains = replay(str(path))
    assert remains.open == {}
    assert remains.last_seq == 3
    assert remains.exits[3].as_message() == exit_of(run=7, seq=3).as_message()


def test_an_acknowledgement_ends_every_story_up_to_it(spool: Spool, path: Path) -> None:
    for seq in (1, 2, 3):
        spool.exit(encode(exit_of(run=seq, seq=seq).as_message()))
    spool.ack(2)
    spool.flush()
    remains = replay(str(path))
    assert list(remains.exits) == [3]
    assert remains.last_seq == 3


def test_the_highest_epoch_is_kept(spool: Spool, path: Path) -> None:
    spool.mark_epoch(5, BOOT)
    assert replay(str(path)).epoch == 5


def test_a_later_life_adds_to_the_former_ones_spool(spool: Spool, path: Path) -> None:
    spool.intent(7, 1, 0, "abc-7-1-0", 12.5)
    spool.flush()
    Spool(str(path), 2, BOOT).close()
    remains = replay(str(path))
    assert remains.epoch == 2
    assert list(remains.open) == [(7, 1, 0)]


@pytest.mark.parametrize("cut", [1, 2, 10])
def test_a_later_life_survives_the_torn_line_of_the_former_one(spool: Spool, path: Path, cut: int) -> None:
    spool.intent(7, 1, 0, "abc-7-1-0", 12.5)
    spool.flush()
    os.truncate(path, path.stat().st_size - cut)
    before = replay(str(path))
    Spool(str(path), 2, BOOT).close()
    after = replay(str(path))
    assert after.epoch == 2
    assert after.open == before.open


def test_an_emptied_spool_keeps_the_count_and_the_epoch(spool: Spool, path: Path) -> None:
    spool.exit(encode(exit_of(run=7, seq=9).as_message()))
    spool.ack(9)
    spool.flush()
    spool.empty(9, 4, BOOT)
    remains = replay(str(path))
    assert (remains.last_seq, remains.epoch, remains.exits, remains.open) == (9, 4, {}, {})
    assert not spool.is_long


def test_a_long_spool_says_so(spool: Spool) -> None:
    record = exit_of(run=1, seq=1)
    record.tail = "x" * COMPACT_BYTES
    spool.exit(encode(record.as_message()))
    spool.flush()
    assert spool.is_long


def test_a_spool_on_a_full_disk_keeps_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool("/dev/full", 1, BOOT)
    spool.ack(1)
    assert not spool.flush()
    written: list[bytes] = []

    def write(_: int, data: bytes) -> int:
        written.append(data)
        return len(data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        assert spool.flush()
    spool.close()
    assert b'["ack",1]\n' in b"".join(written)


def test_a_line_written_in_part_is_written_again(spool: Spool, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    spool.intent(7, 1, 0, "abc-7-1-0", 12.5)
    spool.exit(encode(exit_of(run=7, seq=1).as_message()))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: write(fd, data[:50]))
        assert not spool.flush()
    assert spool.flush()
    remains = replay(str(path))
    assert (remains.open, list(remains.exits)) == ({}, [1])


def test_there_is_nothing_to_flush_twice(spool: Spool, path: Path) -> None:
    size = path.stat().st_size
    assert spool.flush()
    assert path.stat().st_size == size


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "garbage",
        "[",
        "3",
        "null",
        "{}",
        "[]",
        '"ack"',
        '["unknown",1]',
        '["ack"]',
        '["ack",null]',
        '["epoch",1]',
        '["intent",1,1]',
        '["intent",[],1,0,"k",1.0]',
        '["pid",1]',
        '["exit",1,2]',
        '["exit"]',
        '[["exit"]]',
        pytest.param("[" * 100_000, id="deep"),
        pytest.param("\0" * 512, id="zeros"),
    ],
)
def test_a_line_that_nobody_wrote_is_passed_over(path: Path, garbage: str) -> None:
    remains = replay_lines(path, '["epoch",3,"b"]', '["intent",7,1,0,"k",1.0]', garbage, '["pid",7,1,0,42]')
    assert (remains.epoch, remains.open) == (3, {(7, 1, 0): ["k", 1.0, 42]})


def test_a_process_id_without_an_intent_means_nothing(path: Path) -> None:
    assert replay_lines(path, '["pid",7,1,0,42]').open == {}
