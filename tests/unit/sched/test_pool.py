import pytest

from runsemble.model.resources import Grant, Inventory, Shape
from runsemble.sched.pool import Pool, lowest_block


def grants_until_full(pool: Pool, shape: Shape) -> list[Grant]:
    grants = []
    while (grant := pool.try_grant(shape)) is not None:
        grants.append(grant)
    return grants


def test_a_grant_names_what_was_asked_for() -> None:
    pool = Pool([Inventory(cores=(4, 5, 6), gpus=("GPU-a", "GPU-b"))])
    assert pool.try_grant(Shape(2, 1)) == Grant(0, (4, 5), ("GPU-a",), Shape(2, 1))


def test_no_core_is_granted_twice() -> None:
    grants = grants_until_full(Pool([Inventory(cores=(0, 1, 2, 3))]), Shape(1))
    assert sorted(core for grant in grants for core in grant.cores) == [0, 1, 2, 3]


def test_a_released_grant_can_be_granted_again() -> None:
    pool = Pool([Inventory(cores=(0,), gpus=("0",), mem_mib=10, named={"licence": 1})])
    shape = Shape(1, 1, 10, (("licence", 1),))
    grant = pool.try_grant(shape)
    assert grant is not None
    assert pool.try_grant(shape) is None
    pool.release(grant)
    assert pool.try_grant(shape) == grant


@pytest.mark.parametrize(
    "shape", [Shape(3), Shape(1, 2), Shape(1, 0, 101), Shape(1, 0, 0, (("licence", 3),)), Shape(1, 0, 0, (("no", 1),))]
)
def test_what_no_node_holds_is_never_granted(shape: Shape) -> None:
    pool = Pool([Inventory(cores=(0, 1), gpus=("0",), mem_mib=100, named={"licence": 2})])
    assert pool.try_grant(shape) is None
    assert pool.capacity(shape) == 0


def test_two_nodes_are_not_added_up_for_one_request() -> None:
    pool = Pool([Inventory(cores=(0, 1)), Inventory(cores=(0, 1))])
    assert pool.capacity(Shape(2)) == 2
    assert pool.capacity(Shape(3)) == 0


def test_the_fullest_node_that_fits_is_chosen() -> None:
    pool = Pool([Inventory(cores=(0, 1, 2, 3)), Inventory(cores=(0, 1))])
    nodes = [grant.node for grant in grants_until_full(pool, Shape(1))]
    assert nodes == [1, 1, 0, 0, 0, 0]


def test_small_runs_may_be_limited_by_their_number_only_while_others_are_counted() -> None:
    inventory = Inventory(cores=(0, 1, 2), gpus=("a",), slots=5, counts_small=False, counts_cores=False)
    pool = Pool([inventory])
    large = [pool.try_grant(Shape(2)), pool.try_grant(Shape(2))]
    assert large == [Grant(0, (0, 1), (), Shape(2)), None]
    assert len(grants_until_full(pool, Shape(1))) == 4
    assert (pool.capacity(Shape(1)), pool.capacity(Shape(2)), pool.capacity(Shape(1, 1))) == (5, 1, 1)
    assert (pool.room(Shape(1)), pool.room(Shape(2))) == (0, 0)


def test_what_asks_for_more_than_there_is_gets_all_of_it_where_small_runs_are_not_counted() -> None:
    pool = Pool([Inventory(cores=(0, 1), gpus=("a",), slots=1, counts_small=False)])
    assert pool.why_never(Shape(9, 3)) is None
    assert (pool.exceeds(Shape(9)), pool.exceeds(Shape(1, 2)), pool.exceeds(Shape(2, 1))) == (True, True, False)
    grant = pool.try_grant(Shape(9, 3))
    assert grant == Grant(0, (0, 1), ("a",), Shape(9, 3))
    pool.release(grant)
    assert pool.room(Shape(2, 1)) == 1
    assert not Pool([Inventory(cores=(0, 1))]).exceeds(Shape(9))


def test_memory_is_not_accounted_where_it_is_unknown() -> None:
    pool = Pool([Inventory(cores=(0, 1))])
    assert len(grants_until_full(pool, Shape(1, 0, 10**6))) == 2


def test_memory_runs_out_where_it_is_known() -> None:
    pool = Pool([Inventory(cores=(0, 1, 2), mem_mib=1000)])
    assert len(grants_until_full(pool, Shape(1, 0, 400))) == 2


def test_slots_bound_the_runs_where_cores_are_not_counted() -> None:
    pool = Pool([Inventory(cores=(0,), slots=3, counts_cores=False)])
    grants = grants_until_full(pool, Shape(8))
    assert [grant.cores for grant in grants] == [(), (), ()]
    assert pool.slots == pool.capacity(Shape(8)) == 3


def test_slots_bound_the_runs_below_the_cores() -> None:
    pool = Pool([Inventory(cores=(0, 1, 2, 3), slots=2)])
    assert len(grants_until_full(pool, Shape(1))) == 2


def test_no_more_slots_are_told_than_cores_where_cores_are_counted() -> None:
    pool = Pool([Inventory(cores=(0, 1), slots=10)])
    assert pool.slots == len(grants_until_full(pool, Shape(1)))


def test_gpus_that_are_found_later_can_be_granted() -> None:
    pool = Pool([Inventory(cores=(0, 1, 2), gpus=("0",))])
    first = pool.try_grant(Shape(1, 1))
    pool.add_gpus(0, ("1", "2"))
    second = pool.try_grant(Shape(1, 2))
    assert first is not None
    assert second is not None
    assert (first.gpus, second.gpus) == (("0",), ("1", "2"))
    pool.release(first)
    pool.release(second)
    assert (pool.usage.gpus, pool.usage.total_gpus) == (0, 3)
    assert pool.capacity(Shape(1, 1)) == 3


def test_usage_counts_what_is_out() -> None:
    pool = Pool([Inventory(cores=(0, 1, 2), gpus=("0",)), Inventory(cores=(0,))])
    pool.try_grant(Shape(2, 1))
    usage = pool.usage
    assert (usage.cores, usage.total_cores) == (2, 4)
    assert (usage.gpus, usage.total_gpus) == (1, 1)
    assert usage.runs == 1


def test_a_grant_that_is_not_out_cannot_be_released() -> None:
    pool = Pool([Inventory(cores=(0, 1))])
    with pytest.raises(ValueError, match="is not in use"):
        pool.release(Grant(0, (1,)))


def test_a_grant_can_be_released_only_once() -> None:
    pool = Pool([Inventory(cores=(0, 1))])
    grant, _other = grants_until_full(pool, Shape(1))
    pool.release(grant)
    with pytest.raises(ValueError, match="is not in use"):
        pool.release(grant)


def test_a_grant_without_cores_can_be_released_only_once() -> None:
    pool = Pool([Inventory(cores=(0,), slots=2, counts_cores=False)])
    grant, _other = grants_until_full(pool, Shape(1))
    pool.release(grant)
    with pytest.raises(ValueError, match="is not in use"):
        pool.release(grant)


@pytest.mark.parametrize("grant", [Grant(0, (7,)), Grant(1, (0,))])
def test_a_grant_of_another_pool_cannot_be_released(grant: Grant) -> None:
    pool = Pool([Inventory(cores=(0,))])
    pool.try_grant(Shape(1))
    with pytest.raises(ValueError, match=r"."):
        pool.release(grant)


def test_a_refused_release_changes_nothing() -> None:
    pool = Pool([Inventory(cores=(0, 1))])
    pool.try_grant(Shape(1))
    before = pool.usage
    with pytest.raises(ValueError, match="is not in use"):
        pool.release(Grant(0, (0, 1), (), Shape(2)))
    assert pool.usage == before


def test_a_possible_request_needs_no_explanation() -> None:
    assert Pool([Inventory(cores=(0, 1))]).why_never(Shape(2)) is None


def test_the_explanation_says_what_is_asked_and_what_there_is() -> None:
    assert Pool([Inventory(cores=(0, 1))]).why_never(Shape(3, 1)) == (
        "a run asks for 3 cores and 1 GPU, but this runner has 2 cores and 0 GPUs"
    )


def test_the_explanation_names_the_largest_of_several_nodes() -> None:
    pool = Pool([Inventory(cores=(0,), host="small"), Inventory(cores=(0, 1), host="large")])
    assert pool.why_never(Shape(4)) == (
        "a run asks for 4 cores, but the largest of 2 nodes (large) has 2 cores and 0 GPUs"
    )


@pytest.mark.parametrize(
    ("free", "count", "block"),
    [
        (0b1110101, 1, 0b1),
        (0b1110101, 2, 0b110000),
        (0b1110101, 3, 0b1110000),
        (0b1110101, 4, 0b110101),
        (0b10101, 2, 0b101),
        (0b1111, 4, 0b1111),
        (0b1111, 0, 0),
    ],
)
def test_the_lowest_adjacent_block_is_taken(free: int, count: int, block: int) -> None:
    assert lowest_block(free, count) == block
