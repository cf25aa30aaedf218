from __future__ import annotations

import math
from typing import Any

import pytest

from runsemble.errors import UsageError
from runsemble.model.where import MAX_DEPTH, Condition, unknown_name
from runsemble.model.where_tree import MISSING

RUN: dict[str, Any] = {
    "beta": 0.4, "n": 3, "name": "a b", "cell": "0.10", "none": None, "yes": True, "zero": 0, "list": [1],
    "nan": math.nan, "learning-rate": 0.1, "fit.loss": 2, "huge": 10**400, "z": 1 + 2j, "not_a_word": 1, "order": 2,
}  # fmt: skip


def holds(text: str) -> bool:
    return Condition(text).holds(lambda name: RUN.get(name, MISSING))


@pytest.mark.parametrize(
    "text",
    [
        "beta > 0.3",
        "beta>.3",
        "beta >= 4e-1",
        "-1 < beta",
        "n = 3",
        "n == 3.0",
        "n != 4",
        "n <> 4",
        "0.1 < beta <= 0.4",
        "name == 'a b'",
        'name == "a b"',
        r"'it\'s' == 'it\'s'",
        "name < 'b'",
        "cell == 0.1",
        "cell < 0.2",
        "0.2 > cell",
        "none == null",
        "yes == true and yes",
        "YES == 1 or n == 3",
        "not zero",
        "NOT zero AND n == 3",
        "list",
        "`learning-rate` < 1",
        "fit.loss == 2",
        "huge > 1e300",
        "nan != nan",
        "not (beta > 1 or n > 3)",
        "not beta > 1 and n == 3",
        "n == 4 or n == 3 and beta < 1",
        "not_a_word and order == 2",
        "((((n == 3))))",
    ],
)
def test_a_condition_is_true_of_a_run(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "beta > 0.4",
        "0.1 < beta < 0.4",
        "n == '4'",
        "name == 3",
        "name > 3",
        "zero",
        "none",
        "none > 1",
        "nan > 0",
        "z > 1",
        "list > 3",
        "n == 3 and beta > 1",
    ],
)
def test_a_condition_is_not_true_of_a_run(text: str) -> None:
    assert not holds(text)


@pytest.mark.parametrize(
    "text", ["gone > 1", "not gone > 1", "gone", "not gone", "gone == none", "not (n == 3 and gone)"]
)
def test_nothing_is_true_of_what_a_run_does_not_have(text: str) -> None:
    assert not holds(text)


def test_what_is_decided_by_what_a_run_has_is_decided() -> None:
    assert holds("n == 3 or gone > 1")
    assert holds("not (n == 4 and gone > 1)")


def test_the_names_in_a_condition_are_known_in_order_and_once() -> None:
    assert Condition("b > 1 and (a.x == 'c' or not b) and `d e` = true").names == ("b", "a.x", "d e")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("   ", "it is empty"),
        ("beta >", "expected instead of its end"),
        ("beta >> 3", "expected instead of '> 3'"),
        ("> 3", "expected instead of '> 3'"),
        ("(beta > 3", "a bracket is not closed before its end"),
        ("beta > 3)", "')' is not expected"),
        ("beta > 3 gamma < 2", "'gamma < 2' is not expected; combine comparisons with and, or"),
        ("beta & gamma", "'&' means nothing; write and"),
        ("a || b", "'|' means nothing; write or"),
        ("!a", "'!' means nothing; write not"),
        ("name == 'abc", '"\'" opens a text that is not closed'),
        ("`", "opens a text that is not closed"),
        ("1a > 2", "'1a' cannot be read"),
        ("1.2.3", "'1.2.3' cannot be read"),
        ("$x > 1", "'$x' cannot be read"),
        ("a and", "expected instead of its end"),
        ("and a", "expected instead of 'and a'"),
        ("__import__('os')", "is not expected"),
        ("x[0] > 1", "'[0]' cannot be read"),
        ("- x > 1", "expected instead of '- x > 1'"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence_that_says_where(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        Condition(text)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["not " * 5000 + "a", "(" * 5000 + "a" + ")" * 5000])
def test_no_depth_of_brackets_brings_the_interpreter_to_its_end(text: str) -> None:
    with pytest.raises(UsageError, match=f"more than {MAX_DEPTH} brackets"):
        Condition(text)


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    assert str(unknown_name("bta", ["alpha", "beta"])).endswith("a result 'bta'; did you mean 'beta'?")
    assert str(unknown_name("x", ["alpha", "beta"])).endswith("there are alpha, beta")
    assert str(unknown_name("x", [])).endswith("there are none")
