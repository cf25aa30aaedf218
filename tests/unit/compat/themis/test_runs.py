"""The descriptions of runs, as section 1 of the specification has them."""

from __future__ import annotations

import copy
import json
import os
import pickle
import shlex
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runsemble.compat.themis._runs import AugmentedRun, CompositeRun, Run, Step

HERE = os.path.abspath(".")
SEVEN = ("args", "tasks", "cores_per_task", "gpus_per_task", "timeout", "batch_script", "cwd")


def in_ensemble(run: Run, application: str = "/bin/app") -> Run:
    run.application = application
    return run


def test_a_step_has_exactly_seven_slots_in_order() -> None:
    assert Step.__slots__ == SEVEN
    with pytest.raises(AttributeError):
        Step("true").priority = 1  # type: ignore[attr-defined]


def test_the_defaults_of_a_step_are_the_published_ones() -> None:
    step = Step(["/bin/ls"])
    assert [getattr(step, name) for name in SEVEN] == [["/bin/ls"], 1, 1, 0, 0, True, "."]


@pytest.mark.parametrize(
    ("given_args", "args"),
    [
        ("true", [HERE + "/true"]),
        ("/bin/bash -c 'exit 1;'", ["/bin/bash", "-c", "exit 1;"]),
        ("../x/./y z", [os.path.dirname(HERE) + "/x/y", "z"]),
        (["a b", "c d"], [HERE + "/a b", "c d"]),
        (("/a",), ["/a"]),
        (iter(["/a", "b"]), ["/a", "b"]),
    ],
)
def test_the_program_becomes_absolute_at_once(given_args: Any, args: list[str]) -> None:
    assert Step(given_args).args == args


@given(st.lists(st.text(), min_size=1))
def test_a_text_of_arguments_means_the_same_as_the_list(words: list[str]) -> None:
    assert Step(shlex.join(words)).args == Step(words).args


@pytest.mark.parametrize("empty", ["", [], "  "])
def test_a_step_without_a_program_is_an_index_error(empty: Any) -> None:
    with pytest.raises(IndexError):
        Step(empty)


@pytest.mark.parametrize("name", ["tasks", "cores_per_task", "gpus_per_task", "timeout"])
def test_a_number_is_what_int_makes_of_it(name: str) -> None:
    assert getattr(Step("x", **{name: "3"}), name) == 3
    assert getattr(Step("x", **{name: 2.7}), name) == 2
    assert getattr(Step("x", **{name: -1}), name) == -1
    with pytest.raises(TypeError):
        Step("x", **{name: [1]})
    with pytest.raises(ValueError, match="abc"):
        Step("x", **{name: "abc"})


@pytest.mark.parametrize(("given_value", "value"), [("False", True), ("", False), (0, False), (None, False)])
def test_whether_it_is_a_batch_script_is_what_bool_makes_of_it(given_value: Any, value: bool) -> None:
    assert Step("x", batch_script=given_value).batch_script is value


def test_the_directory_is_what_str_makes_of_it() -> None:
    assert Step("x", cwd=3).cwd == "3"


def test_an_unknown_keyword_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="foo"):
        Step("x", foo=1)  # type: ignore[call-arg]


def test_a_step_is_shown_with_all_it_has() -> None:
    assert repr(Step("/a 'b c'", 4, 2, 1, 5, False, "sub")) == (
        "Step(args=['/a', 'b c'], tasks=4, cores_per_task=2, gpus_per_task=1, timeout=5, batch_script=False, cwd=sub)"
    )


def test_steps_are_equal_only_to_themselves() -> None:
    assert Step("x") != Step("x")


def test_a_step_is_encoded_as_its_slots() -> None:
    text = json.dumps({"steps": [Step("/a b", tasks=2)]}, default=Step.encode)
    assert json.loads(text)["steps"] == [
        {
            "args": ["/a", "b"],
            "tasks": 2,
            "cores_per_task": 1,
            "gpus_per_task": 0,
            "timeout": 0,
            "batch_script": True,
            "cwd": ".",
        }
    ]
    assert list(Step.encode(Step("/a"))) == list(SEVEN)


def test_anything_else_is_a_type_error_without_a_message() -> None:
    with pytest.raises(TypeError) as caught:
        Step.encode(3)
    assert caught.value.args == ()


def test_a_composite_run_has_two_slots() -> None:
    assert CompositeRun.__slots__ == ("sample", "steps")


def test_a_composite_run_keeps_what_it_is_given() -> None:
    sample, steps = {"a": 1}, [Step("x")]
    run = CompositeRun(sample, steps)
    assert run.sample is sample
    assert run.steps is steps


def test_no_sample_is_an_empty_one() -> None:
    assert CompositeRun(None, "abc").sample == {}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("steps", "error", "message"),
    [
        (3, TypeError, "Expected sequence type for steps, got 'int'"),
        (iter([1]), TypeError, "Expected sequence type for steps, got 'list_iterator'"),
        ([], ValueError, "len(steps) must be > 0"),
        ((), ValueError, "len(steps) must be > 0"),
    ],
)
def test_steps_are_a_sequence_that_is_not_empty(steps: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        CompositeRun({}, steps)
    assert str(caught.value) == message


def test_a_run_is_shown_with_what_it_was_given() -> None:
    assert repr(Run({"a": 1}, "x")) == (
        "Run(sample={'a': 1}, args='x', tasks=1, cores_per_task=1, gpus_per_task=0, timeout=0)"
    )


def test_a_run_without_a_sample_has_an_empty_one() -> None:
    run = in_ensemble(Run(args="0"))
    assert run.sample == {}
    assert run.steps[0].args == ["/bin/app", "0"]


def test_a_run_has_no_application_at_first() -> None:
    run = Run({"a": 1}, "x")
    assert run.application is None
    assert run.app_is_batch_script is True
    with pytest.raises(TypeError):
        _ = run.steps


def test_the_one_step_follows_from_the_run_as_it_is_now() -> None:
    run = in_ensemble(Run({}, "x 'y z'", tasks=2))
    first = run.steps
    run.app_is_batch_script = False
    run.tasks = 3
    assert isinstance(first, tuple)
    assert repr(first[0]).startswith("Step(args=['/bin/app', 'x', 'y z'], tasks=2,")
    assert run.steps[0] is not first[0]
    assert (run.steps[0].tasks, run.steps[0].batch_script) == (3, False)


def test_steps_can_be_set() -> None:
    run = Run()
    run.steps = steps = [Step("x")]
    assert run.steps is steps


@pytest.mark.parametrize(("tasks", "error"), [("abc", ValueError), ([1], TypeError)])
def test_a_bad_number_is_found_only_when_the_step_is_made(tasks: Any, error: type[Exception]) -> None:
    run = in_ensemble(Run(tasks=tasks))
    assert run.tasks == tasks
    with pytest.raises(error):
        _ = run.steps


@pytest.mark.parametrize("args", [["a", "b"], 5])
def test_arguments_that_are_no_text_are_a_type_error(args: Any) -> None:
    with pytest.raises(TypeError, match="one text"):
        _ = in_ensemble(Run(args=args)).steps


def test_a_run_takes_no_steps() -> None:
    with pytest.raises(TypeError):
        Run(steps=[])  # type: ignore[call-arg]


def test_a_run_has_no_room_for_anything_else() -> None:
    with pytest.raises(AttributeError):
        Run().priority = 1  # type: ignore[attr-defined]


def test_an_augmented_run_has_a_status_and_a_result() -> None:
    steps = (Step("x"),)
    run = AugmentedRun({"a": 1}, steps, 2, "r")
    assert isinstance(run, CompositeRun)
    assert (run.sample, run.steps, run.status, run.result) == ({"a": 1}, steps, 2, "r")


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda run: pickle.loads(pickle.dumps(run))])
def test_runs_survive_copying_and_pickling(clone: Callable[[Any], Any]) -> None:
    run = in_ensemble(Run({"a": 1}, "x", tasks=4))
    assert repr(clone(run)) == repr(run)
    assert repr(clone(run).steps) == repr(run.steps)
    there = AugmentedRun({"a": 1}, [Step("x")], 1, (1, 2))
    assert (clone(there).status, clone(there).result, repr(clone(there).steps)) == (1, (1, 2), repr(there.steps))
