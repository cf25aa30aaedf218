import ast
import sys
from pathlib import Path

import pytest

import runsemble.agent
from runsemble import codec

AGENT = Path(runsemble.agent.__path__[0])
FILES = [*sorted(AGENT.glob("*.py")), Path(codec.__file__)]


def imported_roots(tree: ast.AST) -> set[str]:
    """Return the top-level names of every absolute import."""
    roots: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            roots.add(node.module.split(".")[0])
    return roots


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_syntax_is_that_of_python_3_8(file: Path) -> None:
    assert ast.parse(file.read_text(), feature_version=(3, 8)).body


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_but_the_standard_library_is_imported(file: Path) -> None:
    allowed = sys.stdlib_module_names | {"runsemble_agent"}
    assert imported_roots(ast.parse(file.read_text())) <= allowed
