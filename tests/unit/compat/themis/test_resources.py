"""Resource managers and allocations, as section 5.5 of the specification has them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runsemble.compat.themis import _surroundings
from runsemble.compat.themis._managers import (
    FOR_BATCH_SCRIPTS,
    FOR_ENSEMBLES,
    Manager,
    Surroundings,
    check_manager,
    detect_manager,
)
from runsemble.compat.themis._prefixes import Client, launch_prefix
from runsemble.compat.themis._runs import Step
from runsemble.compat.themis._scripts import allocation_script, parse_job_id, submit_argv, under_flux
from runsemble.compat.themis.resource import allocators
from runsemble.compat.themis.resource.allocators import Allocation
from runsemble.errors import RunsembleError, UsageError

FORCED = "RUNSEMBLE_THEMIS_MANAGER"
STEP = Step("/bin/app", tasks=4, cores_per_task=2, gpus_per_task=1, timeout=5)


# Allocations


def test_an_allocation_is_shown_without_its_repeats() -> None:
    assert repr(Allocation()) == "Allocation(nodes=1, partition=None, bank=None, name='themis', timeout=None)"
    assert repr(Allocation(2, "p", "b", "n", 3.5, 4)) == (
        "Allocation(nodes=2, partition='p', bank='b', name='n', timeout=3.5)"
    )
    assert Allocation(repeats=-1).repeats == -1
    assert allocators.Allocation is Allocation


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"nodes": 0}, ValueError, "nodes should be at least 1"),
        ({"timeout": -1}, ValueError, "timeout should be at least 0"),
        ({"nodes": "3"}, TypeError, ""),
        ({"nodes": None}, TypeError, ""),
        ({"timeout": "a"}, TypeError, ""),
        ({"partition": 3}, TypeError, "Expected a type in (<class 'str'>, <class 'NoneType'>), got <class 'int'>"),
        ({"bank": 3}, TypeError, "Expected a type in (<class 'str'>, <class 'NoneType'>), got <class 'int'>"),
        ({"name": None}, TypeError, "Expected a type in (<class 'str'>,), got <class 'NoneType'>"),
    ],
)
def test_an_allocation_that_makes_no_sense_is_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        Allocation(**arguments)
    assert message in str(caught.value)


# Detection


def around(
    programs: str = "",
    environ: Mapping[str, str] | None = None,
    *,
    platform: str = "linux",
    cray: bool = False,
    flux_answers: bool = False,
) -> Surroundings:
    there = programs.split()
    return Surroundings(
        platform=platform,
        environ=environ or {},
        which=lambda program: f"/usr/bin/{program}" if program in there else None,
        exists=lambda path: cray and path == "/opt/cray",
        flux_answers=lambda: flux_answers,
    )


@pytest.mark.parametrize(
    ("seen", "manager"),
    [
        (around(), "none"),
        (around(platform="darwin"), "none"),
        (around("srun sbatch flux", platform="darwin", flux_answers=True), "none"),
        (around("bsub jsrun", platform="win32"), "none"),
        (around("srun sbatch", {"SYS_TYPE": "x"}, platform="darwin"), "slurm"),
        (around("srun sbatch"), "slurm"),
        (around("srun"), "none"),
        (around("sbatch"), "none"),
        (around("", {"SYS_TYPE": "toss_4_x86_64"}), "slurm"),
        (around("srun sbatch", cray=True), "lanl-slurm"),
        (around("", {"SYS_TYPE": "toss_4"}, cray=True), "lanl-slurm"),
        (around("", cray=True), "none"),
        (around("bsub jsrun"), "lsf"),
        (around("bsub"), "none"),
        (around("", {"SYS_TYPE": "blueos_3_ppc64le"}), "lsf"),
        (around("srun sbatch bsub jsrun"), "slurm"),
        (around("", {"FLUX_URI": "local:///run/flux"}), "flux"),
        (around("flux", flux_answers=True), "flux"),
        (around("flux", flux_answers=False), "none"),
        (around("", flux_answers=True), "none"),
        (around("bsub jsrun", {"FLUX_URI": "x"}), "lsf"),
    ],
)
def test_the_manager_is_the_first_there_is_a_sign_of(seen: Surroundings, manager: str) -> None:
    assert detect_manager(seen) == manager


@pytest.mark.parametrize("manager", FOR_ENSEMBLES)
def test_what_is_forced_counts_whatever_there_is(manager: str) -> None:
    assert detect_manager(around("srun sbatch"), manager) == manager
    assert detect_manager(around("srun sbatch", {FORCED: manager})) == manager


def test_the_argument_wins_over_the_environment() -> None:
    assert detect_manager(around("", {FORCED: "lsf"}), "none") == "none"
    assert detect_manager(around("srun sbatch", {FORCED: ""})) == "slurm"


@pytest.mark.parametrize("name", ["pbs", "moab", "sbatch", "None", ""])
def test_what_is_no_manager_of_ensembles_is_a_value_error(name: str) -> None:
    with pytest.raises(ValueError, match="No resource manager recognized by") as caught:
        detect_manager(around(), name)
    assert str(caught.value) == f"No resource manager recognized by '{name}'"


def test_batch_scripts_have_managers_of_their_own() -> None:
    assert [check_manager(name, FOR_BATCH_SCRIPTS) for name in FOR_BATCH_SCRIPTS] == list(FOR_BATCH_SCRIPTS)
    with pytest.raises(ValueError, match="recognized by 'flux'"):
        check_manager("flux", FOR_BATCH_SCRIPTS)


@pytest.mark.parametrize(("code", "answers"), [(0, True), (1, False)])
def test_flux_is_asked_whether_it_has_resources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, answers: bool
) -> None:
    flux = tmp_path / "flux"
    flux.write_text(f'#!/bin/sh\n[ "$*" = "resource list" ] && exit {code}\nexit 9\n')
    flux.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    seen = _surroundings.look_around()
    assert seen.which("flux") == str(flux)
    assert seen.flux_answers() is answers


def test_a_machine_without_flux_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _surroundings.look_around().flux_answers() is False


# Launch prefixes


@pytest.mark.parametrize(
    ("manager", "application", "batch_script"),
    [
        (
            "slurm",
            "srun --exclusive -n 4 -c 2 --gpus-per-task=1 -t 5",
            "srun --exclusive -n1 -c1 -N1 -t 5",
        ),
        ("lanl-slurm", "srun --exclusive --gres=craynetwork:0 -n 4 -c 2 --gpus-per-task=1 -t 5", ""),
        ("lsf", "lrun --pack -n 4 -c 2 -g 1", "lrun --pack -n 4 -c 2 -g 1"),
        ("flux", "flux run -n 4 -c 2 -g 1 -t 5m", "flux alloc -n 4 -c 2 -g 1 -t 5m"),
        ("none", "", ""),
    ],
)
def test_a_step_is_started_by_the_manager(manager: Manager, application: str, batch_script: str) -> None:
    assert " ".join(launch_prefix(manager, STEP, as_batch_script=False)) == application
    assert " ".join(launch_prefix(manager, STEP, as_batch_script=True)) == batch_script


def test_clients_with_a_plugin_or_of_an_older_kind_are_worded_differently() -> None:
    client = Client(has_mpibind=True, flux="/opt/flux", is_old_flux=True)
    start = "srun --exclusive --mpibind=off "
    assert " ".join(launch_prefix("slurm", STEP, as_batch_script=False, client=client)).startswith(start + "-n 4")
    assert " ".join(launch_prefix("slurm", STEP, as_batch_script=True, client=client)).startswith(start + "-n1")
    found = launch_prefix("flux", STEP, as_batch_script=False, client=client)
    assert found[:4] == ["/opt/flux", "mini", "run", "-n"]


@pytest.mark.parametrize(
    ("manager", "words"),
    [
        ("slurm", "srun --exclusive"),
        ("lanl-slurm", "srun --exclusive --gres=craynetwork:0"),
        ("lsf", "lrun --pack"),
        ("flux", "flux run"),
        ("none", ""),
    ],
)
@pytest.mark.parametrize("number", [0, -1])
def test_numbers_that_are_not_above_zero_are_left_out(manager: Manager, words: str, number: int) -> None:
    step = Step("x", tasks=number, cores_per_task=number, gpus_per_task=number, timeout=number)
    assert " ".join(launch_prefix(manager, step, as_batch_script=False)) == words


# Allocation scripts

WHOLE = Allocation(nodes=3, partition="pdebug", bank="wbronze", name="my study", timeout=90.5)


def test_a_script_for_slurm_asks_for_what_is_given() -> None:
    assert allocation_script("slurm", WHOLE, "/x y/execution_1", ["/usr/bin/python", "-m", "a b"]) == (
        "#!/bin/bash\n"
        "#SBATCH -J 'my study'\n"
        "#SBATCH -N 3\n"
        "#SBATCH --exclusive\n"
        "#SBATCH -A wbronze\n"
        "#SBATCH -p pdebug\n"
        "#SBATCH -t 91\n"
        "cd '/x y/execution_1'\n"
        "/usr/bin/python -m 'a b' >> themis_backend.log 2>&1\n"
        "wait\n"
    )


def test_a_script_for_slurm_is_silent_on_what_is_not_given() -> None:
    script = allocation_script("lanl-slurm", Allocation(timeout=0), "/x", ["c"])
    assert script.splitlines()[1:4] == ["#SBATCH -J themis", "#SBATCH -N 1", "#SBATCH --exclusive"]
    assert script.count("#SBATCH") == 3


def test_a_script_for_lsf_asks_for_what_is_given() -> None:
    assert allocation_script("lsf", WHOLE, "/x", ["c"]).splitlines() == [
        "#!/bin/bash",
        "#BSUB -J 'my study'",
        "#BSUB -nnodes 3",
        "#BSUB -G wbronze",
        "#BSUB -q pdebug",
        "#BSUB -W 91",
        "cd /x",
        "c >> themis_backend.log 2>&1",
        "wait",
    ]


def test_a_script_for_flux_asks_for_what_is_given() -> None:
    assert allocation_script("flux", WHOLE, "/x", ["c"]).splitlines()[1:6] == [
        "#flux: --job-name='my study'",
        "#flux: -N 3",
        "#flux: --bank=wbronze",
        "#flux: --queue=pdebug",
        "#flux: -t 91m",
    ]


def test_a_script_for_this_machine_asks_for_nothing_and_is_a_script() -> None:
    script = allocation_script("none", WHOLE, "/", ["printf", "%s", "a b;c"])
    assert "#SBATCH" not in script
    assert subprocess.run(["/bin/bash", "-n"], input=script, text=True, check=False).returncode == 0


@pytest.mark.parametrize("manager", ["slurm", "lsf", "flux"])
def test_a_name_with_a_line_end_is_refused(manager: Manager) -> None:
    with pytest.raises(UsageError, match="stands on one line"):
        allocation_script(manager, Allocation(bank="x\nrm -rf /"), "/", ["c"])


@pytest.mark.parametrize(
    ("manager", "argv", "is_stdin"),
    [
        ("slurm", ["sbatch", "s"], False),
        ("lanl-slurm", ["sbatch", "s"], False),
        ("sbatch", ["sbatch", "s"], False),
        ("moab", ["msub", "s"], False),
        ("lsf", ["bsub"], True),
        ("flux", ["flux", "batch", "s"], False),
        ("none", ["/bin/bash", "s"], False),
    ],
)
def test_a_script_is_handed_in(manager: Manager, argv: list[str], is_stdin: bool) -> None:
    assert submit_argv(manager, "s") == (argv, is_stdin)


@pytest.mark.parametrize(
    ("manager", "output", "job_id"),
    [
        ("slurm", "Submitted batch job 4242\n", "4242"),
        ("lsf", "Job <123> is submitted to queue <pdebug>.\n", "123"),
        ("moab", "\n987\n", "987"),
        ("flux", "ƒ2UxYk\n", "ƒ2UxYk"),
    ],
)
def test_the_job_is_known_by_what_the_client_printed(manager: Manager, output: str, job_id: str) -> None:
    assert parse_job_id(manager, output) == job_id


@pytest.mark.parametrize(("manager", "output"), [("slurm", " \n"), ("lsf", "Job is submitted")])
def test_a_client_that_names_no_job_is_an_error(manager: Manager, output: str) -> None:
    with pytest.raises(RunsembleError, match="named no job"):
        parse_job_id(manager, output)


def test_flux_is_started_within_another_manager() -> None:
    assert under_flux("slurm", "/flux", ["c"]) == ["srun", "--ntasks-per-node=1", "/flux", "start", "c"]
    assert under_flux("lsf", "flux", ["c"], has_mpibind=True) == ["lrun", "-T1", "--mpibind=off", "flux", "start", "c"]
    assert under_flux("none", "flux", ["c"]) == ["flux", "start", "c"]
