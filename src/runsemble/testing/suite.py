"""`check_runner`: every check against one implementation of a runner."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from runsemble.errors import UsageError
from runsemble.testing import checks as checks
from runsemble.testing.registry import CHECKS, Check
from runsemble.testing.rig import Factory, make_runner


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the checks of a runner that passed."""

    passed: tuple[str, ...]  #: names of checks
    skipped: dict[str, str]  #: name of a check -> why it was not made


async def check_runner(factory: Factory, *, skip: Collection[str] = ()) -> Report:
    """Try every promise of a runner on fresh ones that `factory` makes; a runner of your own can be held to them too.

    For example::

        report = await check_runner(lambda **sizes: MyRunner())
        assert not report.skipped

    Checks that ask for more than the three methods of `AbstractRunner` are left out for a runner that has no more;
    `Report.skipped` lists them. `skip` leaves out others by name, for a runner that does not promise as much.

    Args:
        factory: Called with keywords that say which size of runner a check wants: ``max_parallel``, ``cores``, ``gpus``
            (a list of made-up ids, or a number), ``mem_mib``, ``grace_s``, ``output_path``. They mean what they mean to
            `ParallelLocalRunner`; a runner that has no sizes ignores them.
        skip: Names of checks to leave out.

    Returns:
        What was checked and what was not; everything that was checked is as it should be.

    Raises:
        AssertionError: Promises are not kept; the text names every such check, and says in what way.
        UsageError: There is no check of a name in `skip`.
    """
    unknown = sorted(set(skip) - CHECKS.keys())
    if unknown:
        raise UsageError(f"there is no check called {', '.join(unknown)}; runsemble.testing.CHECKS lists them")
    runner = make_runner(factory)
    skipped = {}
    passed, failed = [], []
    for name, check in CHECKS.items():
        why_not = "left out by the caller" if name in skip else check.why_not(runner)
        if why_not is not None:
            skipped[name] = why_not
            continue
        problem = await _find_problem(check, factory)
        if problem is None:
            passed.append(name)
        else:
            failed.append(f"{name}: {problem}")
    if failed:
        raise AssertionError(
            f"{type(runner).__name__} failed {len(failed)} of {len(passed) + len(failed)} checks:\n  "
            + "\n  ".join(failed)
        )
    return Report(tuple(passed), skipped)


async def _find_problem(check: Check, factory: Factory) -> str | None:
    """Make a check; return what is wrong, None if nothing is."""
    try:
        await check.run(factory)
    except AssertionError as error:
        return str(error)
    except Exception as error:  # the runner's, whatever it is: the other checks still tell something
        return f"{type(error).__name__}: {error}"
    return None
