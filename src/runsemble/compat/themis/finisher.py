"""Where Themis has what follows the steps of a run; here `post_run` is a step of the run itself."""

from __future__ import annotations

#: What `post_run` returns to say that its run has failed.
FAILED = 1e99

__all__ = ["FAILED"]
