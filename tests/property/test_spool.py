import os
import tempfile
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runsemble.agent.frames import encode
from runsemble.agent.protocol import Exit
from runsemble.agent.spool import Remains, Spool, replay

BOOT = "boot"
runs = st.integers(1, 4)
seqs = st.integers(1, 6)
#: What is written into a spool, one line each.
deeds = st.lists(
    st.one_of(
        st.tuples(st.just("intent"), runs),
        st.tuples(st.just("pid"), runs),
        st.tuples(st.just("exit"), runs, seqs, st.text(max_size=3)),
        st.tuples(st.just("ack"), seqs),
        st.tuples(st.just("epoch"), st.integers(1, 9)),
    ),
    max_size=12,
)


def write(spool: Spool, deed: tuple[Any, ...]) -> None:
    kind, *rest = deed
    if kind == "intent":
        spool.intent(rest[0], 1, 0, f"abc-{rest[0]}-1-0", 2.5)
    elif kind == "pid":
        spool.pid(rest[0], 1, 0, 1000 + rest[0])
    elif kind == "exit":
        record = Exit.never_ran(rest[0], 1, 0, "staging", rest[2])
        record.seq = rest[1]
        spool.exit(encode(record.as_message()))
    elif kind == "ack":
        spool.ack(rest[0])
    else:
        spool.mark_epoch(rest[0], BOOT)


def spooled(deeds: list[tuple[Any, ...]]) -> bytes:
    """Return the content of a spool after some deeds."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "spool")
        spool = Spool(path, 0, BOOT)
        for deed in deeds:
            write(spool, deed)
        spool.close()
        with open(path, "rb") as file:
            return file.read()


def state(remains: Remains) -> Any:
    exits = {seq: record.as_message() for seq, record in remains.exits.items()}
    return remains.epoch, remains.boot, remains.last_seq, exits, remains.open


def replayed(content: bytes, before: Callable[[str], None] = lambda path: None) -> Any:
    """Return what a spool of that content tells, after something else has been done to it."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "spool")
        with open(path, "wb") as file:
            file.write(content)
        before(path)
        return state(replay(path))


def second_life(path: str) -> None:
    """Be the next agent, which opens the spool where the former one left it."""
    Spool(path, 99, BOOT).close()


@given(deeds, st.floats(0, 1))
def test_a_spool_cut_anywhere_tells_what_its_whole_lines_tell(deeds: list[tuple[Any, ...]], at: float) -> None:
    content = spooled(deeds)
    cut = content[: int(at * len(content))]
    whole, _, rest = cut.rpartition(b"\n")
    expected = cut if rest.endswith(b"]") and rest + b"\n" in content else whole + b"\n"
    assert replayed(cut) == replayed(expected)


@given(deeds, st.floats(0, 1))
def test_a_second_life_loses_nothing_of_a_spool_cut_anywhere(deeds: list[tuple[Any, ...]], at: float) -> None:
    content = spooled(deeds)
    cut = content[: int(at * len(content))]
    _, _, *rest = replayed(cut)
    assert replayed(cut, before=second_life) == (99, BOOT, *rest)


garbage = st.binary(max_size=30).filter(lambda line: b"\n" not in line and not line.startswith(b"["))


@given(deeds, st.lists(st.tuples(st.floats(0, 1), garbage), max_size=5))
def test_garbage_between_the_lines_is_passed_over(
    deeds: list[tuple[Any, ...]], noise: list[tuple[float, bytes]]
) -> None:
    content = spooled(deeds)
    lines = content.splitlines(keepends=True)
    for place, line in noise:
        lines.insert(int(place * len(lines)), line + b"\n")
    assert replayed(b"".join(lines)) == replayed(content)


@given(deeds)
def test_reading_a_spool_written_twice_tells_the_same(deeds: list[tuple[Any, ...]]) -> None:
    content = spooled(deeds)
    assert replayed(content + content) == replayed(content)
