"""The ready queue with items that come before others of their shape, as the next steps of runs do."""

from hypothesis import given
from hypothesis import strategies as st

from runsemble.model.resources import Grant, Inventory, Shape
from runsemble.sched.pool import Pool
from runsemble.sched.ready import ReadyQueue

CORES = 4
shapes = st.integers(1, CORES).map(Shape)
#: A shape waits, at the end or before all others of its shape; None starts one; a number ends one; a set removes some.
steps = st.lists(
    st.one_of(st.tuples(shapes, st.booleans()), st.none(), st.integers(0, 100), st.frozensets(st.integers(0, 30))),
    max_size=60,
)
Step = tuple[Shape, bool] | int | frozenset[int] | None


class Play:
    """Keeps its own order of what waits, by shape."""

    def __init__(self, patience: int = 3) -> None:
        self.queue = ReadyQueue[int](patience)
        self.pool = Pool([Inventory(cores=tuple(range(CORES)))])
        self.waiting: dict[Shape, list[int]] = {}
        self.count = 0
        self.gone: list[int] = []
        self.running: list[Grant] = []

    def push(self, shape: Shape, is_first: bool) -> None:
        line = self.waiting.setdefault(shape, [])
        line.insert(0 if is_first else len(line), self.count)
        self.queue.push(self.count, shape, is_first=is_first)
        self.count += 1

    def start(self) -> bool:
        found = self.queue.pop(self.pool)
        if found is None:
            return False
        item, grant = found
        assert self.waiting[grant.shape].pop(0) == item, "not the first of its shape"
        self.gone.append(item)
        self.running.append(grant)
        return True

    def end(self, which: int) -> None:
        if self.running:
            self.pool.release(self.running.pop(which % len(self.running)))

    def remove(self, doomed: frozenset[int]) -> None:
        self.gone += self.queue.remove(lambda item: item in doomed)
        self.waiting = {shape: [one for one in line if one not in doomed] for shape, line in self.waiting.items()}

    def run(self, steps: list[Step]) -> None:
        for step in steps:
            if isinstance(step, tuple):
                self.push(*step)
            elif isinstance(step, frozenset):
                self.remove(step)
            elif step is None:
                self.start()
            else:
                self.end(step)
            assert len(self.queue) == sum(map(len, self.waiting.values()))

    def drain(self) -> None:
        while any(self.waiting.values()):
            if not self.start():
                assert self.running, "something waits, nothing runs, and nothing starts"
                self.end(0)


@given(steps)
def test_nothing_is_lost_or_started_twice_and_each_shape_keeps_its_order(steps: list[Step]) -> None:
    play = Play()
    play.run(steps)
    play.drain()
    assert sorted(play.gone) == list(range(play.count))


@given(st.integers(1, 200), st.integers(1, 5))
def test_patience_does_not_wear_out_with_the_steps_of_former_runs(runs: int, patience: int) -> None:
    """However many steps have followed one another before, a large item may still be overtaken."""
    play = Play(patience)
    play.push(Shape(1), False)
    for _ in range(runs):  # one waits; steps of runs under way come before it, and start
        play.push(Shape(1), True)
        assert play.start()
        play.end(0)
    play.push(Shape(2), False)
    play.push(Shape(1), False)
    play.pool.try_grant(Shape(3))  # room for one core only
    assert play.start()  # the oldest
    play.end(0)
    assert play.start(), "the large item lets nobody past, although it has waited for nobody"
