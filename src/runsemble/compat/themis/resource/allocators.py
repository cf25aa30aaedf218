"""Where Themis has `Allocation`."""

from __future__ import annotations

from runsemble.compat.themis._allocation import Allocation

__all__ = ["Allocation"]
