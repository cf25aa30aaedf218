"""The runs of an ensemble, as scripts ask for them below `Themis`."""

from __future__ import annotations

from runsemble.compat.themis._themis import Themis

#: The record of an ensemble is asked by the same methods as the ensemble itself.
EnsembleDatabase = Themis

__all__ = ["EnsembleDatabase"]
