"""The agent: a small process on every node that starts, watches and ends runs.

It needs nothing but a Python from 3.8 on and its standard library, and is started as ``python -I -S DIRECTORY serve``.
No module here imports anything of runsemble from outside this folder, so the folder can travel to a host where
runsemble is not installed. The driver imports `frames`, `protocol`, `inventory` and `place` from here.
"""
