"""Options that several sub-commands of the command line share."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError

from runsemble.compat.themis._records import STATUS_WORDS

#: For whoever gives many paths, so that the positional arguments after them are not taken for more of them.
BEFORE_POSITIONALS = "Where an option takes several values, put `--` between the last of them and what follows."


def add_creation_options(parser: ArgumentParser) -> None:
    """Add what describes an ensemble as a whole."""
    parser.add_argument(
        "--flux", nargs="?", const=True, default=False, metavar="FLUX_PATH", help="use Flux, from a path if given"
    )
    parser.add_argument(
        "--max-restarts", type=int, default=0, metavar="N", help="how often a run is tried again; -1: without limit"
    )
    parser.add_argument(
        "--max-failed-runs", type=int, metavar="N", help="stop when more runs than this have failed; default: never"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an ensemble that exists")
    parser.add_argument("--interface", help=SUPPRESS)
    parser.add_argument(
        "-r", "--run-dir-names", metavar="FORMATSTRING", help="directories of the runs, such as 'runs/x={x}'"
    )
    parser.add_argument(
        "--parse", nargs="+", dest="run_parse", metavar="FILE", help="text files whose tokens are filled in for a run"
    )
    parser.add_argument(
        "--symlink", nargs="+", dest="run_symlink", metavar="PATH", help="what is linked into run directories"
    )
    parser.add_argument(
        "--copy", nargs="+", dest="run_copy", metavar="PATH", help="what is copied into run directories"
    )
    parser.add_argument(
        "--abort-on", nargs="+", type=int, metavar="INT", help="exit codes after which a run is not tried again"
    )


def add_run_options(parser: ArgumentParser) -> None:
    """Add what describes runs of one program."""
    parser.add_argument("-a", "--args", help="the arguments of the program, as one text")
    parser.add_argument("-n", "--ntasks", type=int, default=1, metavar="N", help="processes of a run")
    parser.add_argument("-c", "--cores-per-task", type=int, default=1, metavar="N", help="cores for each of them")
    parser.add_argument("-g", "--gpus-per-task", type=int, default=0, metavar="N", help="GPUs for each of them")
    parser.add_argument(
        "--vary-all",
        action="store_true",
        help="take these from the columns args, tasks, cores_per_task, gpus_per_task of the parameter file",
    )


def add_execution_options(parser: ArgumentParser) -> None:
    """Add what describes an execution anywhere."""
    parser.add_argument("--allow-multiple", action="store_true", help="even while another execution is under way")
    parser.add_argument("--parallel", type=int, metavar="N", help="let N workers start the runs")
    parser.add_argument("--max-concurrency", type=int, metavar="N", help="most runs at the same time; default: 100")


def add_verbose(parser: ArgumentParser) -> None:
    """Add ``-v``, which counts before the sub-command as well as after it."""
    parser.add_argument("-v", "--verbose", action="count", default=SUPPRESS, help="say more")


def add_run_ids(parser: ArgumentParser, nargs: str) -> None:
    """Add numbers of runs."""
    parser.add_argument("run_ids", nargs=nargs, type=int, metavar="ID", help="the number of a run")


def status_word(text: str) -> str:
    """Return the word for a status, whatever its case.

    Raises:
        ArgumentTypeError: It is none.
    """
    if text.lower() not in STATUS_WORDS:
        raise ArgumentTypeError(f"invalid choice: {text!r} (choose from {', '.join(map(repr, STATUS_WORDS))})")
    return text.lower()
