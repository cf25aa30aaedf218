from hypothesis import given
from hypothesis import strategies as st

from runsemble.model.resources import Grant, Inventory, Shape
from runsemble.sched.pool import Pool, lowest_block


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    counts_cores = draw(st.booleans())
    cores = tuple(draw(st.lists(st.integers(0, 99), min_size=1, max_size=8, unique=True)))
    return Inventory(
        cores=cores,
        gpus=tuple(draw(st.lists(st.sampled_from(["0", "1", "GPU-a", "MIG-b"]), max_size=4, unique=True))),
        mem_mib=draw(st.sampled_from([0, 100, 1000])),
        named=draw(st.dictionaries(st.sampled_from(["licence", "disk"]), st.integers(1, 3))),
        slots=draw(st.none() | st.integers(1, len(cores))) if counts_cores else draw(st.integers(1, 8)),
        counts_cores=counts_cores,
    )


pools = st.lists(inventories(), min_size=1, max_size=3)
shapes = st.builds(
    Shape,
    cores=st.integers(1, 5),
    gpus=st.integers(0, 2),
    mem_mib=st.sampled_from([0, 30, 100, 400]),
    named=st.sampled_from([(), (("licence", 1),), (("disk", 1), ("licence", 2))]),
)
#: A shape asks for a grant, a number gives one of those that are out back.
steps = st.lists(shapes | st.integers(0, 100), max_size=40)


def play(pool: Pool, steps: list[Shape | int]) -> list[Grant]:
    """Ask and give back; return what is out at the end."""
    out: list[Grant] = []
    for step in steps:
        if isinstance(step, Shape):
            grant = pool.try_grant(step)
            if grant is not None:
                out.append(grant)
        elif out:
            pool.release(out.pop(step % len(out)))
    return out


@given(pools, steps)
def test_no_id_is_in_two_grants_at_a_time(nodes: list[Inventory], steps: list[Shape | int]) -> None:
    out = play(Pool(nodes), steps)
    ids = [(grant.node, item) for grant in out for item in (*grant.cores, *grant.gpus)]
    assert len(ids) == len(set(ids))


@given(pools, steps, shapes)
def test_there_is_room_for_as_many_as_are_granted(
    nodes: list[Inventory], steps: list[Shape | int], shape: Shape
) -> None:
    pool = Pool(nodes)
    play(pool, steps)
    room = pool.room(shape)
    assert [pool.try_grant(shape) is not None for _ in range(room + 1)] == [True] * room + [False]


@given(pools, steps)
def test_no_node_gives_more_than_it_has(nodes: list[Inventory], steps: list[Shape | int]) -> None:
    out = play(Pool(nodes), steps)
    for index, node in enumerate(nodes):
        shapes = [grant.shape for grant in out if grant.node == index]
        assert not node.counts_cores or sum(shape.cores for shape in shapes) <= len(node.cores)
        assert sum(shape.gpus for shape in shapes) <= len(node.gpus)
        assert not node.mem_mib or sum(shape.mem_mib for shape in shapes) <= node.mem_mib
        assert len(shapes) <= (len(node.cores) if node.slots is None else node.slots)
        for name in ("licence", "disk"):
            assert sum(dict(shape.named).get(name, 0) for shape in shapes) <= node.named.get(name, 0)


@given(pools, steps)
def test_a_grant_holds_just_what_its_shape_asks_for(nodes: list[Inventory], steps: list[Shape | int]) -> None:
    for grant in play(Pool(nodes), steps):
        node = nodes[grant.node]
        assert len(grant.cores) == (grant.shape.cores if node.counts_cores else 0)
        assert len(grant.gpus) == grant.shape.gpus
        assert set(grant.cores) <= set(node.cores)
        assert set(grant.gpus) <= set(node.gpus)


@given(pools, steps, shapes)
def test_giving_everything_back_restores_the_pool(
    nodes: list[Inventory], steps: list[Shape | int], shape: Shape
) -> None:
    pool, untouched = Pool(nodes), Pool(nodes)
    for grant in play(pool, steps):
        pool.release(grant)
    assert pool.usage == untouched.usage
    assert [pool.try_grant(shape) for _ in range(30)] == [untouched.try_grant(shape) for _ in range(30)]


@given(pools, shapes)
def test_the_capacity_is_the_number_of_grants_that_fit(nodes: list[Inventory], shape: Shape) -> None:
    pool = Pool(nodes)
    capacity = pool.capacity(shape)
    grants = [pool.try_grant(shape) for _ in range(capacity + 1)]
    assert None not in grants[:-1]
    assert grants[-1] is None
    assert pool.capacity(shape) == capacity


@given(pools)
def test_the_slots_are_the_capacity_for_the_smallest_shape(nodes: list[Inventory]) -> None:
    pool = Pool(nodes)
    assert pool.slots == pool.capacity(Shape(1))


@given(pools, steps, shapes)
def test_there_is_a_reason_only_for_what_is_never_granted(
    nodes: list[Inventory], steps: list[Shape | int], shape: Shape
) -> None:
    pool = Pool(nodes)
    reason = pool.why_never(shape)
    assert (reason is None) == (pool.try_grant(shape) is not None)
    assert reason is None or str(shape) in reason


@given(pools, steps)
def test_usage_agrees_with_what_is_out(nodes: list[Inventory], steps: list[Shape | int]) -> None:
    pool = Pool(nodes)
    out = play(pool, steps)
    usage = pool.usage
    assert usage.runs == len(out)
    assert usage.cores == sum(len(grant.cores) for grant in out)
    assert usage.gpus == sum(len(grant.gpus) for grant in out)


frees = st.integers(1, 2**24 - 1)


@given(frees, st.data())
def test_a_block_is_made_of_free_bits_only(free: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, free.bit_count()))
    block = lowest_block(free, count)
    assert block & ~free == 0
    assert block.bit_count() == count


@given(frees, st.data())
def test_a_block_is_the_lowest_adjacent_one_where_there_is_one(free: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, free.bit_count()))
    run = (1 << count) - 1
    adjacent = [run << at for at in range(25) if (run << at) & ~free == 0]
    lowest = [1 << at for at in range(24) if free >> at & 1]
    assert lowest_block(free, count) == (adjacent[0] if adjacent else sum(lowest[:count]))
