"""A run finds itself as if a plain shell had started it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess

from runsemble.testing.files import modes, read
from runsemble.testing.registry import any_runner, pooled_runner
from runsemble.testing.require import require_equal
from runsemble.testing.rig import Rig, python, sh
from runsemble.workdir.layout import PRIVATE

#: Writes the lines of ``/proc/PID/status`` that begin with ``Sig`` to ``$1``; in the shell's own words, since Python
#: would ignore signals of its own accord.
_TELL_SIGNALS = (
    "while read -r name value; do case $name in SigBlk:|SigIgn:|SigCgt:) echo $name $value;; esac; "
    'done < /proc/$$/status > "$1"'
)
_TELL_DESCRIPTORS = """
import json, os
def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
json.dump([fd for fd in range(1024) if is_open(fd)], open("seen", "w"))
"""
#: Signals 32 and 33, which the C library keeps for itself: whatever glibc's posix_spawn starts ignores them (so does
#: every child of GNU make's), no program can ask for or set how they are handled, and a thread library that uses them
#: sets them up anew. Source: glibc, sysdeps/unix/sysv/linux/spawni.c, `is_internal_signal`.
_INTERNAL = 0b11 << 31
#: Runs its arguments as a child of the shell's, and does something after that, so that it stays the parent.
_AS_CHILD = '"$@"; exit $?'


@any_runner
async def signals_are_handled_as_under_a_plain_shell(rig: Rig) -> None:
    """No signal is ignored, caught or blocked in a run that would not be in a child of a plain shell's."""
    runner = rig.make()
    runner.add(sh(_TELL_SIGNALS, "seen"), rig.directory)
    await runner.gather()
    wanted = await _under_a_shell(rig, sh(_TELL_SIGNALS, "wanted"), "wanted")
    require_equal("signals", _signal_sets(read(rig.directory, "seen")), _signal_sets(wanted))


@any_runner
async def only_the_standard_descriptors_are_open(rig: Rig) -> None:
    """A run finds descriptors 0, 1 and 2 and no other, not even those that the caller lets children inherit."""
    inheritable = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(inheritable, True)
    try:
        runner = rig.make()
        runner.add(python(_TELL_DESCRIPTORS), rig.directory)
        await runner.gather()
    finally:
        os.close(inheritable)
    require_equal("open descriptors", json.loads(read(rig.directory, "seen")), [0, 1, 2])


@any_runner
async def the_umask_is_the_callers(rig: Rig) -> None:
    """Files that a run makes are as open to others as if a plain shell had made them."""
    before = os.umask(0o026)
    try:
        runner = rig.make()
        runner.add(sh("umask > seen; : > file"), rig.directory)
        await runner.gather()
        wanted = await _under_a_shell(rig, sh("umask > wanted"), "wanted")
    finally:
        os.umask(before)
    require_equal("umask", read(rig.directory, "seen"), wanted)
    require_equal("mode of a new file", list(modes(rig.directory / "file").values()), [0o640])


@pooled_runner
async def the_umask_holds_for_what_is_made_for_a_run(rig: Rig) -> None:
    """Run directories, parameter files and outputs are as open to others as the caller's umask says.

    What runsemble keeps there for itself is closed to them.
    """
    before = os.umask(0o027)
    try:
        result = await rig.study(rig.make_pooled(), [{"x": 1}], sh("exit 0"))
    finally:
        os.umask(before)
    directory = result[0].run_dir
    found = modes(result.output_path, directory)
    wanted = {path: 0o750 if path in (directory, result.output_path) else 0o640 for path in found}
    wanted[os.path.join(result.output_path, PRIVATE)] = 0o700
    require_equal("modes", found, wanted)


@pooled_runner
async def standard_input_is_empty(rig: Rig) -> None:
    """A run that reads its standard input finds the end of it, and takes nothing from the caller's."""
    runner = rig.make_pooled()
    run = runner.add(sh("read _ && exit 1; exit 0"), rig.directory)
    await runner.gather()
    require_equal("return code of a run that reads to the end", run.returncode, 0)


def _signal_sets(told: str) -> dict[str, str]:
    lines = (line.split() for line in told.splitlines())
    return {name: f"{int(value, 16) & ~_INTERNAL:016x}" for name, value in lines}


async def _under_a_shell(rig: Rig, cmd: list[str], name: str) -> str:
    argv = [*sh(_AS_CHILD), *cmd]
    await asyncio.to_thread(subprocess.run, argv, cwd=rig.directory, check=True, restore_signals=True)
    return read(rig.directory, name)
