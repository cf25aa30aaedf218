"""Names that the package itself carries under their founding spelling."""

from __future__ import annotations

from .notation import Function, Module

NAMES = (
    Module(
        "runsemble",
        (
            Function("getRunParams", "()"),
            Function("postRunResults", "(results)"),
        ),
    ),
)
