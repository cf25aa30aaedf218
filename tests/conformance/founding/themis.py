"""Names of LLNL's `themis`, typed from the founding system's public API documentation."""

from __future__ import annotations

from .notation import Attribute, Class, Method, Module

CREATE = (
    "(application=None, runs=None, run_parse=None, run_copy=None, run_symlink=None, run_dir_names=None, "
    "app_interface=None, setup_dir='./.themis_setup', max_restarts=0, max_failed_runs=None, "
    "app_is_batch_script=True, use_flux=False, abort_on=None)"
)
EXECUTE_LOCAL = "(blocking=False, timeout=None, parallelism=None, allow_multiple=False, max_concurrency=None)"
EXECUTE_ALLOC = (
    "(nodes=1, partition=None, bank=None, name='themis', timeout=None, repeats=0, parallelism=None, "
    "early_stop=None, allow_multiple=False, max_concurrency=None)"
)

# "Many attributes map directly to lrun, srun, and flux mini run arguments": the parameters are attributes.
DESCRIPTIONS = (
    Class(
        "Step",
        "(args, tasks=1, cores_per_task=1, gpus_per_task=0, timeout=0, batch_script=True, cwd='.')",
        members=(
            Attribute("args"),
            Attribute("tasks", "1"),
            Attribute("cores_per_task", "1"),
            Attribute("gpus_per_task", "0"),
            Attribute("timeout", "0"),
            Attribute("batch_script", "True"),
            Attribute("cwd", "'.'"),
        ),
        sample="(['/bin/true'])",
    ),
    Class(
        "CompositeRun",
        "(sample, steps)",
        members=(
            Attribute("sample"),
            Attribute("steps"),
        ),
    ),
    Class(
        "Run",
        "(sample=None, args=None, tasks=1, cores_per_task=1, gpus_per_task=0, timeout=0)",
        bases=("CompositeRun",),
        members=(
            Attribute("sample"),
            Attribute("args"),
            Attribute("tasks", "1"),
            Attribute("cores_per_task", "1"),
            Attribute("gpus_per_task", "0"),
            Attribute("timeout", "0"),
        ),
        sample="()",
    ),
    # The page says only: "describe the desired allocation with themis.Allocation".
    Class("Allocation"),
)

THEMIS = Class(
    "Themis",
    "(setup_dir='./.themis_setup')",
    members=(
        # Creating an ensemble
        Method("create", CREATE, binding="classmethod"),
        Method("create_overwrite", "(*args, **kwargs)", binding="classmethod"),
        Method("create_resume", "(*args, **kwargs)", binding="classmethod"),
        # Status
        Attribute("RUN_QUEUED"),
        Attribute("RUN_SUCCESS"),
        Attribute("RUN_FAILURE"),
        Attribute("RUN_ABORTED"),
        Attribute("RUN_KILLED"),
        Method("filter_by_status", "(*statuses)"),
        Method("count_by_status", "(*statuses)"),
        Method("progress", "()"),
        # Summaries
        Method("write_csv", "(stream)"),
        Method("write_yaml", "(stream)"),
        Method("write_json", "(stream)"),
        Method("as_dataframe", "(include_none=True)"),
        # Manipulating and adding runs
        Method("dequeue_runs", "(run_ids)"),
        Method("requeue_runs", "(run_ids, hard=False)"),
        Method("add_runs", "(runs)"),
        # Miscellaneous
        Method("run_dirs", "(nonexistent=False)"),
        Method("on_completion", "(args, cwd='.', stdout=None, stderr=None)"),
        # Executing
        Method("dry_run", "(*run_ids, **kwargs)", calls=("()", "(_, _, verbosity=_)")),
        Method("execute_local", EXECUTE_LOCAL),
        Method("execute_alloc", EXECUTE_ALLOC),
        # Utilities
        Method("exists", "(setup_dir='./.themis_setup')", binding="classmethod"),
        Method("clear", "(setup_dir='./.themis_setup')", binding="classmethod"),
        # Debugging
        Method("call_post_run", "(run_id)"),
        Method("call_post_ensemble", "()"),
        Method("call_prep_ensemble", "()"),
        Method("set_result", "(run_id, result)"),
    ),
)

NAMES = (Module("runsemble.compat.themis", (*DESCRIPTIONS, THEMIS)),)
