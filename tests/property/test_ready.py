from hypothesis import given
from hypothesis import strategies as st

from runsemble.model.resources import Grant, Inventory, Shape
from runsemble.sched.pool import Pool
from runsemble.sched.ready import ReadyQueue

CORES = 4
shapes = st.integers(1, CORES).map(Shape)
patience = st.integers(0, 5)
Step = Shape | int | frozenset[int] | None
#: A shape lets an item wait, None starts one if possible, a number ends one that runs, a set removes some that wait.
steps = st.lists(
    st.one_of(shapes, shapes, st.none(), st.integers(0, 100), st.frozensets(st.integers(0, 30))), max_size=60
)


class Play:
    """Lets numbered items wait, start and end, and keeps books of its own."""

    def __init__(self, patience: int) -> None:
        self.queue = ReadyQueue[int](patience)
        self.pool = Pool([Inventory(cores=tuple(range(CORES)))])
        self.shapes: list[Shape] = []  #: by item
        self.waiting: list[int] = []
        self.started: list[int] = []
        self.removed: list[int] = []
        self.running: list[Grant] = []
        self.overtaken: list[int] = []  #: how many younger items have started before, by item

    def push(self, shape: Shape) -> None:
        item = len(self.shapes)
        self.shapes.append(shape)
        self.overtaken.append(0)
        self.waiting.append(item)
        self.queue.push(item, shape)

    def start(self) -> int | None:
        found = self.queue.pop(self.pool)
        if found is None:
            return None
        item, grant = found
        assert grant.shape == self.shapes[item]
        self.waiting.remove(item)
        for older in self.waiting:
            self.overtaken[older] += older < item
        self.started.append(item)
        self.running.append(grant)
        return item

    def end(self, which: int) -> None:
        if self.running:
            self.pool.release(self.running.pop(which % len(self.running)))

    def fits(self, item: int) -> bool:
        grant = self.pool.try_grant(self.shapes[item])
        if grant is not None:
            self.pool.release(grant)
        return grant is not None

    def remove(self, doomed: frozenset[int]) -> None:
        removed = self.queue.remove(lambda item: item in doomed)
        assert sorted(removed) == [item for item in self.waiting if item in doomed]
        self.waiting = [item for item in self.waiting if item not in doomed]
        self.removed += removed

    def run(self, steps: list[Step]) -> None:
        for step in steps:
            if isinstance(step, Shape):
                self.push(step)
            elif isinstance(step, frozenset):
                self.remove(step)
            elif step is None:
                self.start()
            else:
                self.end(step)

    def drain(self) -> None:
        """Start and end until nothing waits."""
        while self.waiting:
            if self.start() is None:
                assert self.running, "something waits, nothing runs, and nothing starts"
                self.end(0)


@given(patience, steps)
def test_nothing_is_lost_or_started_twice(patience: int, steps: list[Step]) -> None:
    play = Play(patience)
    play.run(steps)
    assert len(play.queue) == len(play.waiting)
    play.drain()
    assert sorted([*play.started, *play.removed]) == list(range(len(play.shapes)))
    assert len(play.queue) == 0


@given(patience, steps)
def test_items_of_one_shape_start_in_order(patience: int, steps: list[Step]) -> None:
    play = Play(patience)
    play.run(steps)
    play.drain()
    for shape in set(play.shapes):
        order = [item for item in play.started if play.shapes[item] == shape]
        assert order == sorted(order)


@given(patience, steps)
def test_nothing_is_overtaken_beyond_its_patience(patience: int, steps: list[Step]) -> None:
    play = Play(patience)
    play.run(steps)
    play.drain()
    assert max(play.overtaken, default=0) <= patience


@given(patience, steps)
def test_nothing_waits_without_need(patience: int, steps: list[Step]) -> None:
    play = Play(patience)
    play.run(steps)
    while play.start() is not None:
        pass
    for item in filter(play.fits, play.waiting):  # then something older, which does not fit, must be due
        older = [other for other in play.waiting if other < item]
        assert any(play.overtaken[other] >= patience for other in older if not play.fits(other))


@given(patience, steps)
def test_an_oldest_item_that_fits_starts_next(patience: int, steps: list[Step]) -> None:
    play = Play(patience)
    play.run(steps)
    if play.waiting and play.fits(play.waiting[0]):
        oldest = play.waiting[0]
        assert play.start() == oldest


def starting_order(patience: int, occupied: int, items: list[tuple[Shape, bool]], *, push_doomed: bool) -> list[int]:
    """Return in which order items start on a pool of which a part is occupied at first, without the doomed ones."""
    play = Play(patience)
    play.push(Shape(occupied))
    play.start()
    numbers = {}
    for number, (shape, is_doomed) in enumerate(items):
        if push_doomed or not is_doomed:
            numbers[len(play.shapes)] = number
            play.push(shape)
    play.remove(frozenset(item for item, number in numbers.items() if items[number][1]))
    play.drain()
    return [numbers[item] for item in play.started[1:]]


@given(patience, st.integers(1, CORES), st.lists(st.tuples(shapes, st.booleans()), max_size=20))
def test_what_was_removed_might_as_well_never_have_waited(
    patience: int, occupied: int, items: list[tuple[Shape, bool]]
) -> None:
    without = starting_order(patience, occupied, items, push_doomed=False)
    assert starting_order(patience, occupied, items, push_doomed=True) == without
