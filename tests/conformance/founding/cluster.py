"""Names of python-cluster's `cluster`, typed from the founding system's public API documentation.

The page lists names and describes them in prose; signatures are left to docstrings that it does not print. What the
prose says about calling them stands in `calls`.
"""

from __future__ import annotations

from .notation import Class, Data, Function, Method, Module

# "Profiles can then be called with the `profile=` keyword in any submission function or Job class"; a submission
# takes "as little as a single command".
SUBMISSION = ("(_)", "(_, profile=_)")

# Named both as `cluster.Job` and as the Job of `job.py`.
JOB = Class("Job", calls=SUBMISSION, members=(Method("clean", calls=("()",)),))

NAMES = (
    Module(
        "runsemble.compat.cluster",
        (
            Class("Queue", calls=("()",)),
            JOB,
            Function("submit", calls=SUBMISSION),
        ),
    ),
    Module(
        "runsemble.compat.cluster.queue",
        (
            Function("get_cluster_environment", calls=("()",)),
            Function("wait", calls=("(_)",)),
            Function("check_queue"),
        ),
    ),
    Module(
        "runsemble.compat.cluster.job",
        (
            JOB,
            Function("submit_file", calls=("(_)",)),
            Function("make_job", calls=SUBMISSION),
            Function("make_job_file", calls=SUBMISSION),
            Function("clean", calls=("(_)",)),
            Function("clean_dir"),
        ),
    ),
    Module(
        "runsemble.compat.cluster.options",
        (
            Function("option_help", calls=("()",)),
            Function("check_arguments", calls=("(_)",)),
            Function("options_to_string", calls=("(_)",)),
            Function("option_to_string", calls=("(_, _)",)),
        ),
    ),
    Module(
        "runsemble.compat.cluster.config_file",
        (
            Class("Profile", calls=("(_)",), members=(Method("write", calls=("()",)),)),
            Function("get"),
            Function("set"),
            Function("set_profile"),
            Function("get_profile"),
            Function("delete"),
            Function("get_config"),
        ),
    ),
    Module(
        "runsemble.compat.cluster.jobqueue",
        (
            Data("JQUEUE"),
            Class("JobQueue"),
            Class("Job"),
            Function("job_runner"),
        ),
    ),
    Module(
        "runsemble.compat.cluster.logme",
        (
            Data("MIN_LEVEL"),
            Function("log"),
        ),
    ),
    Module(
        "runsemble.compat.cluster.run",
        (
            Function("cmd"),
            Function("which"),
            Function("open_zipped"),
            Function("split_file"),
        ),
    ),
)
