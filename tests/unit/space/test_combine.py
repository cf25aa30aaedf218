import itertools
from typing import Any

import pytest

from runsemble.errors import ParameterError
from runsemble.model.params import WrittenParams
from runsemble.space.axes import written_values
from runsemble.space.cells import CellReader
from runsemble.space.combine import Grid, Zip, grid, merge, zipped


def test_a_grid_is_every_combination_and_the_last_parameter_changes_fastest() -> None:
    assert list(grid(a=[1, 2], b=["x", "y"])) == [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "y"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]


def test_zipped_parameters_go_side_by_side() -> None:
    assert list(zipped(a=[1, 2], b=["x", "y"])) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


@pytest.mark.parametrize("kind", [list, tuple, iter, dict.fromkeys], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("make", [grid, zipped])
def test_any_iterable_of_values_will_do(make: Any, kind: Any) -> None:
    assert list(make(x=kind([1, 2]))) == [{"x": 1}, {"x": 2}]


def test_an_iterator_is_read_once_and_its_values_are_kept() -> None:
    sets = grid(x=iter([1, 2]), y=iter([3, 4]))
    assert list(sets) == list(sets)
    assert len(sets) == 4


@pytest.mark.parametrize("values", ["abc", b"abc", 5, None, 0.5])
@pytest.mark.parametrize("make", [grid, zipped])
def test_what_is_no_list_of_values_is_refused(make: Any, values: Any) -> None:
    with pytest.raises(ParameterError, match=r"x must be a list of values, such as \[0\.1, 0\.2\]"):
        make(x=values)


@pytest.mark.parametrize("values", [[], (), iter([]), range(0)])
@pytest.mark.parametrize("make", [grid, zipped])
def test_a_parameter_without_values_is_refused(make: Any, values: Any) -> None:
    with pytest.raises(ParameterError, match="x has no values"):
        make(x=values)


def test_parameters_side_by_side_need_equally_many_values() -> None:
    with pytest.raises(ParameterError, match="equally many values, but a has 2, b has 3"):
        zipped(a=[1, 2], b=[1, 2, 3])


def test_the_longer_ones_can_be_cut() -> None:
    assert list(Zip({"a": [1, 2, 3], "b": [4, 5]}, is_cut=True)) == [{"a": 1, "b": 4}, {"a": 2, "b": 5}]


def test_nothing_combined_is_nothing() -> None:
    assert (len(Grid([])), list(Grid([])), len(Zip({})), list(Zip({}))) == (0, [], 0, [])


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(ParameterError, match="parameter 'x' is given twice"):
        Grid([Zip({"x": [1], "y": [2]}), Zip({"x": [3]})])


def test_a_grid_with_a_part_without_sets_is_empty() -> None:
    assert list(Grid([Zip({"x": [1]}), Zip({"y": []})])) == []


@pytest.mark.parametrize("at", [0, 1, 5, -1, -6])
def test_a_parameter_set_is_had_by_its_position(at: int) -> None:
    sets = grid(a=[1, 2, 3], b=["x", "y"])
    assert sets[at] == [{"a": a, "b": b} for a, b in itertools.product([1, 2, 3], ["x", "y"])][at]


@pytest.mark.parametrize("at", [6, -7, 10**30])
def test_a_position_beyond_the_end_is_an_index_error(at: int) -> None:
    with pytest.raises(IndexError):
        grid(a=[1, 2, 3], b=["x", "y"])[at]


@pytest.mark.parametrize("places", [slice(None), slice(1, 4), slice(None, None, -1), slice(10, 20), slice(-2, None)])
def test_a_slice_is_a_list_of_parameter_sets(places: slice) -> None:
    sets = grid(a=[1, 2, 3], b=["x", "y"])
    assert sets[places] == list(sets)[places]


def test_every_parameter_set_is_one_of_its_own() -> None:
    sets = grid(a=[1])
    one = sets[0]
    assert isinstance(one, dict)
    one["a"] = 2
    assert sets[0] == {"a": 1}


def test_millions_of_combinations_take_no_memory() -> None:
    sets = grid(a=range(10**6), b=range(10**6), c=range(10**6))
    assert len(sets) == 10**18
    assert sets[-1] == {"a": 999_999, "b": 999_999, "c": 999_999}
    assert sets[123_456_789] == {"a": 0, "b": 123, "c": 456_789}


def test_more_combinations_than_can_be_counted_are_refused() -> None:
    with pytest.raises(ParameterError):
        grid(a=range(10**8), b=range(10**8), c=range(10**8))


def test_how_values_were_written_is_kept_in_every_combination() -> None:
    reader = CellReader()
    sets = Grid(
        [
            Zip({"a": written_values("a", ["0.10", "1"], reader, "here")}),
            Zip({"b": written_values("b", ["1e-3"], reader, "here"), "c": [5]}),
        ]
    )
    first, second = sets
    assert isinstance(first, WrittenParams)
    assert isinstance(second, WrittenParams)
    assert (first, first.texts) == ({"a": "0.10", "b": "1e-3", "c": 5}, {"a": "0.10", "b": "1e-3"})
    assert (second, second.texts) == ({"a": 1, "b": "1e-3", "c": 5}, {"b": "1e-3"})


def test_what_was_not_written_needs_no_texts() -> None:
    assert type(grid(a=["0.10"])[0]) is dict


def test_merged_sets_hold_the_parameters_of_all() -> None:
    merged = merge([WrittenParams({"a": 0.1}, {"a": "0.10"}), {"b": 2}])
    assert isinstance(merged, WrittenParams)
    assert (merged, merged.texts) == ({"a": 0.1, "b": 2}, {"a": "0.10"})


def test_nothing_merged_is_an_empty_set() -> None:
    assert merge([]) == {}
