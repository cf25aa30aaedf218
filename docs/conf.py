"""How Sphinx builds the documentation: `make docs`."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

from runsemble import __version__

project = "runsemble"
author = "The runsemble developers"
copyright = "the runsemble developers"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click", "sphinx_copybutton"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "runsemble"
html_static_path = ["_static"]
html_css_files = ["runsemble.css"]

myst_enable_extensions = ["deflist", "fieldlist"]
myst_heading_anchors = 3

default_role = "code"  # docstrings set names in single backticks
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_use_type_comments = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Source", "notes_style")]
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
copybutton_prompt_text = "$ "
smartquotes_action = "q"  # quotes only: two dashes are an option, not a dash

#: A block with its mark, as tests/system/test_docs.py reads it: GitHub shows neither, and here one can see both.
MARKED = re.compile(r"^<!-- (?:file: (?P<file>\S+)|(?P<output>output)) -->\n+```(?P<language>\w+)\n", re.M)


def show_marks(app: Sphinx, page: str, source: list[str]) -> None:
    """Turn the mark of a file into the caption of its block, that of output into a class of it."""
    source[0] = MARKED.sub(_as_directive, source[0])


def _as_directive(block: re.Match[str]) -> str:
    option = f":caption: {block['file']}" if block["file"] else ":class: output"
    return f"```{{code-block}} {block['language']}\n{option}\n\n"


def setup(app: Sphinx) -> None:
    """Hook into Sphinx."""
    app.connect("source-read", show_marks)
