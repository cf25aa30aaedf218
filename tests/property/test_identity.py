"""A run is the same whatever the order of its parameters, and no other one is."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runsemble.codec import encode, is_same
from runsemble.ensemble.identity import canonical

names = st.text('ab ,:"{}[\\', max_size=2)
scalars = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([0.0, 1.0, 0.5]) | names
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(names, scalars, max_size=2)
params = st.dictionaries(names, scalars, max_size=4) | st.dictionaries(names, values, max_size=3)


def in_order(value: Any) -> Any:
    return {name: in_order(value[name]) for name in sorted(value)} if isinstance(value, dict) else value


@given(params, st.randoms(use_true_random=False))
def test_the_order_of_parameters_does_not_matter(one: dict[str, Any], random: Any) -> None:
    items = list(one.items())
    random.shuffle(items)
    assert canonical(encode(dict(items))) == canonical(encode(one))


@given(params, params)
def test_what_differs_in_anything_else_is_another(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (canonical(encode(one)) == canonical(encode(other))) is is_same(in_order(one), in_order(other))
