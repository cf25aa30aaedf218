from runsemble.sched.drought import PATIENCE_S, Drought


def test_a_drought_begins_once() -> None:
    drought = Drought()
    assert drought.begin(10.0)
    assert not drought.begin(20.0)
    assert drought.since == 10.0


def test_a_drought_ends_once() -> None:
    drought = Drought()
    drought.begin(10.0)
    assert drought.end()
    assert not drought.end()


def test_there_is_hope_while_there_is_no_drought() -> None:
    assert not Drought().is_hopeless(1e9, is_anything_running=False)


def test_hope_is_given_up_after_a_while_in_which_nothing_runs() -> None:
    drought = Drought()
    drought.begin(10.0)
    assert not drought.is_hopeless(10.0 + PATIENCE_S, is_anything_running=False)
    assert drought.is_hopeless(11.0 + PATIENCE_S, is_anything_running=False)


def test_there_is_hope_while_anything_runs() -> None:
    drought = Drought()
    drought.begin(10.0)
    assert not drought.is_hopeless(1e9, is_anything_running=True)
