"""Hooks: how long they may take, what they can ask for, how they are called by hand, and dry runs."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runsemble.ensemble.dry_run import DryRun
from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.sync import blocking
from runsemble.errors import CommandError, DirectoryError, HookFailed, LeaseError, NotInRun, UsageError
from runsemble.model.files import FileResource
from runsemble.model.step import Step
from runsemble.store.writer import hold_lease

from .ensembles import made


async def with_hooks(text: str, *cmd: str, runs: int = 2, **options: Any) -> Ensemble:
    """Return a new ensemble with hooks."""
    await asyncio.to_thread(Path("hooks.py").write_text, text)
    return await made(*(cmd or ("true",)), runs=runs, hooks="hooks.py", **options)


def texts_in(directory: Path) -> Mapping[str, str]:
    """Return the files in a directory with their texts."""
    return {path.name: path.read_text(errors="replace") for path in directory.iterdir() if path.is_file()}


# Refused


async def test_hooks_that_cannot_be_imported_are_refused_before_anything_is_written(here: Path) -> None:
    with pytest.raises(CommandError, match=r"hooks in .*/hooks.py cannot be imported: NameError: name 'oops' is"):
        await with_hooks("x = oops\ndef post_run(): pass\n")
    assert os.listdir(here) == ["hooks.py"]
    assert "hooks" not in sys.modules


async def test_hooks_find_what_the_caller_does_and_no_more(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "helper_of_hooks.py").write_text("VALUE = 5\n")
    text = "import helper_of_hooks\ndef post_run(): return helper_of_hooks.VALUE\n"
    with pytest.raises(CommandError, match="No module named 'helper_of_hooks'"):
        await with_hooks(text)
    monkeypatch.syspath_prepend("")
    ensemble = await with_hooks(text, runs=1)
    await ensemble.execute()
    assert (await ensemble.run(0)).result == await ensemble.call_post_run(0) == 5


async def test_an_ensemble_is_not_replaced_by_one_whose_hooks_cannot_be_imported(here: Path) -> None:
    old = await made("true")
    (here / "hooks.py").write_text("import no_such_module\n")
    with pytest.raises(CommandError, match="No module named 'no_such_module'"):
        await Ensemble.create_overwrite("sweep", runs=[{}], cmd=["true"], hooks="hooks.py")
    assert await old.count_by_status("pending") == 3


# Limits


async def test_a_hook_of_a_run_that_takes_too_long_fails_it_and_says_where_it_stood(here: Path) -> None:
    ensemble = await with_hooks(
        "import time\ndef post_run():\n    time.sleep(1000)\n", runs=1, hook_timeout_s=0.2, retries={"timeout": 5}
    )
    assert (await ensemble.plan()).unit != "s"  # the limit says nothing of how long a hook takes
    await ensemble.execute()
    run = await ensemble.run(0)
    assert (run.status, run.cause, run.attempts) == ("failure", "hook", 1)
    assert run.message == "post_run took longer than 0.2 s"
    traceback = await asyncio.to_thread(Path(run.stderr or "").read_text)
    assert "time.sleep(1000)" in traceback


@pytest.mark.parametrize("name", ["prep_ensemble", "post_ensemble"])
async def test_a_hook_of_an_ensemble_that_takes_too_long_is_ended_and_noted(here: Path, name: str) -> None:
    ensemble = await with_hooks(f"import time\ndef {name}():\n    time.sleep(1000)\n", runs=1, hook_timeout_s=0.2)
    await ensemble.execute()
    assert await ensemble.count_by_status("success") == 1
    assert await getattr(ensemble, f"call_{name}")() == f"{name} took longer than 0.2 s"


# What hooks can ask for

ASKING = """
import asyncio
from runsemble import user_utils

def post_run():
    run = user_utils.run()
    if user_utils.run_id() == 1:
        user_utils.stop_ensemble()
    return [user_utils.run_id(), run.id, run.params, user_utils.ensemble().path, user_utils.submit_dir()]

def post_ensemble():
    assert user_utils.run_id() is None and user_utils.run() is None
    asyncio.run(user_utils.ensemble().set_result(3, "told"))
"""


async def test_hooks_can_ask_where_they_are_called_and_stop_the_ensemble(here: Path) -> None:
    ensemble = await with_hooks(ASKING, "sleep", "0.1", runs=40)
    await ensemble.execute(max_concurrency=1)
    assert (await ensemble.run(0)).result == [0, 0, {"x": 0}, str(here / "sweep"), str(here)]
    assert await ensemble.count_by_status("failure") == 0
    assert await ensemble.count_by_status("pending") > 20
    assert (await ensemble.run(3)).result == "told"


def test_outside_a_hook_there_is_nothing_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    from runsemble import user_utils

    monkeypatch.delenv("RUNSEMBLE_ENSEMBLE_DIR", raising=False)
    for ask in (
        user_utils.run_id,
        user_utils.run,
        user_utils.ensemble,
        user_utils.submit_dir,
        user_utils.stop_ensemble,
    ):
        with pytest.raises(NotInRun, match="user_utils is for hooks, and none is being called"):
            ask()


# By hand

BY_HAND = """
import os
from runsemble import get_run_params

def prep_run():
    open("prepared", "w").write(str(get_run_params()["x"]))

def post_run():
    x = get_run_params()["x"]
    if x == 2:
        return 1e99
    if x == 3:
        os._exit(9)
    return {"where": os.getcwd(), "inverse": 1 / x, "pair": (1, 2)}
"""


async def test_post_run_is_called_by_hand_and_nothing_is_recorded(here: Path) -> None:
    ensemble = await with_hooks(BY_HAND, runs=4)
    assert await ensemble.call_post_run(1) == {"where": str(here / "sweep/1"), "inverse": 1.0, "pair": (1, 2)}
    assert await ensemble.call_post_run(2) == 1e99
    with pytest.raises(ZeroDivisionError) as caught:
        await ensemble.call_post_run(0)
    assert "1 / x" in str(caught.value.__cause__)
    with pytest.raises(HookFailed, match="post_run ended with exit code 9"):
        await ensemble.call_post_run(3)
    with pytest.raises(UsageError, match="there is no run 7"):
        await ensemble.call_post_run(7)
    assert os.listdir(here / "sweep/1") == []
    assert (await ensemble.run(1)).result is None
    assert await ensemble.count_by_status("pending") == 4
    assert await (await made("true", path="other")).call_post_run(0) is None


async def test_a_hook_that_takes_too_long_by_hand_is_ended(here: Path) -> None:
    ensemble = await with_hooks("import time\ndef post_run():\n    time.sleep(1000)\n", runs=1, hook_timeout_s=0.5)
    with pytest.raises(HookFailed, match=r"post_run took longer than 0\.5 s"):
        await ensemble.call_post_run(0)


def test_a_hook_can_be_called_in_this_process(here: Path) -> None:
    async def find() -> Any:
        ensemble = await with_hooks("import os\n" + BY_HAND.replace('"where"', '"pid": os.getpid(), "where"'))
        assert await ensemble.hook("prep_ensemble") is None
        for name, run, why in (
            ("prep_runs", 1, "there is no hook"), ("post_run", None, "say which"), ("post_ensemble", 1, "for no run")
        ):  # fmt: skip
            with pytest.raises(UsageError, match=why):
                await ensemble.hook(name, run)
        return await ensemble.hook("post_run", 1)

    hook, before = blocking(find)(), dict(os.environ)
    value = hook.call()
    assert (value["pid"], value["where"]) == (os.getpid(), str(here / "sweep/1"))
    assert (os.getcwd(), dict(os.environ)) == (str(here), before)


# Dry runs


async def test_a_dry_run_prepares_what_an_execution_would_and_starts_nothing(here: Path) -> None:
    texts = {"deck.in": "x is %%x%%\n", "shared": "s", "copied": "c", "job.sh": "#!/bin/sh\necho %%x%% > posted\n"}
    for name, text in texts.items():
        (here / name).write_text(text)
    (here / "job.sh").chmod(0o755)
    (here / "hooks.py").write_text(BY_HAND)
    ensemble = await Ensemble.create(
        "sweep",
        runs=[{"x": 1}, {"x": 2}, {"x": 4}],
        steps=[Step(["cat", "deck.in"]), Step(["./job.sh"], batch_script=True, cwd="sub")],
        input_files=["shared", FileResource("copied", "copy")],
        templates=["deck.in"],
        hooks="hooks.py",
    )
    told: list[Any] = []
    (one,) = await ensemble.dry_run([1], on_start=lambda *run: told.append(run))
    directory = here / "sweep/1"
    assert told == [(1, str(directory))]
    assert one == DryRun(
        id=1,
        directory=str(directory),
        commands=(("cat", "deck.in"), (f"{directory}/job.sh",)),
        files=("shared", "copied", "deck.in", "job.sh"),
    )
    dry = texts_in(directory)
    assert (dry["deck.in"], dry["prepared"], dry["job.sh"]) == ("x is 2\n", "2", "#!/bin/sh\necho 2 > posted\n")
    assert os.access(directory / "job.sh", os.X_OK)
    assert (directory / "sub").is_dir()
    assert not (here / "sweep/0").exists()
    assert await ensemble.count_by_status("pending") == 3
    assert [made.id for made in await ensemble.dry_run(calls_hooks=False)] == [0, 1, 2]
    assert "prepared" not in texts_in(here / "sweep/0")
    await ensemble.execute()
    wet = texts_in(directory)
    assert {name: wet[name] for name in dry} == dry
    assert await ensemble.count_by_status("success") == 2
    assert (await ensemble.run(1)).message == "a hook failed"  # 1e99


TELLING = """
import asyncio
from runsemble import user_utils

def prep_run():
    asyncio.run(user_utils.ensemble().set_result(user_utils.run_id(), "told"))
    [0][user_utils.run().params["x"]]
"""


async def test_a_dry_run_says_what_would_go_wrong_with_which_run(here: Path) -> None:
    ensemble = await with_hooks(TELLING, runs=3)
    (here / "sweep/2").write_text("a file in its place")
    zero, one, two = await ensemble.dry_run()
    assert zero.error is None
    assert (await ensemble.run(0)).result == "told"
    assert isinstance(one.error, HookFailed)
    assert str(one.error) == "prep_run ended with exit code 1: IndexError: list index out of range"
    assert isinstance(two.error, DirectoryError)
    assert str(two.error) == f"{here}/sweep/2: File exists"


async def test_a_dry_run_keeps_away_from_runs_that_are_under_way(here: Path) -> None:
    ensemble = await made("true")
    with pytest.raises(UsageError, match="there is no run 7"):
        await ensemble.dry_run([0, 7])
    async with hold_lease(ensemble.path):
        with pytest.raises(LeaseError, match="is being driven"):
            await ensemble.dry_run()
    assert not (here / "sweep/0").exists()
