from runsemble.model.resources import Inventory, Shape
from runsemble.sched.pool import Pool
from runsemble.sched.ready import ReadyQueue

ONE, TWO = Shape(1), Shape(2)


def pool_of(cores: int) -> Pool:
    return Pool([Inventory(cores=tuple(range(cores)))])


def pop_item(queue: ReadyQueue[str], pool: Pool) -> str | None:
    found = queue.pop(pool)
    return None if found is None else found[0]


def test_an_empty_queue_has_nothing_to_start() -> None:
    queue = ReadyQueue[str](patience=1)
    assert queue.pop(pool_of(1)) is None
    assert len(queue) == 0
    assert queue.only_shape is None


def test_items_of_one_shape_start_in_order() -> None:
    queue = ReadyQueue[str](patience=1)
    for item in "abc":
        queue.push(item, ONE)
    pool = pool_of(3)
    assert [pop_item(queue, pool) for _ in range(4)] == ["a", "b", "c", None]


def test_an_item_starts_with_a_grant_of_its_shape() -> None:
    queue = ReadyQueue[str](patience=1)
    queue.push("a", TWO)
    found = queue.pop(pool_of(2))
    assert found is not None
    assert found[1].shape == TWO
    assert found[1].cores == (0, 1)


def test_the_oldest_goes_first_whatever_its_shape() -> None:
    queue = ReadyQueue[str](patience=1)
    queue.push("old", TWO)
    queue.push("young", ONE)
    assert pop_item(queue, pool_of(2)) == "old"


def test_a_younger_one_may_overtake_what_does_not_fit() -> None:
    queue = ReadyQueue[str](patience=1)
    queue.push("large", TWO)
    queue.push("small", ONE)
    assert pop_item(queue, pool_of(1)) == "small"


def test_nothing_overtakes_what_has_waited_long_enough() -> None:
    queue = ReadyQueue[str](patience=2)
    queue.push("large", TWO)
    for item in "abc":
        queue.push(item, ONE)
    assert [pop_item(queue, pool_of(1)) for _ in range(3)] == ["a", "b", None]
    assert pop_item(queue, pool_of(2)) == "large"


def test_with_no_patience_nothing_is_ever_overtaken() -> None:
    queue = ReadyQueue[str](patience=0)
    queue.push("large", TWO)
    queue.push("small", ONE)
    assert pop_item(queue, pool_of(1)) is None


def test_what_started_ahead_does_not_count_as_overtaking() -> None:
    queue = ReadyQueue[str](patience=1)
    for item in "ab":
        queue.push(item, ONE)
    queue.push("large", TWO)
    queue.push("c", ONE)
    pool = pool_of(3)
    assert [pop_item(queue, pool) for _ in range(3)] == ["a", "b", "c"]


def test_the_head_of_a_shape_can_be_taken_whatever_is_free() -> None:
    queue = ReadyQueue[str](patience=1)
    queue.push("a", ONE)
    queue.push("b", ONE)
    assert queue.head(ONE) == "a"
    assert queue.take(ONE) == "a"
    assert queue.head(ONE) == "b"
    assert len(queue) == 1


def test_the_only_shape_is_told_while_there_is_only_one() -> None:
    queue = ReadyQueue[str](patience=1)
    told = []
    for change in (lambda: queue.push("a", ONE), lambda: queue.push("b", TWO), lambda: queue.take(ONE)):
        change()
        told.append(queue.only_shape)
    assert told == [ONE, None, TWO]


def test_removed_items_come_back_and_never_start() -> None:
    queue = ReadyQueue[str](patience=5)
    for item in "abcd":
        queue.push(item, ONE)
    assert queue.remove(lambda item: item in "bd") == ["b", "d"]
    assert len(queue) == 2
    pool = pool_of(4)
    assert [pop_item(queue, pool) for _ in range(3)] == ["a", "c", None]


def test_a_shape_of_which_all_were_removed_is_gone() -> None:
    queue = ReadyQueue[str](patience=5)
    queue.push("a", ONE)
    queue.push("b", TWO)
    queue.remove(lambda item: item == "a")
    assert queue.only_shape == TWO


def test_removing_younger_items_takes_no_patience_from_an_older_one() -> None:
    queue = ReadyQueue[str](patience=2)
    queue.push("large", TWO)
    for item in "abcd":
        queue.push(item, ONE)
    queue.remove(lambda item: item in "bcd")
    assert pop_item(queue, pool_of(1)) == "a"


def test_removing_older_items_gives_no_patience_to_a_younger_one() -> None:
    queue = ReadyQueue[str](patience=1)
    for item in "abc":
        queue.push(item, ONE)
    queue.push("large", TWO)
    for item in "de":
        queue.push(item, ONE)
    queue.remove(lambda item: item in "abc")
    assert [pop_item(queue, pool_of(1)) for _ in range(2)] == ["d", None]
