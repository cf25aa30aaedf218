"""Where Themis has what runs an ensemble; here that is runsemble's own driver, which has no names for users."""

from __future__ import annotations
