"""LLNL's Themis, under its own names.

    from runsemble.compat import themis

A script written for Themis runs with only its import line changed. Where the original is broken, this does what its
documentation says.

Names are imported when they are first used.

Source: the public documentation of Themis 1.2.
"""

from __future__ import annotations

from runsemble.compat.themis._version import __version__ as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runsemble.compat.themis import backend as backend
    from runsemble.compat.themis import database as database
    from runsemble.compat.themis import finisher as finisher
    from runsemble.compat.themis import prepper as prepper
    from runsemble.compat.themis import resource as resource
    from runsemble.compat.themis import runtime as runtime
    from runsemble.compat.themis import user_utils as user_utils
    from runsemble.compat.themis import utils as utils
    from runsemble.compat.themis import versions as versions
    from runsemble.compat.themis._allocation import Allocation as Allocation
    from runsemble.compat.themis._runs import CompositeRun as CompositeRun
    from runsemble.compat.themis._runs import Run as Run
    from runsemble.compat.themis._runs import Step as Step
    from runsemble.compat.themis._themis import Themis as Themis
    from runsemble.compat.themis.database import EnsembleDatabase as EnsembleDatabase
    from runsemble.compat.themis.resource import allocators as allocators

#: In which module each name is; the name of a module stands for itself.
_HOMES = {
    "EnsembleDatabase": "database",
    "Themis": "_themis",
    "backend": "backend",
    "database": "database",
    "finisher": "finisher",
    "user_utils": "user_utils",
    "versions": "versions",
    "Allocation": "_allocation",
    "CompositeRun": "_runs",
    "Run": "_runs",
    "Step": "_runs",
    "allocators": "resource",
    "prepper": "prepper",
    "resource": "resource",
    "runtime": "runtime",
    "utils": "utils",
}

__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> object:
    """Import a name when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError("module " + repr(__name__) + " has no attribute " + repr(name))
    home = _HOMES[name]
    module = __import__(__name__ + "." + home, fromlist=[name])
    value: object = module if home == name else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the names."""
    return list(__all__)
