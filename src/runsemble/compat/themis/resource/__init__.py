"""What Themis knows of schedulers."""

from __future__ import annotations

from runsemble.compat.themis.resource import allocators as allocators
