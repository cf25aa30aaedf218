from collections import OrderedDict
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import pytest

from runsemble import codec
from runsemble.errors import ParameterError
from runsemble.model.params import plain_params


def test_parameters_come_back_as_a_plain_dict_and_as_json() -> None:
    plain, text = plain_params({"beta": 0.5, "name": "a"}, 0)
    assert plain == {"beta": 0.5, "name": "a"}
    assert text == '{"beta":0.5,"name":"a"}'


@pytest.mark.parametrize("mapping", [OrderedDict(a=1), MappingProxyType({"a": 1})])
def test_any_mapping_will_do(mapping: Any) -> None:
    plain, _ = plain_params(mapping, 0)
    assert type(plain) is dict
    assert plain == {"a": 1}


def test_no_parameters_at_all_are_fine() -> None:
    assert plain_params({}, 0) == ({}, "{}")


def test_the_plain_dict_is_a_copy() -> None:
    theirs = {"a": 1}
    plain, _ = plain_params(theirs, 0)
    theirs["a"] = 2
    assert plain == {"a": 1}


def test_other_values_keep_their_exact_type() -> None:
    values = {"a": (1, 2), "b": {1: "x"}, "c": b"\xff", "d": None}
    plain, text = plain_params(values, 0)
    assert plain == values
    assert codec.decode(text) == values


@pytest.mark.parametrize("params", [None, 5, "beta", [("beta", 1)], {"beta"}])
def test_what_is_no_mapping_is_refused(params: Any) -> None:
    with pytest.raises(ParameterError, match=r"runs\[4\] must map parameter names to values") as caught:
        plain_params(params, 4)
    assert caught.value.index == 4


@pytest.mark.parametrize("key", [1, None, ("a",), b"a"])
def test_a_key_that_is_no_string_is_refused(key: Any) -> None:
    with pytest.raises(ParameterError, match=r"runs\[2\]: parameter names must be strings") as caught:
        plain_params({key: 1}, 2)
    assert caught.value.index == 2


@pytest.mark.parametrize("name", ["run_id", "run_dir", "submit_dir"])
def test_a_name_of_the_run_itself_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match=f"no parameter may be called '{name}'"):
        plain_params({name: 1}, 0)


def test_where_nothing_is_a_placeholder_every_name_is_free() -> None:
    names = {"run_id": 1, "run_dir": "a", "submit_dir": None}
    assert plain_params(names, 0, is_literal=True)[0] == names


@pytest.mark.parametrize("value", [object(), Fraction(1, 2), [object()], lambda: None])
def test_a_value_that_cannot_be_encoded_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"runs\[1\]: the value of 'bad' cannot be handed to a run") as caught:
        plain_params({"good": 1, "bad": value}, 1)
    assert caught.value.index == 1
