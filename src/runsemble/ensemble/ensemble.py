"""`Ensemble`: a study of any size that lives in one directory."""

from __future__ import annotations

from runsemble.ensemble.changing import Changing
from runsemble.ensemble.executing import Executing
from runsemble.ensemble.foreseeing import Foreseeing
from runsemble.ensemble.making import Making
from runsemble.ensemble.trying import Trying


class Ensemble(Making, Changing, Foreseeing, Trying, Executing):
    """A study that lives in a directory, and can be looked at, changed and driven from any process.

    Nothing is held open between calls, so that nothing need be closed. What it says is what was on disk when it was
    asked. Make one with `create`, or find an existing one with `open`::

        ensemble = await Ensemble.create("sweep", runs=[{"x": 1}, {"x": 2}], cmd=["./model", "{x}"])
        await ensemble.execute()
        async for run in ensemble.runs("success"):
            print(run.params, run.result)
    """

    def __repr__(self) -> str:
        """Say where it lives."""
        return f"Ensemble({self.path!r})"
