"""Names of Karana's `Karana.KUtils.multirun`, typed from the founding system's public API documentation."""

from __future__ import annotations

from .notation import Attribute, Class, Data, Function, Method, Module, Property

MULTIRUN = "(*, runs, cmd, output_path=None, input_files=None, runner=None)"

NAMES = (
    Module(
        "runsemble.compat.karana",
        (
            Data("ParamValue"),
            Data("ParamMap"),
            Data("FileLinkage"),
            Data("RunStatus"),
            Function("displayStatus", "(runner)", is_async=True),
            Function("getRunParams", "()"),
            Function("postRunResults", "(results)"),
            Function("multirun", MULTIRUN),
            Function("multirunAsync", MULTIRUN, is_async=True),
            # The page prints no constructor, but lists the attributes of a dataclass, and says that a bare path "will
            # be converted to a FileResource with default attributes".
            Class(
                "FileResource",
                calls=("(_)", "(path=_, linkage=_, rename=_)"),
                members=(
                    Attribute("path"),
                    Attribute("linkage", "'shared'"),
                    Attribute("rename", "None"),
                    Property("name"),
                ),
                sample="('model.py')",
            ),
            # Somebody's own runner must be able to make one, so that `add` can return it.
            Class(
                "Run",
                calls=("()",),
                members=(
                    Attribute("task", "None"),
                    Attribute("status", "'pending'"),
                ),
                sample="()",
            ),
            Class(
                "AbstractRunner",
                bases=("abc.ABC",),
                members=(
                    Method("computeStatistics", "()", is_abstract=True),
                    Method("add", "(cmd, cwd=Path('.'))", is_abstract=True),
                    Method("gather", "()", is_abstract=True, is_async=True),
                ),
            ),
            Class(
                "RunStatistics",
                calls=("()",),
                members=(
                    Attribute("skipped_count", "0"),
                    Attribute("pending_count", "0"),
                    Attribute("running_count", "0"),
                    Attribute("success_count", "0"),
                    Attribute("failure_count", "0"),
                    Attribute("complete_count", "0"),
                    Attribute("total_count", "0"),
                ),
                sample="()",
            ),
            Class(
                "ParallelLocalRunner",
                "(*, max_parallel=4)",
                bases=("AbstractRunner",),
                members=(
                    Attribute("semaphore"),
                    Attribute("runs", "[]"),
                    Method("computeStatistics", "()"),
                    Method("add", "(cmd, cwd=Path('.'))"),
                    Method("gather", "()", is_async=True),
                ),
                sample="()",
            ),
        ),
    ),
)
