"""Spaces of parameters: where parameter sets come from, on the command line and in programs.

from runsemble.space import grid
result = await multirun(runs=grid(beta=[0.1, 0.2], gamma=[0.3, 0.4]), cmd=...)
"""

from runsemble.space.combine import Grid as Grid
from runsemble.space.combine import Zip as Zip
from runsemble.space.combine import grid as grid
from runsemble.space.combine import zipped as zipped
from runsemble.space.files import read_csv as read_csv
from runsemble.space.files import read_jsonl as read_jsonl
from runsemble.space.sample import loguniform as loguniform
from runsemble.space.sample import normal as normal
from runsemble.space.sample import sample as sample
from runsemble.space.sample import uniform as uniform
