"""Hands in one batch job per sample: still to come."""

from __future__ import annotations

import sys
from typing import Any

_TO_COME = "laf comes with runsemble's support of batch queues: until then, use an ensemble with execute_local"


class BatchSubmitter:
    """Hands in one batch job per sample.

    Raises:
        NotImplementedError: Always: batch queues come with the Queues work.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(_TO_COME)


def main() -> int:
    """Say that it is still to come; return the exit status."""
    sys.stderr.write(f"NotImplementedError: {_TO_COME}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
