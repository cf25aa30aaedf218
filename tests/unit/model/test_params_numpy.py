import math
from typing import Any

import pytest

from runsemble import codec
from runsemble.errors import ParameterError
from runsemble.model.params import plain_params

np: Any = pytest.importorskip("numpy")


@pytest.mark.parametrize(
    ("scalar", "number"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.array(3), 3),
    ],
)
def test_a_numpy_scalar_becomes_the_number_it_stands_for(scalar: Any, number: Any) -> None:
    plain, text = plain_params({"a": scalar}, 0)
    assert type(plain["a"]) is type(number)
    assert codec.decode(text) == {"a": number}


def test_a_numpy_nan_becomes_nan() -> None:
    _, text = plain_params({"a": np.float64("nan")}, 0)
    assert math.isnan(codec.decode(text)["a"])


def test_a_numpy_number_within_a_list_becomes_the_number_it_stands_for() -> None:
    plain, _ = plain_params({"a": [np.float64(0.5)]}, 0)
    assert type(plain["a"][0]) is float


@pytest.mark.parametrize("value", [np.arange(3), np.datetime64("2024-01-01T00:00:00.000000001")])
def test_a_numpy_value_that_stands_for_no_plain_one_is_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"the value of 'a' cannot be handed to a run"):
        plain_params({"a": value}, 0)
