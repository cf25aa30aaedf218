"""Every error that runsemble raises.

A class's docstring is its default message. Context travels in attributes, and the text says what to do next. A failed
run is not among them: it is data, found in `Run.status` and `Run.cause`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # a run that uses the helpers loads this file: it must not load more
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class RunsembleError(Exception):
    """Something went wrong in runsemble."""

    def __init__(self, message: str | None = None, **context: Any) -> None:
        super().__init__(message or type(self).__doc__)
        for name, value in context.items():
            setattr(self, name, value)


class UsageError(RunsembleError, ValueError):
    """The request makes no sense as it stands.

    Where a parameter set is at fault, `.index` is its position and `.result` holds the runs so far.
    """

    index: int
    result: Any


class NothingPending(UsageError):
    """There is nothing to execute: no run of the ensemble is pending."""


class CommandError(UsageError):
    """The command is not one that can be run."""


class ParameterError(UsageError):
    """A parameter set is not a mapping of names to values that can be written down."""


class PlaceholderError(UsageError):
    """A placeholder in braces does not name a parameter."""

    name: str


class DirectoryError(UsageError):
    """A run directory or the output directory cannot be used."""


class InputFileError(UsageError):
    """An input file cannot be staged."""


class TemplateError(UsageError):
    """A template cannot be read, is none, or names a parameter that does not exist."""


class RequestError(UsageError):
    """A request can never be granted on this machine."""


class FeedError(RunsembleError):
    """The parameter sets stopped coming with an error.

    Runs that had finished keep their results in `.result`, running ones were stopped. `.index` is the position of the
    parameter set that could not be had, `.__cause__` the error itself.
    """

    index: int
    result: Any


class RunsFailed(RunsembleError):
    """At least one run did not succeed; `.failures` lists them."""

    failures: Sequence[Any]


class ResultError(RunsembleError):
    """A run left a result that cannot be read; the text says which file, and why."""

    path: str


class AgentError(RunsembleError):
    """The agent that starts the runs could not be started, reached or kept alive."""

    result: Any


class CallFailed(RunsembleError):
    """A Python call failed with an exception that cannot be rebuilt here.

    `.kind` is the name of its type, the text what the exception said.
    """

    kind: str


class HookFailed(RunsembleError):
    """A hook has failed: it returned 1e99, crashed, or took too long; the text says which."""


class RemoteTraceback(RunsembleError):
    """The traceback of an exception as it was printed in the run, of which it is the cause."""


class AgentsTakenOver(AgentError):
    """The agents obey another driver now; what runs there is none of this one's business any more."""


class LooksAgain(AgentsTakenOver):
    """The driver lets go of its agents, to take them over anew together with those of others."""


class StrangeRuns(AgentError):
    """Agents know of runs that the driver does not: it has to look again."""


class StoreError(RunsembleError):
    """The file that holds a study cannot be made, read or written; the text says why."""

    path: str


class LeaseError(RunsembleError):
    """Another process drives this study, or has taken it over; the text says who."""

    holder: Any


class RunnerClosed(RunsembleError):
    """The runner is not running: nobody has entered it."""


class NotInRun(RunsembleError, RuntimeError):
    """A helper was called outside a run."""


class StaleAttempt(RunsembleError, RuntimeError):
    """A result was posted by an attempt that has been replaced by a newer one."""
