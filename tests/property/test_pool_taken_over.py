"""The pool when runs of others are taken over, and when it is resized: more may be out than there is."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runsemble.model.resources import Grant, Inventory, Shape
from runsemble.sched.pool import Pool

from .test_pool import inventories, shapes

pools = st.lists(inventories(), min_size=1, max_size=3)
cores = st.lists(st.integers(0, 99), max_size=5, unique=True)
gpus = st.lists(st.sampled_from(["0", "1", "GPU-a", "MIG-b", "gone"]), max_size=3, unique=True)
#: Runs that are taken over: on which node, of which shape, with which cores and GPUs.
heirs = st.lists(st.tuples(st.integers(0, 2), shapes, cores, gpus), max_size=12)
#: A shape asks for a grant; a number gives one back; a negative one resizes.
steps = st.lists(shapes | st.integers(-20, 100), max_size=40)


def adopt(pool: Pool, nodes: list[Inventory], heirs: list[Any]) -> list[Grant]:
    return [pool.adopt(node % len(nodes), shape, cores, gpus) for node, shape, cores, gpus in heirs]


def play(pool: Pool, steps: list[Shape | int], out: list[Grant], limits: list[int]) -> list[Grant]:
    """Ask, give back and resize; return what was granted and is out. The last of `limits` is the latest size."""
    granted: list[Grant] = []
    for step in steps:
        if isinstance(step, Shape):
            grant = pool.try_grant(step)
            if grant is not None:
                granted.append(grant)
        elif step < 0:
            pool.resize(-step)
            limits.append(-step)
        elif granted or out:
            which = step % (len(out) + len(granted))
            pool.release(out.pop(which) if which < len(out) else granted.pop(which - len(out)))
    return granted


@given(pools, heirs, steps)
def test_no_id_is_granted_that_somebody_has(nodes: list[Inventory], heirs: list[Any], steps: list[Shape | int]) -> None:
    pool = Pool(nodes)
    out = adopt(pool, nodes, heirs)
    granted = play(pool, steps, out, [])
    ids = [(grant.node, item) for grant in [*out, *granted] for item in (*grant.cores, *grant.gpus)]
    assert len(ids) == len(set(ids))


@given(pools, heirs, shapes, st.integers(1, 20))
def test_nothing_is_granted_beyond_what_is_left(
    nodes: list[Inventory], heirs: list[Any], shape: Shape, size: int
) -> None:
    pool = Pool(nodes)
    out = adopt(pool, nodes, heirs)
    pool.resize(size)
    while (grant := pool.try_grant(shape)) is not None:
        out.append(grant)
        held = [one for one in out if one.node == grant.node]
        node = nodes[grant.node]
        assert len(held) <= max(1, -(-size // len(nodes)))
        counts_memory = node.mem_mib and shape.mem_mib  # else it takes none of what may be out already
        assert not counts_memory or sum(one.shape.mem_mib for one in held) <= node.mem_mib
        for name, count in shape.named:
            assert sum(dict(one.shape.named).get(name, 0) for one in held) <= node.named.get(name, 0), count


@given(pools, heirs, steps, shapes)
def test_there_is_room_for_as_many_as_are_granted_whoever_holds_the_rest(
    nodes: list[Inventory], heirs: list[Any], steps: list[Shape | int], shape: Shape
) -> None:
    pool = Pool(nodes)
    play(pool, steps, adopt(pool, nodes, heirs), [])
    room = pool.room(shape)
    assert room >= 0
    assert [pool.try_grant(shape) is not None for _ in range(room + 1)] == [True] * room + [False]


@given(pools, heirs, steps, shapes)
def test_giving_everything_back_restores_the_pool_at_its_latest_size(
    nodes: list[Inventory], heirs: list[Any], steps: list[Shape | int], shape: Shape
) -> None:
    pool, fresh, limits = Pool(nodes), Pool(nodes), list[int]()
    out = adopt(pool, nodes, heirs)
    for grant in [*play(pool, steps, out, limits), *out]:
        pool.release(grant)
    if limits:
        fresh.resize(limits[-1])
    assert pool.usage == fresh.usage
    assert [pool.try_grant(shape) for _ in range(30)] == [fresh.try_grant(shape) for _ in range(30)]
