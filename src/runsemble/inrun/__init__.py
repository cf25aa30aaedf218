"""What a program calls while it runs under runsemble: its parameters in, its results out.

Only ``os``, ``time`` and ``json`` are imported, so that a run pays a few milliseconds for it, not the price
of the whole package.
"""

from __future__ import annotations

import os
import time

from runsemble import codec
from runsemble.errors import NotInRun, StaleAttempt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
else:
    Any = object  # for `typing.get_type_hints`; the import would cost a run milliseconds

PARAMS_FILE = "params.json"
RESULTS_FILE = "results.json"
METRICS_FILE = "metrics.jsonl"
CURRENT_ATTEMPT_FILE = ".attempts/current"

_NOT_IN_RUN = (
    "this program was not started by runsemble: RUNSEMBLE_PARAMS is not set and there is no params.json in {}; "
    "to try it by hand, set RUNSEMBLE_PARAMS='{{\"name\": value}}' or write such a params.json"
)


def get_run_params() -> dict[str, Any]:
    """Return the parameters of this run, with the types they had in the driver.

    They are read from the environment variable ``RUNSEMBLE_PARAMS`` (JSON text, or ``@`` and a file name), else from
    ``params.json`` in the current directory. The dict is the caller's own: changing it changes nothing else.

    Raises:
        NotInRun: Neither is there.
        ValueError: The text is not the JSON of an object.
    """
    text = os.environ.get("RUNSEMBLE_PARAMS")
    where = "RUNSEMBLE_PARAMS"
    if text is None or text.startswith("@"):
        where = text[1:] if text else PARAMS_FILE
        try:
            with open(where, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            if text:
                raise NotInRun("RUNSEMBLE_PARAMS names the file " + where + ", which does not exist") from None
            raise NotInRun(_NOT_IN_RUN.format(os.getcwd())) from None
    try:
        params = codec.decode(text)
    except ValueError as error:
        raise ValueError(where + " does not hold the run's parameters as JSON: " + str(error)) from None
    if type(params) is not dict:
        raise ValueError(where + " must hold a JSON object, not a " + type(params).__name__)
    return params


def post_run_results(results: Any) -> None:
    """Submit `results` as the result of this run; a later call replaces an earlier one.

    On return the value stands in the run's ``results.json``, whole: it was written to a temporary file and renamed.
    Values of plain Python types are stored as JSON, anything else as a pickle marked as such.

    Raises:
        NotInRun: Called outside a run.
        StaleAttempt: This attempt was given up and another one has started since; nothing was written.
        OSError: The file could not be written, for instance because the disk is full.
        Exception: Whatever pickle raises for an object it cannot store.
    """
    post_results_text(codec.encode(results, allow_pickle=True))


def post_results_text(text: str) -> None:
    """Submit what `text`, the JSON of a value, stands for; for errors see `post_run_results`."""
    target = _results_path()
    _refuse_stale(os.path.dirname(target))
    write_results_text(target, text)


def report(step: float | None = None, **metrics: float) -> None:
    """Report intermediate figures, such as a loss after each epoch; they are appended to ``metrics.jsonl``.

    Args:
        step: What the figures belong to (an epoch, an iteration, a time); optional.
        metrics: Named figures.

    Raises:
        NotInRun: Called outside a run.
        StaleAttempt: This attempt was given up and another one has started since; nothing was written.
        TypeError: A figure cannot be written as JSON.
        OSError: The file could not be written.
    """
    run_dir = os.path.dirname(_results_path())
    _refuse_stale(run_dir)
    line = codec.encode({"time": time.time(), "step": step, "metrics": metrics}) + "\n"
    fd = os.open(os.path.join(run_dir, METRICS_FILE), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)
    _ring()


def time_left_s() -> float | None:
    """Return the seconds until this attempt's time limit (negative when past it), None without a limit.

    Raises:
        ValueError: ``RUNSEMBLE_DEADLINE`` is set but is not a number.
    """
    deadline = os.environ.get("RUNSEMBLE_DEADLINE")
    return float(deadline) - time.time() if deadline else None


def write_results_text(target: str, text: str) -> None:
    """Write `text` to `target` so that a reader sees the whole of it or nothing of it."""
    write_whole(target, text.encode("utf-8", "surrogatepass"))


def write_whole(target: str, data: bytes) -> None:
    """Write `data` to `target` so that a reader sees the whole of it or nothing of it."""
    temporary = target + "." + str(os.getpid()) + ".tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        try:
            body = memoryview(data)
            while body:
                body = body[os.write(fd, body) :]
        finally:
            os.close(fd)
        os.rename(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _results_path() -> str:
    path = os.environ.get("RUNSEMBLE_RESULTS")
    if path:
        return path
    if "RUNSEMBLE_PARAMS" in os.environ or os.path.exists(PARAMS_FILE):
        return os.path.join(os.getcwd(), RESULTS_FILE)
    raise NotInRun(_NOT_IN_RUN.format(os.getcwd()))


def _refuse_stale(run_dir: str) -> None:
    """Raise StaleAttempt when the run directory belongs to a later attempt; only such a one leaves the marker."""
    mine = os.environ.get("RUNSEMBLE_ATTEMPT")
    if mine is None:
        return
    marker = os.path.join(run_dir, CURRENT_ATTEMPT_FILE)
    if not os.access(marker, os.F_OK):
        return
    with open(marker, encoding="ascii") as file:
        current = file.read().strip()
    if current != mine:
        raise StaleAttempt("attempt " + mine + " was replaced by attempt " + current + "; its result is not taken")


def _ring() -> None:
    """Tell the agent that there is something new to read; the file is the truth, so a silent bell costs only time."""
    bell = os.environ.get("RUNSEMBLE_BELL")
    if not bell:
        return
    try:
        fd = os.open(bell, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.write(fd, os.environ.get("RUNSEMBLE_RUN_KEY", "").encode() + b"\n")
    except OSError:
        pass
    finally:
        os.close(fd)
