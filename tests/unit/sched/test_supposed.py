import pytest

from runsemble.errors import RequestError
from runsemble.model.resources import Inventory
from runsemble.sched.supposed import part_of, scaled, suppose

REAL = Inventory(cores=(0, 1), gpus=("GPU-a",), mem_mib=4000, slots=1, named={"licence": 2})


def test_a_machine_is_supposed_to_be_as_it_is_but_for_what_is_given() -> None:
    assert suppose([REAL]) == [REAL]
    (node,) = suppose([REAL], gpus=4, mem_mib=9000)
    assert (node.cores, node.gpus, node.mem_mib, node.named) == ((0, 1), ("0", "1", "2", "3"), 9000, {"licence": 2})


def test_whoever_supposes_cores_means_cores() -> None:
    slots = Inventory(cores=(0, 1), counts_cores=False, slots=1)
    (node,) = suppose([slots], cores=64)
    assert (len(node.cores), node.slots, node.counts_cores) == (64, None, True)


def test_further_nodes_are_like_the_first() -> None:
    other = Inventory(cores=(0,))
    assert suppose([REAL, other], count=1) == [REAL]
    assert suppose([REAL, other], count=4) == [REAL, other, REAL, REAL]


@pytest.mark.parametrize("wrong", [{"cores": 0}, {"gpus": -1}, {"mem_mib": -1}, {"count": 0}])
def test_a_machine_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(RequestError, match="must be a whole number of at least"):
        suppose([REAL], **wrong)


def test_one_node_is_scaled_by_its_cores() -> None:
    assert [len(scaled([REAL], factor)[0].cores) for factor in (0.5, 1, 2)] == [1, 2, 4]
    assert scaled([REAL], 2)[0].slots == 1, "a limit that somebody set stays"
    assert scaled([Inventory(cores=(0, 1), counts_cores=False, slots=6)], 2)[0].slots == 12


@pytest.mark.parametrize(("count", "half", "double"), [(2, 1, 4), (3, 2, 6), (10, 5, 20)])
def test_several_nodes_are_scaled_by_their_number(count: int, half: int, double: int) -> None:
    nodes = [Inventory(cores=tuple(range(n + 1))) for n in range(count)]
    assert len(scaled(nodes, 0.5)) == half
    assert len(scaled(nodes, 2)) == double
    assert sum(len(node.cores) for node in scaled(nodes, 2)) == 2 * sum(len(node.cores) for node in nodes)


def test_a_part_of_a_machine_has_every_sort_of_its_nodes() -> None:
    large = Inventory(cores=tuple(range(99)))
    nodes = [REAL] * 100 + [large]
    assert part_of(nodes, 10) == [REAL] * 10 + [large]
    assert part_of(nodes, 1000) == nodes
