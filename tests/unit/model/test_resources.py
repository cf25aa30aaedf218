from typing import Any

import pytest

from runsemble.errors import RequestError
from runsemble.model.resources import Inventory, Request, Shape


def test_a_request_asks_for_one_core_by_default() -> None:
    assert Request().shape == Shape(1)


def test_cores_and_gpus_count_per_task_and_memory_for_all() -> None:
    request = Request(cores=2, gpus=1, tasks=3, mem_mib=100)
    assert (request.total_cores, request.total_gpus) == (6, 3)
    assert request.shape == Shape(6, 3, 100)


def test_requests_of_one_size_have_one_shape() -> None:
    left = Request(named={"licence": 1, "disk": 2}).shape
    right = Request(named={"disk": 2, "licence": 1}).shape
    assert left == right
    assert hash(left) == hash(right)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cores", 0),
        ("cores", -1),
        ("cores", 1.5),
        ("cores", "2"),
        ("cores", True),
        ("gpus", -1),
        ("tasks", 0),
        ("mem_mib", -5),
        ("mem_mib", None),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(name: str, value: Any) -> None:
    with pytest.raises(RequestError, match=f"{name} must be a whole number of at least"):
        Request(**{name: value})


@pytest.mark.parametrize("count", [0, -1, 0.5])
def test_a_named_counter_must_be_positive(count: Any) -> None:
    with pytest.raises(RequestError, match=r"named\['licence'\] must be a whole number of at least 1"):
        Request(named={"licence": count})


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (Shape(1), "1 core"),
        (Shape(4, 1), "4 cores and 1 GPU"),
        (Shape(4, 1, 2048), "4 cores, 1 GPU and 2048 MiB"),
        (Shape(1, 0, 0, (("licence", 2),)), "1 core and 2 × licence"),
    ],
)
def test_a_shape_can_be_read_by_people(shape: Shape, words: str) -> None:
    assert str(shape) == words


def test_an_inventory_can_be_read_by_people() -> None:
    inventory = Inventory(cores=(0, 1), gpus=("0",), mem_mib=512, named={"licence": 3})
    assert str(inventory) == "2 cores, 1 GPU, 512 MiB of memory and 3 × licence"
