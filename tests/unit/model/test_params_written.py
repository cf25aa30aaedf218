import copy
import json
import math
import pickle
from typing import Any

import pytest

from runsemble.model.params import WrittenParams, plain_params


def test_it_is_a_parameter_set_like_any_other() -> None:
    params = WrittenParams({"x": 0.1, "y": "a"}, {"x": "0.10", "y": "a"})
    assert params == {"x": 0.1, "y": "a"}
    assert plain_params(params, 0) == plain_params({"x": 0.1, "y": "a"}, 0)
    assert json.loads(json.dumps(params)) == params


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.10"), (1.0, "1"), (True, "true"), (None, "null"), ([1], "[1]  "), (7, "007"), ("a", "a"), ("", "")],
)
def test_a_text_that_is_not_what_the_value_gives_is_kept(value: Any, text: str) -> None:
    assert WrittenParams({"x": value}, {"x": text}).texts == {"x": text}


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1"), (7, "7"), (-0.0, "-0.0"), (1e16, "1e+16"), (math.inf, "inf"), (True, "True")]
)
def test_a_text_that_the_value_gives_anyway_is_not_kept(value: Any, text: str) -> None:
    assert WrittenParams({"x": value}, {"x": text}).texts == {}


def test_not_every_value_has_a_text() -> None:
    assert WrittenParams({"x": 1, "y": 0.1}, {"y": "0.10"}).texts == {"y": "0.10"}


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda params: pickle.loads(pickle.dumps(params))])
def test_a_copy_keeps_the_texts(duplicate: Any) -> None:
    params = duplicate(WrittenParams({"x": 0.1}, {"x": "0.10"}))
    assert (type(params), params, params.texts) == (WrittenParams, {"x": 0.1}, {"x": "0.10"})
