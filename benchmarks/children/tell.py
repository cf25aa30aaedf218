"""How a child speaks to its experiment: one line of JSON at the end of its standard output."""

from __future__ import annotations

import json
import sys
import traceback
from types import TracebackType
from typing import Any


def arguments() -> dict[str, Any]:
    """Return what the experiment asks for."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    return given


def tell(**facts: Any) -> None:
    """Hand facts over."""
    print(json.dumps(facts), flush=True)


def _tell_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    tell(error="".join(traceback.format_exception(kind, error, trace)))


sys.excepthook = _tell_error
