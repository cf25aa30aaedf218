"""Names of `fyrd`, typed from the founding system's public API documentation.

fyrd is python-cluster under its later name, and the API page is python-cluster's. Here stand the names of that page
which fyrd kept, at the places where fyrd has them; its local queue and its configuration file were replaced.
"""

from __future__ import annotations

from .notation import Class, Data, Function, Method, Module

SUBMISSION = ("(_)", "(_, profile=_)")
JOB = Class("Job", calls=SUBMISSION, members=(Method("clean", calls=("()",)),))

NAMES = (
    Module(
        "runsemble.compat.fyrd",
        (
            Class("Queue", calls=("()",)),
            JOB,
            Function("get_cluster_environment", calls=("()",)),
            Function("wait", calls=("(_)",)),
            Function("check_queue"),
            Function("submit", calls=SUBMISSION),
            Function("submit_file", calls=("(_)",)),
            Function("make_job_file", calls=SUBMISSION),
            Function("clean", calls=("(_)",)),
            Function("clean_dir"),
            Function("option_help", calls=("()",)),
            Function("set_profile"),
            Function("get_profile"),
        ),
    ),
    Module("runsemble.compat.fyrd.queue"),
    Module("runsemble.compat.fyrd.job", (JOB,)),
    Module("runsemble.compat.fyrd.basic", (Function("make_job", calls=SUBMISSION),)),
    Module(
        "runsemble.compat.fyrd.options",
        (
            Function("option_help", calls=("()",)),
            Function("check_arguments", calls=("(_)",)),
            Function("options_to_string", calls=("(_)",)),
            Function("option_to_string", calls=("(_, _)",)),
        ),
    ),
    Module(
        "runsemble.compat.fyrd.conf",
        (
            Function("set_profile"),
            Function("get_profile"),
            Function("delete"),
            Function("get_config"),
        ),
    ),
    Module(
        "runsemble.compat.fyrd.logme",
        (
            Data("MIN_LEVEL"),
            Function("log"),
        ),
    ),
    Module(
        "runsemble.compat.fyrd.run",
        (
            Function("cmd"),
            Function("which"),
            Function("open_zipped"),
            Function("split_file"),
        ),
    ),
)
