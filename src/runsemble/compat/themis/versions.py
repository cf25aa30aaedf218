"""The version of Themis whose names these are."""

from __future__ import annotations

from runsemble.compat.themis._version import __version__

__all__ = ["__version__"]
