"""What a user may say when making an ensemble, and what is said of nonsense."""

from __future__ import annotations

from typing import Any

import pytest

from runsemble.ensemble.options import NAMES, ensemble_options, require_parameter_sets
from runsemble.errors import UsageError
from runsemble.model.step import Step
from runsemble.sched.retry import RetryPolicy


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("core", "there is no option 'core'; did you mean 'cores'?"),
        ("retrie", "there is no option 'retrie'; did you mean 'retries'?"),
        ("timeout", "there is no option 'timeout'; did you mean 'timeout_s'?"),
        ("template", "there is no option 'template'; did you mean 'templates'?"),
        ("xyzzy", "there is no option 'xyzzy'; there are application, steps, batch_script, "),
    ],
)
def test_an_unknown_option_is_answered_with_the_nearest_one(name: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        ensemble_options("out", ["true"], {name: 1})
    assert str(caught.value).startswith(words)


BAD: list[tuple[str, Any, str]] = [
    ("cores", 0, "cores must be a whole number of at least 1, not 0"),
    ("cores", "2", "cores must be"),
    ("cores", True, "cores must be"),
    ("gpus", -1, "gpus must be a whole number of at least 0"),
    ("tasks", 0, "tasks must be"),
    ("mem_mib", 0, "mem_mib must be"),
    ("named", 5, "named must be a mapping of names to numbers, such as {'solver': 1}, not 5"),
    ("named", {"a": 0}, "named['a'] must be"),
    ("timeout_s", 0, "timeout_s must be a number of seconds greater than 0, not 0"),
    ("timeout_s", float("nan"), "timeout_s must be"),
    ("timeout_s", "1", "timeout_s must be"),
    ("retries", -1, "retries must be"),
    ("retries", "3", "retries must be"),
    ("retries", {"ok": 1}, "nothing is tried again after ok"),
    ("retries", {"bogus": 1}, "retries: there is no cause 'bogus'"),
    ("abort_on", 3, "abort_on must be exit codes of at least 1, such as [3, 4], not 3"),
    ("abort_on", "3", "abort_on must be"),
    ("abort_on", [0], "abort_on must be"),
    ("abort_on", [True], "abort_on must be"),
    ("max_failures", -1, "max_failures must be"),
    ("max_failures", 1.5, "max_failures must be"),
    ("halt", "x", "halt='x': write WHEN,WHAT=COUNT"),
    ("halt", 3, "halt must be a string"),
    ("env", [1], "env must be a mapping"),
    ("env", {"A": 1}, "env['A'] must be a string"),
    ("env", {"A=B": "1"}, "env: 'A=B' is no name of a variable"),
    ("run_dir", 5, "run_dir must be a string"),
    ("directory", "existing", "directory must be one of new, reuse, refill, not 'existing'"),
    ("directory", None, "directory must be one of"),
    ("output", "x", "output must be 'files', 'merged', 'discard' or 'tail'"),
    ("keep", "x", "keep must be 'all', 'failed', 'results' or 'none', not 'x'"),
    ("first_id", -1, "first_id must be"),
    ("first_id", 1 << 62, "first_id must be at most"),
    ("input_files", "a", "input_files must be a list"),
    ("templates", 5, "templates must be a list"),
    ("steps", 5, "steps must be a list of Step(...), not 5"),
    ("steps", "ab", "steps must be a list of Step(...), not 'ab'"),
    ("steps", [["true"]], "steps must be a list of Step(...), not of ['true']"),
    ("seed", "x", "seed must be a whole number, not 'x'"),
    ("seed", True, "seed must be"),
    ("hooks", 5, "hooks must be a path"),
    ("hook_timeout_s", 0, "hook_timeout_s must be a number of seconds"),
    ("application", "true", "give one of cmd, application and steps"),
]


@pytest.mark.parametrize(("name", "value", "words"), BAD, ids=[f"{name}={value!r}" for name, value, _ in BAD])
def test_a_bad_value_is_refused_with_its_name(name: str, value: Any, words: str) -> None:
    cmd = None if name == "steps" else ["true"]
    with pytest.raises(UsageError) as caught:
        ensemble_options("out", cmd, {name: value})
    assert str(caught.value).startswith(words)


def test_every_option_has_a_bad_value_above() -> None:
    assert set(NAMES) - {name for name, _, _ in BAD} == {"batch_script"}


def test_what_is_left_out_has_the_defaults_of_multirun() -> None:
    options, first_id = ensemble_options("out", ["true"], {})
    assert (options.retry, options.output, options.directory, options.run_dir) == (
        RetryPolicy(), "files", "new", None,
    )  # fmt: skip
    assert (first_id, options.is_bare, options.steps) == (0, False, ())


def test_a_batch_script_is_a_step_with_the_needs_of_the_study() -> None:
    options, _ = ensemble_options("out", ["./run.sh"], {"batch_script": True, "cores": 3, "timeout_s": 5.0})
    assert options.steps == (Step(["./run.sh"], cores=3, timeout_s=5.0, batch_script=True),)


def test_without_any_command_every_run_must_have_its_own() -> None:
    assert ensemble_options("out", None, {})[0].is_bare
    assert not ensemble_options("out", None, {"application": "true"})[0].is_bare
    assert not ensemble_options("out", None, {"steps": [Step(["true"])]})[0].is_bare


@pytest.mark.parametrize("runs", [None, 5, "abc", b"abc", {"a": 1}])
def test_what_cannot_be_the_runs_of_a_study_is_refused(runs: Any) -> None:
    with pytest.raises(UsageError, match="runs must be an iterable of parameter sets"):
        require_parameter_sets(runs)


def test_lists_and_generators_of_both_kinds_can() -> None:
    async def some() -> Any:
        yield {}

    kinds: list[Any] = [[], iter([]), ({} for _ in range(3)), some()]
    assert [require_parameter_sets(runs) for runs in kinds] == [None] * 4  # type: ignore[func-returns-value]
