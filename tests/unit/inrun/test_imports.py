import subprocess
import sys

import pytest

#: Modules that would cost a run milliseconds it has no use for.
DEAR = [
    "asyncio",
    "dataclasses",
    "importlib.metadata",
    "inspect",
    "logging",
    "pathlib",
    "pickle",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "typing",
]


def modules_after(statement: str) -> set[str]:
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.fixture(scope="module")
def bare() -> set[str]:
    return modules_after("")


@pytest.mark.parametrize(
    "statement",
    [
        "from runsemble.inrun import get_run_params",
        "import os; os.environ['RUNSEMBLE_PARAMS'] = '{}'; import runsemble.inrun as r; r.get_run_params()",
        "from runsemble import getRunParams",
        "import runsemble",
    ],
    ids=["import", "use", "facade", "package"],
)
def test_the_helpers_load_nothing_dear(statement: str, bare: set[str]) -> None:
    loaded = modules_after(statement) - bare
    assert "runsemble" in loaded
    assert loaded.isdisjoint(DEAR)


def test_the_helpers_load_of_the_package_only_what_they_need(bare: set[str]) -> None:
    ours = {name for name in modules_after("import runsemble.inrun") - bare if name.startswith("runsemble")}
    assert ours == {"runsemble", "runsemble._version", "runsemble.inrun", "runsemble.codec", "runsemble.errors"}
