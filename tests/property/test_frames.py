from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runsemble.agent.frames import BrokenStream, Unpacker, pack, to_bytes, to_text

fields = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary().map(to_text),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
messages = st.lists(st.lists(fields, max_size=4), max_size=4)


def pieces(data: bytes, cuts: list[float]) -> list[bytes]:
    """Return `data` cut at some places, given as parts of its length."""
    places = sorted({0, len(data), *(int(cut * len(data)) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@given(st.lists(messages, max_size=4), st.lists(st.floats(0, 1), max_size=10))
def test_messages_survive_wherever_the_stream_is_cut(frames: list[list[Any]], cuts: list[float]) -> None:
    unpacker = Unpacker()
    data = b"".join(map(pack, frames))
    received = [message for piece in pieces(data, cuts) for message in unpacker.feed(piece)]
    assert received == [message for frame in frames for message in frame]


@given(messages, st.data())
def test_a_frame_that_is_not_whole_gives_nothing(frame: list[Any], data: st.DataObject) -> None:
    packed = pack(frame)
    end = data.draw(st.integers(0, len(packed) - 1))
    assert Unpacker().feed(packed[:end]) == []


@given(st.binary())
def test_any_bytes_survive_the_wire(raw: bytes) -> None:
    ((text,),) = Unpacker().feed(pack([[to_text(raw)]]))
    assert to_bytes(text) == raw


def feed_safely(data: bytes) -> list[Any] | None:
    try:
        return Unpacker().feed(data)
    except BrokenStream:
        return None


@given(st.binary())
def test_foreign_bytes_are_a_broken_stream_or_wait_for_more(data: bytes) -> None:
    assert feed_safely(data) in (None, [])


@given(st.binary(max_size=50))
def test_a_foreign_body_is_a_broken_stream_or_a_list(body: bytes) -> None:
    received = feed_safely(len(body).to_bytes(4, "big") + body)
    assert received is None or isinstance(received, list)
