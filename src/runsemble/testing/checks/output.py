"""What runs write is kept as asked for, and never stops them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runsemble.model.files import TAIL_BYTES
from runsemble.runners.pooled import PooledRunner
from runsemble.testing.files import contents, sizes
from runsemble.testing.registry import any_runner, pooled_runner
from runsemble.testing.require import require, require_equal
from runsemble.testing.rig import Rig, python, sh

_BLOCK = 65_536
_BLOCKS = 160  #: 10 MiB

_WRITE_MUCH = f"""
import os
for _ in range({_BLOCKS}):
    for fd in (1, 2):
        block = b"x" * {_BLOCK}
        while block:
            block = block[os.write(fd, block):]
"""


@any_runner
async def ten_megabytes_of_output_stop_nobody(rig: Rig) -> None:
    """A run may write 10 MB to each of its streams, without anybody reading them, and ends."""
    runner = rig.make()
    with _caught_output(rig.new_path()):
        runs = [runner.add(python(_WRITE_MUCH), rig.new_dir()) for _ in range(2)]
        await runner.gather()
    require_equal("statuses", [run.status for run in runs], ["success"] * 2)
    runner = rig.make()
    if isinstance(runner, PooledRunner):
        result = await rig.study(runner, [{}], python(_WRITE_MUCH))
        require_equal("status", result[0].status, "success")
        found = sizes(result[0].stdout, result[0].stderr)
        require_equal("sizes of stdout and stderr", found, [_BLOCK * _BLOCKS] * 2)


@pooled_runner
async def output_is_kept_as_asked_for(rig: Rig) -> None:
    """`output` says whether streams are kept apart, together, as a tail, or not at all."""
    script = "printf out; printf err >&2"
    runner = rig.make_pooled()
    async with runner:
        files = (await rig.study(runner, [{}], sh(script), output="files"))[0]
        merged = (await rig.study(runner, [{}], sh(script), output="merged"))[0]
        tail = (await rig.study(runner, [{}], sh(script), output="tail"))[0]
        nothing = (await rig.study(runner, [{}], sh(script), output="discard"))[0]
        long = await runner.add(python(_WRITE_MUCH), rig.directory, output="tail")
    require_equal("files", (files.read_stdout(), files.read_stderr()), (b"out", b"err"))
    require_equal("merged", (merged.read_stdout(), merged.stdout), (b"outerr", merged.stderr))
    require_equal("tail", (tail.read_stdout(), tail.stdout), (b"outerr", None))
    require_equal("discarded", nothing.stdout, None)
    require_equal("length of a tail", len(long.read_stdout()), TAIL_BYTES)
    kept = contents(nothing.run_dir).keys()
    require(not kept & {"stdout", "stderr", "output"}, f"discarded output left {sorted(kept)}")


@contextmanager
def _caught_output(path: Path) -> Iterator[None]:
    """Let what runs inherit as their streams be a file, so that nobody's terminal is flooded."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(fd) for fd in (1, 2)]
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        for fd in (1, 2):
            os.dup2(file, fd)
        yield
    finally:
        for fd, old in zip((1, 2), saved, strict=True):
            os.dup2(old, fd)
            os.close(old)
        os.close(file)
