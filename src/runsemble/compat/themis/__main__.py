"""The command `themis`."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from runsemble.compat.themis._handlers import (
    NoSetup,
    handle_add_composite_command,
    handle_add_subcommand,
    handle_completion_subcommand,
    handle_create_comp_subcommand,
    handle_create_subcommand,
    handle_display_subcommand,
    handle_dryrun_subcommand,
    handle_execute_alloc_subcommand,
    handle_execute_local_subcommand,
    handle_kill_subcommand,
    handle_post_subcommand,
    handle_progress_subcommand,
    handle_requeue_subcommand,
    handle_rundir_subcommand,
    handle_runtime_collect,
    handle_runtime_parse,
    handle_status_subcommand,
    handle_write_subcommand,
)
from runsemble.compat.themis._parser import setup_parsers

__all__ = [
    "handle_add_composite_command",
    "handle_add_subcommand",
    "handle_completion_subcommand",
    "handle_create_comp_subcommand",
    "handle_create_subcommand",
    "handle_display_subcommand",
    "handle_dryrun_subcommand",
    "handle_execute_alloc_subcommand",
    "handle_execute_local_subcommand",
    "handle_kill_subcommand",
    "handle_post_subcommand",
    "handle_progress_subcommand",
    "handle_requeue_subcommand",
    "handle_rundir_subcommand",
    "handle_runtime_collect",
    "handle_runtime_parse",
    "handle_status_subcommand",
    "handle_write_subcommand",
    "main",
    "setup_parsers",
]


def main(argv: Sequence[str] | None = None) -> int:
    """Do what was typed; return the exit code: 0, or 1 after an error, which is named on the standard error.

    Args:
        argv: The arguments; those of the process when None.

    Raises:
        SystemExit: With 2, the arguments make no sense; with 0, help was asked for.
    """
    parser = setup_parsers()
    args = parser.parse_args(argv)
    if not hasattr(args, "handler"):
        parser.print_usage(sys.stdout)
        return 0
    try:
        args.handler(args)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if args.verbose:
            traceback.print_exc()
        sys.stderr.write(_complaint(error) + "\n")
        return 1
    return 0


def _complaint(error: Exception) -> str:
    """Return "TypeName: message", where the type is one that Python has, if it is based on one."""
    if isinstance(error, NoSetup):
        return str(error)
    known = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
    kind = type(error) if known in (Exception, BaseException) else known
    return f"{kind.__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
