"""Runs on real GPUs of NVIDIA's, which are seen as CUDA's own driver library shows them."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from runsemble import ParallelLocalRunner, UsageError, multirun
from runsemble.agent import inventory
from runsemble.nodes.checkup import check_gpus


def _list_gpus() -> list[str]:
    """Return the UUIDs of the GPUs that NVIDIA's own tool lists, nothing where there are none, or parts of them."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    done = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=60, check=False)
    return [] if "MIG" in done.stdout else re.findall(r"UUID: (GPU-[0-9a-f-]+)", done.stdout)


LISTED = _list_gpus()
pytestmark = pytest.mark.skipif(not LISTED, reason="no GPU of NVIDIA's on this machine")

#: CUDA_ERROR_NO_DEVICE of cuda.h.
NO_DEVICE = 100


@pytest.fixture(autouse=True)
def no_gpu_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in inventory.VISIBLE_DEVICES.values():
        monkeypatch.delenv(variable, raising=False)


def use_gpus(hold_s: float) -> dict[str, Any]:
    """Allocate memory on every GPU that CUDA shows to this process, and hold it for a while.

    Return what came of the initialisation (`CUresult` of cuda.h), the UUIDs, when they were held, monotonic, and the
    ids that were granted.
    """
    import ctypes
    import os
    import time
    import uuid

    cuda = ctypes.CDLL("libcuda.so.1")
    status, count, seen = cuda.cuInit(0), ctypes.c_int(), []
    began = time.monotonic()
    if status == 0:
        assert cuda.cuDeviceGetCount(ctypes.byref(count)) == 0
    for ordinal in range(count.value):
        device, context, memory = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_uint64()
        name = (ctypes.c_ubyte * 16)()
        assert cuda.cuDeviceGet(ctypes.byref(device), ordinal) == 0
        assert cuda.cuDeviceGetUuid(ctypes.byref(name), device) == 0
        assert cuda.cuCtxCreate_v2(ctypes.byref(context), 0, device) == 0
        assert cuda.cuMemAlloc_v2(ctypes.byref(memory), ctypes.c_size_t(1 << 20)) == 0
        seen.append(f"GPU-{uuid.UUID(bytes=bytes(name))}")
    time.sleep(hold_s)
    granted = os.environ.get("RUNSEMBLE_GPUS", "").split(",")
    return {"status": status, "gpus": seen, "began": began, "ended": time.monotonic(), "granted": granted}


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """Return a program that prints what `use_gpus` returns."""
    path = tmp_path / "use_gpus.py"
    calls = "import json\nfrom typing import Any\n\nprint(json.dumps(use_gpus(0.3)))\n"
    path.write_text("from __future__ import annotations\n\n" + inspect.getsource(use_gpus) + calls)
    return [sys.executable, str(path)]


def test_those_are_found_that_the_tool_lists() -> None:
    vendor, gpus = inventory.usable_gpus()
    assert (vendor, gpus) == ("nvidia", [str(index) for index in range(len(LISTED))])
    assert check_gpus().found == f"nvidia: {', '.join(gpus)}"


async def test_each_run_has_the_gpu_that_it_was_granted_and_nobody_else_has(tmp_path: Path, command: list[str]) -> None:
    result = await multirun(
        runs=[{"i": i} for i in range(2 * len(LISTED) + 1)],
        cmd=command,
        gpus=1,
        runner=ParallelLocalRunner(max_parallel=2 * len(LISTED) + 1),
        output_path=tmp_path / "out",
        progress=False,
    )
    result.raise_for_failures()
    told = [json.loads(run.read_stdout()) for run in result]
    for one in told:
        assert one["gpus"] == [LISTED[int(gpu)] for gpu in one["granted"]]
        assert len(one["gpus"]) == 1
    for gpu in LISTED:
        held = sorted((one["began"], one["ended"]) for one in told if one["gpus"] == [gpu])
        assert held, f"nobody was given {gpu}"
        assert all(first[1] <= second[0] for first, second in pairwise(held))


async def test_a_run_that_asks_for_all_gpus_sees_all(tmp_path: Path, command: list[str]) -> None:
    result = await multirun(runs=[{}], cmd=command, gpus=len(LISTED), output_path=tmp_path / "out", progress=False)
    assert sorted(json.loads(result[0].read_stdout())["gpus"]) == sorted(LISTED)


async def test_a_run_that_asks_for_none_sees_none(tmp_path: Path, command: list[str]) -> None:
    async with ParallelLocalRunner(gpus=len(LISTED)) as runner:
        result = await multirun(runs=[{}], cmd=command, runner=runner, output_path=tmp_path / "out", progress=False)
    told = json.loads(result[0].read_stdout())
    assert (told["status"], told["gpus"]) == (NO_DEVICE, [])


async def test_what_is_hidden_from_the_driver_is_given_to_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UsageError, match=r"1 GPU, but this runner has .* 0 GPUs"):
        await multirun(runs=[{}], cmd=["true"], gpus=1, output_path=tmp_path / "out", progress=False)


async def test_more_gpus_than_there_are_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"{len(LISTED) + 1} GPUs, but this runner has .* {len(LISTED)} GPU"):
        await multirun(runs=[{}], cmd=["true"], gpus=len(LISTED) + 1, output_path=tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


async def test_a_function_uses_the_gpu_of_its_call(tmp_path: Path) -> None:
    result = await multirun(
        runs=[{"hold_s": 0.0}] * 3, cmd=use_gpus, gpus=1, output_path=tmp_path / "out", progress=False
    )
    result.raise_for_failures()
    for run in result:
        assert run.result["gpus"] == [LISTED[int(gpu)] for gpu in run.result["granted"]]
        assert len(run.result["gpus"]) == 1


def test_a_module_that_opens_a_gpu_at_import_is_not_forked(tmp_path: Path) -> None:
    module = "from __future__ import annotations\n\nfrom typing import Any\n\n\n" + inspect.getsource(use_gpus)
    module += "\n\nOPENED = use_gpus(0.0)['gpus']\n\n\ndef again(i):\n    return [OPENED, use_gpus(0.0)['gpus']]\n"
    (tmp_path / "opens_gpu.py").write_text(module)
    script = (
        "from opens_gpu import again\n"
        "from runsemble import multirun_sync\n\n"
        "result = multirun_sync(runs=[{'i': 0}, {'i': 1}], cmd=again, gpus=1, output_path='out')\n"
        "result.raise_for_failures()\n"
        "print([run.result for run in result])\n"
    )
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "opened a GPU when it was imported, so each call gets a fresh interpreter" in done.stderr
    for opened, seen in json.loads(done.stdout.replace("'", '"')):
        assert opened == seen
        assert len(seen) == 1
