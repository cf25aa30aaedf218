"""Conditions say of every run what the same words say in Python, with what is unknown kept apart."""

from __future__ import annotations

import operator
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runsemble.errors import UsageError
from runsemble.model.where import Condition
from runsemble.model.where_tree import MISSING

ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
NAMES = ("a", "b", "c")
Tree = tuple[Any, ...]

numbers = st.integers(-3, 3) | st.sampled_from([-0.5, 0.25, 1e-3, 2.0])
terms = st.sampled_from(NAMES) | numbers
comparisons = st.tuples(st.sampled_from(sorted(ORDERS)), terms, terms)
trees = st.recursive(
    comparisons,
    lambda inner: (
        st.tuples(st.just("not"), inner)
        | st.tuples(st.sampled_from(["and", "or"]), inner, inner)
        | st.tuples(st.just("()"), inner)
    ),
    max_leaves=12,
)
#: How strongly each word binds.
BINDING = {"or": 1, "and": 2, "not": 3}
runs = st.dictionaries(st.sampled_from(NAMES), numbers)


def written(tree: Tree, least: int = 0) -> str:
    """Write a tree with no more brackets than it needs."""
    head, *parts = tree
    if head == "()":
        return f"({written(parts[0])})"
    if head == "not":
        return f"not {written(parts[0], 3)}"
    if head in ("and", "or"):
        binding = BINDING[head]
        text = f"{written(parts[0], binding)} {head} {written(parts[1], binding + 1)}"
        return f"({text})" if binding < least else text
    return f"{parts[0]}{head} {parts[1]}"


def truth(tree: Tree, run: dict[str, Any]) -> bool | None:
    """Say whether a tree is true of a run, by the book: None is unknown."""
    head, *parts = tree
    if head == "()":
        return truth(parts[0], run)
    if head in ORDERS:
        left, right = (run.get(part) if isinstance(part, str) else part for part in parts)
        return None if left is None or right is None else bool(ORDERS[head](left, right))
    values = [truth(part, run) for part in parts]
    if head == "not":
        return None if values[0] is None else not values[0]
    decisive: bool = head == "or"
    if decisive in values:
        return decisive
    return None if None in values else not decisive


@given(trees, runs)
def test_a_condition_means_what_its_words_mean(tree: Tree, run: dict[str, Any]) -> None:
    condition = Condition(written(tree))
    assert condition.holds(lambda name: run.get(name, MISSING)) is (truth(tree, run) is True)


@given(st.text(max_size=40) | st.text("ab()<>=!'\"`\\ .-1e&|,notandor", max_size=40), runs)
def test_any_text_is_either_read_or_refused(text: str, run: dict[str, Any]) -> None:
    with suppress(UsageError):
        assert Condition(text).holds(lambda name: run.get(name, MISSING)) in (True, False)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(sorted(ORDERS)), values, values)
def test_values_of_whatever_kind_are_compared_without_an_error(sign: str, left: Any, right: Any) -> None:
    condition = Condition(f"a {sign} b")
    assert condition.holds({"a": left, "b": right}.__getitem__) in (True, False)
