"""Run one program over many parameter sets, from an async program.

    from runsemble import multirun
    result = await multirun(runs=[{"beta": b} for b in betas], cmd=["python", "model.py", "--beta", "{beta}"])

Names are imported when they are first used, so that a program under runsemble pays only for what it needs.
"""

from __future__ import annotations

from runsemble._version import __version__ as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runsemble.display.status import display_status as display_status
    from runsemble.ensemble.creation import RunSpec as RunSpec
    from runsemble.ensemble.ensemble import Ensemble as Ensemble
    from runsemble.ensemble.multirun import multirun as multirun
    from runsemble.ensemble.sync import multirun_sync as multirun_sync
    from runsemble.ensemble.view import EnsembleRun as EnsembleRun
    from runsemble.errors import AgentError as AgentError
    from runsemble.errors import CallFailed as CallFailed
    from runsemble.errors import FeedError as FeedError
    from runsemble.errors import LeaseError as LeaseError
    from runsemble.errors import NotInRun as NotInRun
    from runsemble.errors import ResultError as ResultError
    from runsemble.errors import RunsembleError as RunsembleError
    from runsemble.errors import RunsFailed as RunsFailed
    from runsemble.errors import StoreError as StoreError
    from runsemble.errors import UsageError as UsageError
    from runsemble.inrun import get_run_params as getRunParams  # noqa: F401, N812
    from runsemble.inrun import get_run_params as get_run_params
    from runsemble.inrun import post_run_results as postRunResults  # noqa: F401, N812
    from runsemble.inrun import post_run_results as post_run_results
    from runsemble.inrun import report as report
    from runsemble.inrun import time_left_s as time_left_s
    from runsemble.launch.argv import shell as shell
    from runsemble.model.files import FileResource as FileResource
    from runsemble.model.files import TemplateFile as TemplateFile
    from runsemble.model.resources import Grant as Grant
    from runsemble.model.result import Usage as Usage
    from runsemble.model.stats import RunStatistics as RunStatistics
    from runsemble.model.status import Cause as Cause
    from runsemble.model.status import RunStatus as RunStatus
    from runsemble.model.status import StoredStatus as StoredStatus
    from runsemble.model.step import Step as Step
    from runsemble.runners.abstract import AbstractRunner as AbstractRunner
    from runsemble.runners.abstract import RunHandle as RunHandle
    from runsemble.runners.debug import DebugRunner as DebugRunner
    from runsemble.runners.local import ParallelLocalRunner as ParallelLocalRunner
    from runsemble.runners.outcome import MultirunResult as MultirunResult
    from runsemble.runners.run import Run as Run
    from runsemble.sched.retry import RetryPolicy as RetryPolicy

_HOMES = {
    "AbstractRunner": "runners.abstract",
    "AgentError": "errors",
    "CallFailed": "errors",
    "Cause": "model.status",
    "DebugRunner": "runners.debug",
    "Ensemble": "ensemble.ensemble",
    "EnsembleRun": "ensemble.view",
    "FeedError": "errors",
    "FileResource": "model.files",
    "Grant": "model.resources",
    "LeaseError": "errors",
    "MultirunResult": "runners.outcome",
    "NotInRun": "errors",
    "ParallelLocalRunner": "runners.local",
    "ResultError": "errors",
    "RetryPolicy": "sched.retry",
    "Run": "runners.run",
    "RunHandle": "runners.abstract",
    "RunSpec": "ensemble.creation",
    "RunStatistics": "model.stats",
    "RunStatus": "model.status",
    "RunsFailed": "errors",
    "RunsembleError": "errors",
    "Step": "model.step",
    "StoreError": "errors",
    "StoredStatus": "model.status",
    "TemplateFile": "model.files",
    "Usage": "model.result",
    "UsageError": "errors",
    "display_status": "display.status",
    "get_run_params": "inrun",
    "multirun": "ensemble.multirun",
    "multirun_sync": "ensemble.sync",
    "post_run_results": "inrun",
    "report": "inrun",
    "shell": "launch.argv",
    "time_left_s": "inrun",
}
_FOUNDING_NAMES = {"getRunParams": "get_run_params", "postRunResults": "post_run_results"}

__all__ = sorted([*_HOMES, *_FOUNDING_NAMES])


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    native = _FOUNDING_NAMES.get(name, name)
    home = _HOMES.get(native)
    if home is None:
        raise AttributeError("module 'runsemble' has no attribute " + repr(name))
    value: object = getattr(__import__("runsemble." + home, fromlist=[native]), native)  # importlib costs a run 1 ms
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return [*__all__, "__version__"]
