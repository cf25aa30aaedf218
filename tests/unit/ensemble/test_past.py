"""Which stored run a parameter set stands for, when a study is given again."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runsemble.ensemble.identity import run_identity
from runsemble.ensemble.past import Past

RECIPE, DIGEST = 1, "00"
#: The same parameters in two orders are the same run; in the last one the recipe is another, and so is the run.
STORED = [('{"a":1,"b":2}', 1), ('{"b":2,"a":1}', 1), ('{"a":1}', 1), ('{"a":1}', 0)]
DIGESTS = {0: "ff", 1: DIGEST}


def row(id_: int, text: str, recipe: int, *, is_nobodys: bool = False) -> tuple[Any, ...]:
    identity = None if is_nobodys else run_identity(DIGESTS[recipe], text)
    return (id_, recipe, text, None, None, 1, 0, 1, 0, 0, None, 0, identity)


@given(st.lists(st.sampled_from(STORED)), st.lists(st.sampled_from([text for text, _ in STORED])))
def test_the_first_equal_run_is_taken_whatever_the_order(stored: list[tuple[str, int]], asked: list[str]) -> None:
    past = Past("/study", deque(row(id_, *one) for id_, one in enumerate(stored)), {})
    left = [(id_, run_identity(DIGESTS[recipe], text)) for id_, (text, recipe) in enumerate(stored)]
    for text in asked:
        wanted = next(((id_, one) for id_, one in left if one == run_identity(DIGEST, text)), None)
        found = past.take(RECIPE, DIGEST, text)
        assert (None if found is None else found[0]) == (None if wanted is None else wanted[0])
        if wanted is not None:
            left.remove(wanted)


def test_a_run_that_was_added_by_hand_is_not_taken_for_one_of_a_parameter_set() -> None:
    text = STORED[0][0]
    past = Past("/study", deque([row(0, text, 1, is_nobodys=True), row(1, text, 1)]), {})
    found = past.take(RECIPE, DIGEST, text)
    assert found is not None
    assert found[0] == 1
    assert past.take(RECIPE, DIGEST, text) is None


def test_the_next_new_run_comes_after_all_of_them() -> None:
    assert Past("/study", deque(), {}).next_id == 0
    assert Past("/study", deque([row(0, "{}", 1), row(7, "{}", 1)]), {}).next_id == 8
