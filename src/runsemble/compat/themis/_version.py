"""The version of Themis whose manners these are."""

from __future__ import annotations

__version__ = 1.2
