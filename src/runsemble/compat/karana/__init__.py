"""Karana's `Karana.KUtils.multirun`, under its own names.

    from runsemble.compat import karana as multirun

What differs from the native API, so that such scripts mean the same as before: names are in camel case, a command is
taken as it is, braces and all, a runner starts four runs at a time whatever the machine has, and cores are neither
counted nor assigned.

Names are imported when they are first used: a run that asks for its parameters does not pay for what starts runs.

Source: the public API documentation of `Karana.KUtils.multirun`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runsemble.compat.karana._driver import displayStatus as displayStatus
    from runsemble.compat.karana._driver import multirun as multirun
    from runsemble.compat.karana._driver import multirunAsync as multirunAsync
    from runsemble.compat.karana._files import FileResource as FileResource
    from runsemble.compat.karana._runner import AbstractRunner as AbstractRunner
    from runsemble.compat.karana._runner import ParallelLocalRunner as ParallelLocalRunner
    from runsemble.compat.karana._runs import Run as Run
    from runsemble.inrun import get_run_params as getRunParams  # noqa: F401, N812
    from runsemble.inrun import post_run_results as postRunResults  # noqa: F401, N812
    from runsemble.model.files import FileLinkage as FileLinkage
    from runsemble.model.params import ParamMap as ParamMap
    from runsemble.model.params import ParamValue as ParamValue
    from runsemble.model.stats import RunStatistics as RunStatistics
    from runsemble.model.status import RunStatus as RunStatus

#: Where each name comes from, and what it is called there.
_HOMES = {
    "AbstractRunner": ("compat.karana._runner", "AbstractRunner"),
    "FileLinkage": ("model.files", "FileLinkage"),
    "FileResource": ("compat.karana._files", "FileResource"),
    "ParallelLocalRunner": ("compat.karana._runner", "ParallelLocalRunner"),
    "ParamMap": ("model.params", "ParamMap"),
    "ParamValue": ("model.params", "ParamValue"),
    "Run": ("compat.karana._runs", "Run"),
    "RunStatistics": ("model.stats", "RunStatistics"),
    "RunStatus": ("model.status", "RunStatus"),
    "displayStatus": ("compat.karana._driver", "displayStatus"),
    "getRunParams": ("inrun", "get_run_params"),
    "multirun": ("compat.karana._driver", "multirun"),
    "multirunAsync": ("compat.karana._driver", "multirunAsync"),
    "postRunResults": ("inrun", "post_run_results"),
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    """Import a name when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError("module " + repr(__name__) + " has no attribute " + repr(name))
    home, original = _HOMES[name]
    value: object = getattr(__import__("runsemble." + home, fromlist=[original]), original)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the names."""
    return list(__all__)
