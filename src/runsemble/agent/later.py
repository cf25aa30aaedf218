"""Modules that are imported when something of theirs is first used.

Few agents need them, and each costs whatever is forked from an agent: `shutil` brings three libraries along, to pack
and unpack archives.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import shutil
    from typing import Any
else:

    class _Later:
        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, name: str) -> Any:
            return getattr(__import__(self._name), name)

    shutil = _Later("shutil")

__all__ = ["shutil"]
