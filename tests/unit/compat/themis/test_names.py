"""The names of `themis`, and when they are imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from runsemble.compat import themis
from runsemble.compat.themis import resource, utils

THIRD_PARTY = ("numpy", "pandas", "yaml", "jinja2", "anyio", "tqdm")


def test_every_name_can_be_had() -> None:
    assert all(getattr(themis, name) is not None for name in dir(themis))
    assert set(themis.__all__) <= set(dir(themis))


def test_names_are_those_of_the_original() -> None:
    assert themis.__version__ == 1.2
    assert themis.Allocation is themis.resource.allocators.Allocation is themis.allocators.Allocation
    assert (themis.utils, themis.resource) == (utils, resource)
    assert themis.Step is utils.Step


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Sampler'"):
        _ = themis.Sampler


def test_the_import_loads_nothing_of_others() -> None:
    code = (
        "import sys\n"
        "from runsemble.compat import themis\n"
        "themis.Run, themis.utils, themis.Allocation, themis.prepper\n"
        "import runsemble.compat.themis.__main__\n"
        f"print([name for name in {THIRD_PARTY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
