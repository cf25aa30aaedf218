from runsemble.model.stats import RunStatistics


def test_statuses_are_counted() -> None:
    stats = RunStatistics.of(["pending", "running", "running", "success", "failure", "skipped"])
    assert (stats.pending_count, stats.running_count) == (1, 2)
    assert (stats.success_count, stats.failure_count, stats.skipped_count) == (1, 1, 1)
    assert (stats.complete_count, stats.total_count) == (3, 6)


def test_a_run_is_in_one_state_at_a_time() -> None:
    stats = RunStatistics.of(["pending"])
    stats.move("pending", "running")
    stats.move("running", "success")
    assert stats == RunStatistics(success_count=1, complete_count=1, total_count=1)


def test_counts_of_two_studies_add_up() -> None:
    both = RunStatistics.of(["pending", "success"]) + RunStatistics.of(["success", "skipped"])
    assert both == RunStatistics.of(["pending", "success", "success", "skipped"])


def test_a_skipped_run_is_complete_but_has_not_ended() -> None:
    stats = RunStatistics.of(["skipped", "success", "failure"])
    assert (stats.ended_count, stats.complete_count) == (2, 3)


def test_no_runs_make_no_counts() -> None:
    assert RunStatistics.of([]) == RunStatistics()
