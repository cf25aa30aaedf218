"""Where things lie: the output directory of a study and the run directories in it."""

from __future__ import annotations

import os
import time

from runsemble.errors import DirectoryError
from runsemble.model.text import quote, why_no_bytes

#: Holds the one copy of every input with ``linkage="shared"``.
SHARED = ".shared"
#: How the names of the files begin that hold the record of a study.
RECORD = "runsemble.db"
#: Holds what is neither record nor output of a study.
PRIVATE = ".runsemble"
#: First parts that no name of a run directory may have.
_TAKEN = ("", "..", SHARED, PRIVATE)
#: Within that, where runs put their results that are to leave nothing in their directories.
POSTS = "posts"
#: Runs that lie side by side where nobody chose names; those after them lie in directories of `SHARD` each.
FLAT = 10_000
SHARD = 1_000
_NAME_MAX = 255
_SHORT = 60


def default_name(run: int) -> str:
    """Return what a run's directory is called, seen from the study's, where nobody chose a name.

    That depends on nothing but the id of the run, so that it stays as it is however many follow: ``7``, ``9999``, then
    ``10000/10000``, ``12000/12345``.
    """
    return str(run) if run < FLAT else f"{run - run % SHARD}/{run}"


def run_of_default_name(name: str) -> int | None:
    """Return the id of the run whose directory `default_name` calls so; None if there is none."""
    last = name.rpartition("/")[2]
    if not (last.isascii() and last.isdecimal()):
        return None
    run = int(last)
    return run if default_name(run) == name else None


def run_directory(output_path: str, run: int, name: str | None) -> str:
    """Return the directory of a run, absolute.

    Args:
        output_path: The study's.
        run: Its id.
        name: What is written down of its name, seen from the study's; None: it is called as nobody chose.
    """
    return os.path.join(output_path, name or default_name(run))


def posts_of(output_path: str) -> str:
    """Return where the runs of a study put their results that are to leave nothing in their directories."""
    return os.path.join(output_path, PRIVATE, POSTS)


def post_of(output_path: str, run: int) -> str:
    """Return where a result lies that is not, or not any more, in the directory of its run."""
    return os.path.join(posts_of(output_path), f"{run}.json")


def default_output_path(now_s: float) -> str:
    """Return the name of an output directory for a study that starts at `now_s` (UTC epoch), in local time."""
    return "multirun-" + time.strftime("%Y%m%d-%H%M%S", time.localtime(now_s))


def output_path_of(name: str | os.PathLike[str] | None, submit_dir: str) -> str:
    """Return the absolute path of an output directory, of one named after the time when `name` is None."""
    chosen = os.fspath(name) if name is not None else default_output_path(time.time())
    return os.path.normpath(os.path.join(submit_dir, chosen))


def make_output_directory(path: str, *, is_named: bool) -> str:
    """Make the output directory of a study, which must be new, and return its path.

    Args:
        path: Absolute path.
        is_named: The user chose the name; else a number is added to one that is taken.

    Raises:
        DirectoryError: It exists already, or cannot be made.
    """
    wanted = path
    tries = 1 if is_named else 100
    for number in range(1, tries + 1):
        try:
            os.makedirs(os.path.dirname(wanted), exist_ok=True)
            os.mkdir(path)
            break
        except FileExistsError as error:
            if not os.path.lexists(path):  # something on the way there is no directory
                raise DirectoryError(f"output directory {path} cannot be made: {error.filename} is a file") from error
            if number == tries:
                raise DirectoryError(why_exists(path)) from None
            path = f"{wanted}-{number + 1}"
        except OSError as error:
            raise DirectoryError(f"output directory {path} cannot be made: {error.strerror}") from error
    return path


def why_exists(path: str) -> str:
    """Word what is wrong with an output directory that is there already."""
    return f"output directory {path} exists already; give another output_path (-o), or remove it"


def current_directory() -> str:
    """Return the caller's directory.

    Raises:
        DirectoryError: It has been removed.
    """
    try:
        return os.getcwd()
    except OSError:
        raise DirectoryError("the current directory does not exist any more; change to another one") from None


class RunDirectories:
    """Gives out run directories inside one output directory, each to one run only."""

    def __init__(self, output_path: str) -> None:
        self.output_path = output_path
        self._taken: set[str] = set()
        self._parents: set[str] = set()

    def claim(self, name: str, run: int, is_unique: bool) -> str:
        """Return the absolute directory called `name`, for run number `run`.

        Args:
            name: Path relative to the output directory.
            run: For the error.
            is_unique: The name holds the run's id, so that it need not be remembered.

        Raises:
            DirectoryError: It leaves the output directory, cannot be a name, or belongs to another run.
        """
        if is_unique and name.isalnum() and len(name) < _SHORT:  # the common case needs no closer look
            return self.output_path + "/" + name
        clean = os.path.normpath(name)
        parts = clean.split("/")
        if not name or clean == "." or os.path.isabs(clean) or parts[0] in _TAKEN or parts[0].startswith(RECORD):
            raise DirectoryError(
                f"runs[{run}]: run_dir gives {quote(name)}, which is no directory inside {self.output_path}"
            )
        problem = why_no_bytes(name)
        if problem:
            raise DirectoryError(f"runs[{run}]: run_dir gives a name that {problem}")
        if any(len(os.fsencode(part)) > _NAME_MAX for part in parts):
            raise DirectoryError(
                f"runs[{run}]: run_dir gives {quote(name)}, which is too long: a name has at most {_NAME_MAX} bytes"
            )
        if not is_unique:
            self._remember(clean, name, run)
        return os.path.join(self.output_path, clean)

    def claim_anywhere(self, path: str, run: int) -> str:
        """Return a directory, absolute, for run number `run`, wherever that is; others may lie in it.

        Raises:
            DirectoryError: It belongs to another run, or cannot be a name.
        """
        clean = os.path.normpath(os.path.join(self.output_path, path))
        problem = why_no_bytes(clean)
        if problem:
            raise DirectoryError(f"runs[{run}]: run_dir gives a name that {problem}")
        if clean in self._taken:
            raise DirectoryError(f"runs[{run}]: run_dir gives {quote(path)}, which is another run's directory")
        self._taken.add(clean)
        return clean

    def _remember(self, clean: str, name: str, run: int) -> None:
        above = []
        parent = os.path.dirname(clean)
        while parent:
            above.append(parent)
            parent = os.path.dirname(parent)
        if clean in self._taken or clean in self._parents or not self._taken.isdisjoint(above):
            raise DirectoryError(
                f"runs[{run}]: run_dir gives {quote(name)}, which is (or lies in) another run's directory; "
                "add {run_id} to run_dir, or more of the parameters"
            )
        self._taken.add(clean)
        self._parents.update(above)
