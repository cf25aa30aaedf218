"""Holds every module of the package to the layer diagram: a folder imports only from lower ones."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

PACKAGE = "runsemble"
ROOT = Path(__file__).parents[2] / "src" / PACKAGE

#: Where each folder (or file beside them) stands. Between two folders of one layer nothing is imported.
LAYERS = {
    "__main__": 7,
    "cli": 6,
    "web": 6,
    "compat": 6,
    "testing": 6,
    "pipeline": 5,
    "user_utils": 5,
    "ensemble": 4,
    "batch": 4,
    "runners": 3,
    "store": 3,
    "display": 2,
    "space": 2,
    "nodes": 2,
    "launch": 2,
    "workdir": 2,
    "sched": 1,
    "model": 0,
    "closing": 0,
    "meanwhile": 0,
    "agent": -1,
    "inrun": -1,
    "codec": -2,
    "errors": -2,
    "_version": -2,
}

#: At the bottom it is not enough to be lower: these import, of ours, what is listed here.
ONLY: dict[str, frozenset[str]] = {
    "model": frozenset({"errors", "codec", "_version"}),
    "inrun": frozenset({"codec", "errors"}),
    "errors": frozenset(),
    "agent": frozenset(),
    "codec": frozenset(),
    "_version": frozenset(),
}

#: These run where nothing else is installed, so what is not ours must be in the standard library.
STDLIB_ONLY = frozenset({"agent", "inrun", "codec", "_version"})

#: What the facade may load at import time; everything else it imports lazily or under TYPE_CHECKING.
EAGER_IN_FACADE = frozenset({"_version", "codec"})

#: Exceptions: (file within the package, what it imports) -> the reason. One that nobody needs any more fails.
ALLOWED: dict[tuple[str, str], str] = {
    ("agent/__main__.py", "runsemble_agent"): (
        "the agent's own folder: run as a script it has no package, so it registers itself under this name"
    ),
    ("inrun/failures.py", "cloudpickle"): (
        "carries what the driver alone can import; where it is not installed, an exception is described instead"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One imported thing, with relative imports resolved."""

    line: int
    name: str  #: absolute and dotted
    relative: bool
    eager: bool  #: executed when the module is imported


@dataclass(frozen=True, slots=True, kw_only=True)
class Offence:
    """One import that the diagram forbids."""

    file: str  #: within the package
    line: int
    importer: str
    imported: str
    why: str

    def __str__(self) -> str:
        return f"src/{PACKAGE}/{self.file}:{self.line}: {self.importer} imports {self.imported} ({self.why})"


def home_of(file: str) -> str:
    """Return the folder of a file, the file's own name when it lies beside the folders, or the package's name."""
    path = PurePosixPath(file)
    first = path.parts[0].removesuffix(".py")
    return PACKAGE if first == "__init__" else first


def find_imports(file: str, text: str) -> Iterator[Import]:
    """Yield every import of a module, wherever in the file it stands."""
    path = PurePosixPath(file)
    package = (PACKAGE, *path.parts[:-1])

    def names_of(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            return
        start = package[: len(package) - node.level + 1] if node.level else ()
        base = ".".join((*start, *((node.module,) if node.module else ())))
        if base == PACKAGE:  # `from runsemble import codec`: the name tells which folder is meant
            yield from (f"{base}.{alias.name}" for alias in node.names)
        else:
            yield base

    def walk(node: ast.AST, eager: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            relative = isinstance(node, ast.ImportFrom) and node.level > 0
            for name in names_of(node):
                yield Import(line=node.lineno, name=name, relative=relative, eager=eager)
            return
        parts: list[tuple[Iterable[ast.AST], bool]]
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            parts = [(node.body, False), (node.orelse, eager)]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts = [(node.body, False)]
        else:
            parts = [(ast.iter_child_nodes(node), eager)]
        for nodes, is_eager in parts:
            for child in nodes:
                yield from walk(child, is_eager)

    yield from walk(ast.parse(text, filename=file), True)


def objection(importer: str, found: Import) -> str | None:
    """Say why a module of the folder `importer` may not import this, None when it may."""
    top, _, rest = found.name.partition(".")
    if top != PACKAGE:
        if found.relative:
            return "beyond the package"
        foreign = importer in STDLIB_ONLY and top not in sys.stdlib_module_names
        return "not in the standard library" if foreign else None
    imported = rest.partition(".")[0]
    if imported not in LAYERS:
        return "no folder in the layer table; a name is imported from its home, not from the facade"
    if importer == PACKAGE:
        return "at import time" if found.eager and imported not in EAGER_IN_FACADE else None
    if importer == imported:
        by_full_name = importer == "agent" and not found.relative
        return "by its full name, under which the shipped agent is not known" if by_full_name else None
    below = imported in ONLY[importer] if importer in ONLY else LAYERS[imported] < LAYERS[importer]
    if below:
        return None
    if LAYERS[imported] < LAYERS[importer]:
        return "lower, but not on its list"
    return "sideways" if LAYERS[imported] == LAYERS[importer] else "upwards"


def find_offences(file: str, text: str) -> list[Offence]:
    """Return what a module imports against the diagram, declared exceptions included."""
    importer = home_of(file)
    if importer != PACKAGE and importer not in LAYERS:
        why = "it has no place in the layer table: give it one in LAYERS"
        return [Offence(file=file, line=1, importer=importer, imported="anything", why=why)]
    offences = []
    for found in find_imports(file, text):
        why_not = objection(importer, found)
        if why_not is not None:
            top, _, rest = found.name.partition(".")
            imported = (rest.partition(".")[0] or top) if top == PACKAGE else top
            offences.append(Offence(file=file, line=found.line, importer=importer, imported=imported, why=why_not))
    return offences


def offences_of_the_package() -> list[Offence]:
    files = sorted(path for path in ROOT.rglob("*.py"))
    assert files, f"no module found under {ROOT}"
    return [
        offence
        for path in files
        for offence in find_offences(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    ]


def test_every_module_imports_only_from_lower_layers() -> None:
    forbidden = [str(one) for one in offences_of_the_package() if (one.file, one.imported) not in ALLOWED]
    assert not forbidden, "imports against the layer diagram:\n" + "\n".join(forbidden)


def test_every_folder_has_a_place_in_the_layer_table() -> None:
    there = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"}
    there |= {home_of(path.name) for path in ROOT.glob("*.py")} - {PACKAGE}
    assert not there - LAYERS.keys(), "not in LAYERS yet"


def test_every_declared_exception_is_still_needed() -> None:
    needed = {(offence.file, offence.imported) for offence in offences_of_the_package()}
    assert not ALLOWED.keys() - needed, "take these out of ALLOWED"
    assert all(ALLOWED.values()), "an exception needs a reason"


LAZY = "if TYPE_CHECKING:\n    from runsemble.ensemble import Ensemble\n\ndef f():\n    import runsemble.cli.main\n"


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("runners/x.py", "\nfrom runsemble.ensemble import hooks\n", ":2: runners imports ensemble (upwards)"),
        ("runners/x.py", "import runsemble.store.writer\n", ":1: runners imports store (sideways)"),
        ("runners/x.py", "from ..ensemble.driver import drive\n", ":1: runners imports ensemble (upwards)"),
        ("runners/deep/x.py", "from ...ensemble import driver\n", ":1: runners imports ensemble (upwards)"),
        ("runners/__init__.py", "from .. import ensemble\n", ":1: runners imports ensemble (upwards)"),
        ("sched/x.py", "def f():\n    from runsemble import nodes\n", ":2: sched imports nodes (upwards)"),
        ("sched/x.py", "if TYPE_CHECKING:\n    import runsemble.nodes\n", ":2: sched imports nodes (upwards)"),
        ("sched/x.py", "try:\n    pass\nexcept E:\n    import runsemble.nodes\n", ":4: sched imports nodes (upwards)"),
        ("errors.py", "from runsemble.model import status\n", ":1: errors imports model (upwards)"),
        ("errors.py", "from runsemble.agent import frames\n", ":1: errors imports agent (upwards)"),
        ("model/x.py", "from runsemble import inrun\n", ":1: model imports inrun (lower, but not on its list)"),
        ("agent/x.py", "from .. import codec\n", ":1: agent imports codec (lower, but not on its list)"),
        ("agent/x.py", "from runsemble.agent import proc\n", ":1: agent imports agent (by its full name"),
        ("agent/x.py", "import anyio\n", ":1: agent imports anyio (not in the standard library)"),
        ("inrun/__init__.py", "import click.core\n", ":1: inrun imports click (not in the standard library)"),
        ("inrun/__init__.py", "from runsemble.model import X\n", ":1: inrun imports model (upwards)"),
        ("codec.py", "from runsemble import errors\n", ":1: codec imports errors (sideways)"),
        ("cli/x.py", "from runsemble import multirun\n", ":1: cli imports multirun (no folder in the layer table"),
        ("cli/x.py", "import runsemble\n", ":1: cli imports runsemble (no folder in the layer table"),
        ("cli/x.py", "import runsemble.newer.thing\n", ":1: cli imports newer (no folder in the layer table"),
        ("cli/x.py", "from ...tests import helper\n", ":1: cli imports tests (beyond the package)"),
        ("newer/x.py", "", ":1: newer imports anything (it has no place in the layer table"),
        ("__init__.py", "from .runners import multirun\n", ":1: runsemble imports runners (at import time)"),
        ("__init__.py", "class A:\n    import runsemble.cli\n", ":2: runsemble imports cli (at import time)"),
    ],
)
def test_a_forbidden_import_is_reported_with_file_and_line(file: str, text: str, complaint: str) -> None:
    (offence,) = find_offences(file, text)
    assert str(offence).startswith(f"src/runsemble/{file}{complaint}")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("__init__.py", "from ._version import __version__\n" + LAZY),
        ("cli/x.py", "from runsemble.pipeline import Link\nfrom . import common\nimport click\n"),
        ("compat/karana.py", "from ..runners import local\nfrom ..inrun import report\n"),
        ("runners/x.py", "import runsemble.runners.pool\nfrom runsemble.agent import frames\nimport anyio\n"),
        ("inrun/__init__.py", "from runsemble.errors import NotInRun\nfrom runsemble import codec\n"),
        ("model/x.py", "from runsemble import codec, errors\nfrom .status import Cause\n"),
        (
            "inrun/x.py",
            "from __future__ import annotations\nimport os.path\nfrom runsemble import codec\nfrom . import y\n",
        ),
        ("agent/x.py", "import os\nfrom . import proc\nfrom .frames import pack\n"),
    ],
)
def test_an_import_from_below_is_accepted(file: str, text: str) -> None:
    assert find_offences(file, text) == []
