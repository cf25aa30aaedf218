import pytest

from runsemble.model.resources import Shape
from runsemble.model.status import Cause
from runsemble.model.units import parse_duration, parse_mem_mib
from runsemble.sched.advice import Advice, round_time
from runsemble.sched.suggest import ENOUGH, Ended, suggest

MIB = 2**20


def ended(
    mem_mib: float = 100,
    wall_s: float = 10,
    cause: Cause = Cause.OK,
    *,
    cores: int = 1,
    asked_mib: int = 0,
    timeout_s: float | None = None,
    busy: float = 1.0,
) -> Ended:
    return Ended(Shape(cores, mem_mib=asked_mib), timeout_s, wall_s, wall_s * busy, round(mem_mib * MIB), cause)


def advices(records: list[Ended]) -> dict[str, Advice]:
    """Return what is said of runs of one shape."""
    (suggestion,) = suggest(records)
    return {advice.what: advice for advice in suggestion.advices}


def test_memory_is_suggested_with_headroom_in_whole_steps() -> None:
    mem = advices([ended(310, asked_mib=4096)] * 20)["mem"]
    assert mem.words == "asked 4096 MiB, 95 % of runs used no more than 310 MiB: --mem 384M"
    assert (mem.asked, mem.used, mem.suggested) == (4096, 310, 384)


def test_one_run_in_twenty_may_use_more() -> None:
    runs = [ended(100, asked_mib=4096)] * 19
    assert advices([*runs, ended(4000, asked_mib=4096)])["mem"].suggested == 128
    assert advices([*runs[1:], *[ended(4000, asked_mib=4096)] * 2])["mem"].suggested is None


def test_a_limit_is_suggested_where_there_is_none() -> None:
    found = advices([ended(10, wall_s=2.25)] * ENOUGH)
    assert found["mem"].words == "asked for no limit of memory, 95 % of runs used no more than 10 MiB: --mem 64M"
    assert found["time"].words == "asked for no limit of time, 95 % of runs took no longer than 2.3 s: --timeout 4s"


def test_a_little_less_is_not_worth_a_change() -> None:
    found = advices([ended(300, wall_s=30, asked_mib=400, timeout_s=50.0)] * ENOUGH)
    assert found["mem"].words == "asked 400 MiB, 95 % of runs used no more than 300 MiB"
    assert found["time"].words == "asked 50 s, 95 % of runs took no longer than 30 s"
    assert found["mem"].suggested is found["time"].suggested is None


def test_nothing_is_suggested_from_few_runs() -> None:
    assert suggest([ended()] * (ENOUGH - 1)) == []
    assert suggest([ended()] * (ENOUGH - 1) + [ended(cores=2)] * (ENOUGH - 1)) == []


def test_nothing_is_learned_from_runs_that_failed_otherwise() -> None:
    failed = [ended(9999, cause=cause) for cause in Cause if cause not in (Cause.OK, Cause.OOM, Cause.TIMEOUT)]
    assert suggest(failed) == []
    assert advices([ended(100)] * ENOUGH + failed)["mem"].used == 100


def test_more_is_suggested_where_runs_ran_out_of_memory() -> None:
    runs = [ended(100, asked_mib=200)] * 5 + [ended(150, cause=Cause.OOM, asked_mib=200)] * 3
    mem = advices(runs)["mem"]
    assert mem.words == "asked 200 MiB, 3 of 8 runs needed more: --mem 256M or more"
    assert mem.is_at_least
    assert mem.used == 200


def test_less_memory_is_not_suggested_where_any_run_ran_out_of_it() -> None:
    runs = [ended(100, asked_mib=1000)] * 30 + [ended(1000, cause=Cause.OOM, asked_mib=1000)]
    mem = advices(runs)["mem"]
    assert mem.suggested is None
    assert mem.words == "asked 1000 MiB, 95 % of runs used no more than 100 MiB"


def test_more_time_is_suggested_where_runs_took_too_long() -> None:
    runs = [ended(wall_s=3000, timeout_s=3600.0)] * 5 + [ended(wall_s=3601, cause=Cause.TIMEOUT, timeout_s=3600.0)]
    time = advices(runs)["time"]
    assert time.words == "asked 3600 s, 1 of 6 runs needed longer: --timeout 1h31m or more"
    assert time.is_at_least


def test_a_run_that_hangs_now_and_then_keeps_nobody_from_a_shorter_limit() -> None:
    runs = [ended(wall_s=10, timeout_s=3600.0)] * 40 + [ended(wall_s=3600, cause=Cause.TIMEOUT, timeout_s=3600.0)]
    assert advices(runs)["time"].words == "asked 3600 s, 95 % of runs took no longer than 10 s: --timeout 15s"


def test_runs_cut_by_their_time_leave_their_memory_open() -> None:
    runs = [ended(100, asked_mib=4096)] * 5 + [ended(50, cause=Cause.TIMEOUT, asked_mib=4096, timeout_s=10.0)] * 5
    mem = advices(runs)["mem"]
    assert mem.words == "asked 4096 MiB, 5 of 10 runs were cut short, so their need is not known"
    assert mem.suggested is None


@pytest.mark.parametrize(
    ("asked", "busy", "suggested"), [(4, 0.99, 1), (4, 2.1, 3), (4, 3.3, None), (2, 1.1, None), (1, 0.1, None)]
)
def test_fewer_cores_are_suggested_only_where_clearly_fewer_were_busy(
    asked: int, busy: float, suggested: int | None
) -> None:
    assert advices([ended(cores=asked, busy=busy)] * ENOUGH)["cores"].suggested == suggested


def test_more_cores_are_never_suggested() -> None:
    assert advices([ended(cores=2, busy=7.5)] * ENOUGH)["cores"].suggested is None


def test_cores_are_worded_with_the_option() -> None:
    words = advices([ended(cores=8, busy=1.9)] * ENOUGH)["cores"].words
    assert words == "asked 8 cores, 95 % of runs kept no more than 1.9 busy: --cores 2"


def test_shapes_are_judged_apart_the_most_frequent_first() -> None:
    found = suggest([ended(cores=1)] * 5 + [ended(cores=2)] * 7)
    assert [(one.shape, one.count) for one in found] == [(Shape(2), 7), (Shape(1), 5)]


def test_a_shape_that_asks_for_the_right_amounts_has_nothing_to_change() -> None:
    (right,) = suggest([ended(300, 30, asked_mib=400, timeout_s=50.0)] * ENOUGH)
    assert not right.is_any
    (wrong,) = suggest([ended(300, 30, asked_mib=4000, timeout_s=50.0)] * ENOUGH)
    assert wrong.is_any


def test_a_run_without_duration_does_not_count() -> None:
    assert suggest([ended(wall_s=0)] * ENOUGH) == []


@pytest.mark.parametrize("seconds", [0.0, 0.2, 1, 59.5, 120, 121, 3599, 3600, 3601, 7200, 90000.5])
def test_a_time_limit_reads_as_an_option_and_is_never_shorter(seconds: float) -> None:
    rounded, text = round_time(seconds)
    assert rounded >= seconds
    assert parse_duration(text) == rounded


def test_what_is_suggested_can_be_written_as_it_stands() -> None:
    mem = advices([ended(3000)] * ENOUGH)["mem"]
    assert parse_mem_mib(mem.words.rpartition("--mem ")[2]) == mem.suggested
