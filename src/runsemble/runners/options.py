"""What a user asks for with a study, checked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias, get_args

from runsemble.errors import InputFileError, RequestError, UsageError
from runsemble.model.files import FileResource, OutputMode, TemplateFile, require_output_mode
from runsemble.model.resources import Request, require_count
from runsemble.model.status import Cause
from runsemble.model.step import Step, require_environment, require_path, require_seconds, require_string
from runsemble.sched.policy import AbortPolicy
from runsemble.sched.retry import RetryPolicy
from runsemble.workdir.decks import DeckFile, Engine
from runsemble.workdir.keep import Keep, require_keep

#: Whether a run directory is made, and must be new; may be there; or may be there and gets every file anew.
DirectoryMode = Literal["new", "reuse", "refill"]

#: Seconds that a hook may take unless somebody says otherwise: an hour, so that one that hangs is noticed.
HOOK_TIMEOUT_S = 3600.0

#: How often a run is tried again: a number; numbers by cause, such as ``{"oom": 2}``; or everything about it.
Retries: TypeAlias = int | Mapping[str, int | None] | RetryPolicy | None


def retry_policy(retries: Any, abort_on: Iterable[int] = ()) -> RetryPolicy:
    """Return how often, when and with how much more a run is tried again.

    Args:
        retries: A number of further attempts, None for no limit; numbers by cause; or a policy.
        abort_on: Exit codes after which a run is not tried again.

    Raises:
        RequestError: It is none of these, or a number or a cause makes no sense.
    """
    codes = list(abort_on) if _is_a(abort_on, Iterable) else [0]
    if any(type(code) is not int or code < 1 for code in codes):
        raise RequestError(f"abort_on must be exit codes of at least 1, such as [3, 4], not {abort_on!r}")
    if isinstance(retries, RetryPolicy):
        return replace(retries, abort_on=retries.abort_on | frozenset(codes))
    if isinstance(retries, Mapping):
        known = {str(cause): cause for cause in Cause}
        for name in retries:
            if name not in known:
                raise RequestError(f"retries: there is no cause {name!r}; there are {', '.join(known)}")
        by_cause = {known[name]: count for name, count in retries.items()}
        return RetryPolicy(by_cause=by_cause, abort_on=frozenset(codes))
    return RetryPolicy(retries=retries, abort_on=frozenset(codes))


def retry_as_recipe(policy: RetryPolicy) -> dict[str, Any]:
    """Return what `retry_from_recipe` needs, ready for JSON."""
    facts = asdict(replace(policy, by_cause={}, abort_on=frozenset()))
    return {**facts, "by_cause": dict(policy.by_cause), "abort_on": sorted(policy.abort_on)}


def retry_from_recipe(recipe: Mapping[str, Any]) -> RetryPolicy:
    """Return the policy that `retry_as_recipe` wrote down."""
    by_cause = {Cause(name): count for name, count in recipe["by_cause"].items()}
    return RetryPolicy(**{**recipe, "by_cause": by_cause, "abort_on": frozenset(recipe["abort_on"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOptions:
    """The arguments of `multirun` but the runs themselves, checked."""

    cmd: Any = None
    steps: Sequence[Step] = ()  #: instead of `cmd`, `request` and `timeout_s`: several commands
    output_path: str | os.PathLike[str] | None = None
    input_files: Iterable[FileResource | str | os.PathLike[str]] = ()
    templates: Iterable[TemplateFile | str | os.PathLike[str]] = ()
    decks: Sequence[DeckFile] = ()  #: files that are filled in as Themis does it, in a tidy study
    request: Request = field(default_factory=Request)
    timeout_s: float | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    max_failures: int | None = None
    halt: str | None = None
    counts_former: bool = False  #: all runs that have failed count, and not only those of one execution
    env: Mapping[str, Any] | None = None
    run_dir: str | None = None  #: None: see `layout.default_name`
    output: OutputMode = "files"
    directory: DirectoryMode = "new"
    keep: Keep = "all"
    seed: int | None = None  #: of the random generators of functions; None: drawn anew for every run
    hooks: str | os.PathLike[str] | None = None  #: a Python file whose `prep_run` and `post_run` are run as steps
    hook_timeout_s: float | None = HOOK_TIMEOUT_S  #: what each hook may take; None: as long as it likes
    runs_here: bool = False  #: commands start in the caller's directory, each with a directory of its own for the rest
    is_bare: bool = False  #: the command is none: every run has commands of its own
    is_tidy: bool = False  #: nothing of ours lies in run directories, whose files may have any name
    has_format: bool = False  #: `run_dir` is an absolute path for `str.format`; see `workdir.formats`
    deck_engine: Engine | None = None  #: what fills in batch scripts as Themis does it; None: they are templates
    id_variable: str | None = None  #: a further variable that tells a run its number
    is_literal: bool = False  #: the command is taken as it is: braces mean nothing, nor do names of files
    abort: AbortPolicy = field(init=False)

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.max_failures is not None:
            require_count("max_failures", self.max_failures, 0)
        given = {"halt": self.halt, "run_dir": self.run_dir, "output_path": self.output_path, "hooks": self.hooks}
        for name, value in given.items():
            if value is not None:
                (require_string if name in ("halt", "run_dir") else require_path)(name, value)
        object.__setattr__(self, "abort", AbortPolicy.of(self.max_failures, self.halt))
        require_seconds("timeout_s", self.timeout_s)
        require_seconds("hook_timeout_s", self.hook_timeout_s)
        if self.output != "log" or not self.is_tidy:
            require_output_mode(self.output)
        if self.directory not in get_args(DirectoryMode):
            raise UsageError(f"directory must be one of {', '.join(get_args(DirectoryMode))}, not {self.directory!r}")
        for name, files in (("input_files", self.input_files), ("templates", self.templates)):
            if isinstance(files, (str, bytes, os.PathLike)) or not _is_a(files, Iterable):
                raise InputFileError(f"{name} must be a list, such as ['model.py'], not {files!r}")
        require_environment(self.env)
        _check_keep(self.keep, self.directory)
        if self.seed is not None and type(self.seed) is not int:
            raise RequestError(f"seed must be a whole number, not {self.seed!r}")
        for step in self.steps:
            if not _is_a(step, Step):
                raise UsageError(f"steps must be a list of Step(...), not of {step!r}")


def _check_keep(keep: Any, directory: DirectoryMode) -> None:
    """Refuse to remove directories that may have been there before."""
    require_keep(keep)
    if keep != "all" and directory != "new":
        raise UsageError(
            f"keep={keep!r} removes run directories, so they must be new: leave directory={directory!r} out"
        )


def _is_a(value: object, kind: type) -> bool:
    return isinstance(value, kind)
