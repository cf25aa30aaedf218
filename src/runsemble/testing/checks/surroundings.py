"""Arguments, environment, directory: what a run is given arrives as it is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from runsemble.runners.pooled import PooledRunner
from runsemble.testing.registry import any_runner
from runsemble.testing.require import require, require_equal
from runsemble.testing.rig import Rig, python

#: Text that shells, splitters, decoders and templates stumble over.
AWKWARD = (
    "", " ", "two words", "'single' \"double\" `back`", "$HOME ${HOME} $(id)", "new\nline", "tab\tand\rreturn", "*",
    "?", "~", "-n", "--", "#", ";", "&&", "|", "\\", "\\n", "{", "}", "{ }", "{}", "%s", "a=b", "é ∂ 漢",
    "\udcff\udcfe\udc80",
    "\x01\x1b[31m", "x" * 100_000,
)  # fmt: skip

#: Writes a file of the run's own in /proc to the file ``seen``.
_COPY_PROC = "import sys; open('seen', 'wb').write(open('/proc/self/' + sys.argv[1], 'rb').read())"
_TELL_DIRECTORY = "import os; open('seen', 'wb').write(os.getcwdb())"

#: What a runner may add to the environment, or change in it.
_OURS = ("PATH", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
#: What the readline library adds to the environment of a process, unseen by `os.environ`.
_READLINES = ("COLUMNS", "LINES")


@any_runner
async def argv_arrives_byte_for_byte(rig: Rig) -> None:
    """Every argument arrives as it is: empty, with blanks, quotes, newlines, or no UTF-8."""
    runner = rig.make()
    cmd = [*python(_COPY_PROC, "cmdline"), *AWKWARD]
    runner.add(cmd, rig.directory)
    await runner.gather()
    seen = (rig.directory / "seen").read_bytes().split(b"\0")
    require_equal("arguments", seen, [*map(os.fsencode, cmd), b""])


@any_runner
async def env_arrives_byte_for_byte(rig: Rig) -> None:
    """Every variable that `multirun` is asked to set arrives as it is."""
    wanted = {f"AWKWARD_{at}": text for at, text in enumerate(AWKWARD) if text not in ("{}",)}
    result = await rig.study(rig.make(), [{}], python(_COPY_PROC, "environ"), env=wanted)
    require_equal("status", result[0].status, "success")
    _require_env("set by multirun", _read_env(Path(result[0].run_dir)), wanted)
    runner = rig.make()
    if isinstance(runner, PooledRunner):
        runner.add(python(_COPY_PROC, "environ"), rig.directory, env=wanted)
        await runner.gather()
        _require_env("set by add", _read_env(rig.directory), wanted)


@any_runner
async def the_rest_of_the_environment_is_the_callers(rig: Rig) -> None:
    """A run sees the caller's environment, but for what its grant and its identity add to it."""
    with _variables({b"CHECK_BYTES": b"\xff\xfe\n'", b"CHECK_EMPTY": b"", b"check_lower": b"x", b"PWD": b"/nowhere"}):
        caller = dict(os.environb)
        runner = rig.make()
        runner.add(python(_COPY_PROC, "environ"), rig.directory)
        await runner.gather()
    seen = _read_env(rig.directory)
    for name, value in caller.items():
        if name.decode() not in _OURS and not name.startswith(b"RUNSEMBLE_"):
            require_equal(f"variable {name!r}", seen.get(name), value)
    extra = {name.decode() for name in seen.keys() - caller.keys() if not name.startswith(b"RUNSEMBLE_")}
    require(extra <= {*_OURS, *_READLINES}, f"variables nobody asked for: {sorted(extra)}")
    path = caller.get(b"PATH", os.defpath.encode())
    require(
        seen.get(b"PATH", path).endswith(path), f"PATH: found {seen.get(b'PATH')!r}, wanted it to end with {path!r}"
    )


@any_runner
async def a_changed_environment_reaches_later_runs(rig: Rig) -> None:
    """A run sees the environment that the caller has when it adds the run, not that of an earlier one."""
    runner = rig.make()
    for value in (b"before", b"after"):
        with _variables({b"CHECK_CHANGES": value}):
            runner.add(python(_COPY_PROC, "environ"), rig.directory)
            await runner.gather()
        require_equal("variable", _read_env(rig.directory).get(b"CHECK_CHANGES"), value)


@any_runner
async def a_run_starts_in_its_directory(rig: Rig) -> None:
    """A run's current directory is the one it was given, whatever its name."""
    runner = rig.make()
    names = [name for name in AWKWARD if 0 < len(name) < 200]
    directories = [rig.directory / ("d" + name) for name in names]
    for directory in directories:
        directory.mkdir()
        runner.add(python(_TELL_DIRECTORY), directory)
    await runner.gather()
    for directory in directories:
        seen = directory / "seen"
        require(seen.exists(), f"nothing was run in {os.fsencode(directory)!r}")
        require_equal("directory", seen.read_bytes(), os.fsencode(directory.resolve()))


def _read_env(directory: Path) -> dict[bytes, bytes]:
    entries = (directory / "seen").read_bytes().split(b"\0")
    return {name: value for name, _, value in (entry.partition(b"=") for entry in entries if entry)}


def _require_env(where: str, seen: Mapping[bytes, bytes], wanted: Mapping[str, str]) -> None:
    for name, value in wanted.items():
        require_equal(f"{name} {where}", seen.get(os.fsencode(name)), os.fsencode(value))


@contextmanager
def _variables(added: Mapping[bytes, bytes]) -> Iterator[None]:
    before = {name: os.environb.get(name) for name in added}
    os.environb.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environb[name]
            else:
                os.environb[name] = value
