"""A driver of an agent that starts Python calls: sends functions and hooks, and looks at what became of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cloudpickle

from runsemble import codec
from runsemble.agent.protocol import Exit
from runsemble.inrun.failures import read_exception
from runsemble.launch.functions import pickle_function
from runsemble.workdir.results import read_result

from .raw_driver import RawDriver


class Caller:
    """Makes calls, one plan each, in numbered directories of `here`."""

    def __init__(self, driver: RawDriver, here: Path) -> None:
        self.driver = driver
        self.here = here
        self._plans = 0
        self._runs = 0

    def plan(self, function: Any, seed: int | None = None, **fields: Any) -> int:
        """Announce calls of `function`, which is sent whole, as one of the main program would be."""
        path = str(self.here / f"function-{self._plans}.pickle")
        module = sys.modules[function.__module__]
        cloudpickle.register_pickle_by_value(module)
        try:
            pickle_function(function, path)
        finally:
            cloudpickle.unregister_pickle_by_value(module)
        return self.plan_call({"kind": "function", "path": path, "seed": seed}, **fields)

    def plan_hook(self, path: Path, name: str, **fields: Any) -> int:
        """Announce calls of a function of the module in a file."""
        return self.plan_call({"kind": "hook", "path": str(path), "name": name}, **fields)

    def plan_call(self, call: dict[str, Any], **fields: Any) -> int:
        """Announce calls."""
        self._plans += 1
        self.driver.plan(self._plans, call=call, **fields)
        return self._plans

    def start(self, plan: int, waits: bool = False, cores: Sequence[int] = (), **params: Any) -> int:
        """Start a call; return the number of its run."""
        self._runs += 1
        text = codec.encode(params)
        self.driver.run(self._runs, self.here, plan=plan, waits=waits, params=text, cores=cores)
        return self._runs

    def hear_start(self, number: int) -> None:
        """Wait until a run has started."""
        self.driver.hear("start", lambda message: message[1] == number)

    def call(self, plan: int, **params: Any) -> Exit:
        """Start a call and wait for its end."""
        return self.driver.hear_exit(self.start(plan, **params))

    def value(self, plan: int, **params: Any) -> Any:
        """Start a call and return its value."""
        number = self.start(plan, **params)
        record = self.driver.hear_exit(number)
        assert record.status == 0, f"{record.as_message()}: {self.text(number, 'stderr')}"
        return self.result(number)

    def result(self, number: int) -> Any:
        """Return what a run that has ended left as its result."""
        return read_result(str(self.here / str(number) / "results.json"), allow_pickle=True)

    def text(self, number: int, name: str) -> str:
        """Return the content of a file in the directory of a run."""
        return (self.here / str(number) / name).read_text()

    def exception(self, number: int) -> BaseException | None:
        """Return the exception that ended a run."""
        return read_exception(str(self.here / str(number)))

    @property
    def notes(self) -> list[str]:
        """What the agent wanted people to know."""
        return [message[1] for message in self.driver.all("note")]
