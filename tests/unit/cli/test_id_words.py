from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runsemble.cli.id_words import ids_words, merge, parse_ids
from runsemble.errors import UsageError


def numbers(ranges: list[range]) -> list[int]:
    return [number for one in ranges for number in one]


def test_numbers_and_ranges_are_read_in_whatever_way_they_are_separated() -> None:
    assert numbers(parse_ids(["3-5,9", "1 2", "4"])) == [1, 2, 3, 4, 5, 9]
    assert parse_ids([]) == []


def test_numbers_are_read_from_standard_input(pipe_in: Callable[[bytes], None]) -> None:
    pipe_in(b"7\n1\n2\n")
    assert numbers(parse_ids(["-"])) == [1, 2, 7]


@pytest.mark.parametrize("text", ["x", "1-", "-1", "1-2-3", "1.5", "0x1", "9" * 30])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="names no run; write numbers and ranges, such as 3-7,9"):
        parse_ids([text])


def test_a_range_that_goes_down_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(UsageError, match="the range 7-3 is empty; write 3-7"):
        parse_ids(["7-3"])


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6))))
def test_merged_ranges_hold_the_same_numbers_in_order_and_apart(pairs: list[tuple[int, int]]) -> None:
    ranges = [range(start, start + length) for start, length in pairs]
    merged = merge(ranges)
    assert numbers(merged) == sorted({number for one in ranges for number in one})
    assert all(left.stop < right.start for left, right in pairwise(merged))


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([3], "run 3"),
        ([3, 7], "runs 3 and 7"),
        ([3, 4], "runs 3 and 4"),
        ([5, 3, 4], "runs 3-5"),
        ([1, 3, 4, 5, 9], "runs 1, 3-5 and 9"),
        (range(1_000_000), "runs 0-999999"),
        (range(0, 20, 2), "runs 0, 2, 4, 6, 8 and 5 more"),
        ([0, 2, 4, 6, 8, 10], "runs 0, 2, 4, 6, 8 and 10"),
        ([0, 1, 3, 4, 6, 7, 9, 10], "runs 0, 1, 3, 4, 6, 7, 9 and 10"),
    ],
)
def test_runs_are_named_in_a_sentence_as_briefly_as_can_be(ids: list[int], words: str) -> None:
    assert ids_words(ids) == words
