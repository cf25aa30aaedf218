import json
import struct
from typing import Any

import pytest

from runsemble.agent.frames import MAX_FRAME, BrokenStream, Unpacker, encode, join, pack, to_bytes, to_text


def frame(body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + body


def test_messages_come_back_as_they_were() -> None:
    messages: list[Any] = [["run", 1, "é", None], ["ack", 2.5, {"a": [True]}]]
    assert Unpacker().feed(pack(messages)) == messages


def test_messages_encoded_one_by_one_make_the_same_frame() -> None:
    messages: list[Any] = [["run", 1, "é", None], ["ack", 2.5, {"a": [True]}]]
    assert join(map(encode, messages)) == pack(messages)


def test_several_frames_may_arrive_together() -> None:
    assert Unpacker().feed(pack([["a"]]) + pack([]) + pack([["b"], ["c"]])) == [["a"], ["b"], ["c"]]


def test_a_frame_may_arrive_byte_by_byte() -> None:
    unpacker = Unpacker()
    data = pack([["a", 1]])
    assert [unpacker.feed(data[i : i + 1]) for i in range(len(data))][-2:] == [[], [["a", 1]]]


def test_nothing_received_is_no_message() -> None:
    assert Unpacker().feed(b"") == []


def test_a_frame_on_the_wire_is_a_length_and_ascii_json() -> None:
    data = pack([["é"]])
    assert struct.unpack("!I", data[:4]) == (len(data) - 4,)
    assert json.loads(data[4:].decode("ascii")) == [["é"]]


@pytest.mark.parametrize("raw", [b"", b"plain", "é😀".encode(), b"\xff\xfe", b"\xed\xa0\x80", b"a\xffb\n"])
def test_any_bytes_survive_the_wire(raw: bytes) -> None:
    ((text,),) = Unpacker().feed(pack([[to_text(raw)]]))
    assert to_bytes(text) == raw


def test_an_absurd_length_is_a_broken_stream() -> None:
    with pytest.raises(BrokenStream, match="a frame of"):
        Unpacker().feed(struct.pack("!I", MAX_FRAME + 1))


def test_what_a_login_shell_prints_is_a_broken_stream() -> None:
    with pytest.raises(BrokenStream):
        Unpacker().feed(b"Welcome to the cluster\n")


@pytest.mark.parametrize("body", [b"", b"{", b"[1", b"\xff", b"[1] [2]"])
def test_a_body_that_is_no_json_is_a_broken_stream(body: bytes) -> None:
    with pytest.raises(BrokenStream, match="not JSON"):
        Unpacker().feed(frame(body))


@pytest.mark.parametrize("body", [b"{}", b"3", b'"text"', b"null"])
def test_a_body_that_is_no_list_is_a_broken_stream(body: bytes) -> None:
    with pytest.raises(BrokenStream, match="not a list"):
        Unpacker().feed(frame(body))


def test_a_body_nested_without_end_is_a_broken_stream() -> None:
    with pytest.raises(BrokenStream):
        Unpacker().feed(frame(b"[" * 100_000))
