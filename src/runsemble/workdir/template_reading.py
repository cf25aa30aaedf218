"""Reads a template file."""

from __future__ import annotations

import os
import stat

from runsemble.errors import TemplateError
from runsemble.model.text import quote, why_no_bytes

#: Largest file that is taken for a template, in bytes: it travels to the agent with every run.
MAX_BYTES = 16 * 2**20


def read_template(path: str, shown: str) -> tuple[bytes, int]:
    """Return what is in a template file, and its permission bits.

    Raises:
        TemplateError: It cannot be read, is too large, or binary; `missing` says whether it is not there.
    """
    if problem := why_no_bytes(path):
        raise TemplateError(f"template {quote(shown)} cannot be read: its path {problem}", missing=True)
    try:
        with open(path, "rb") as file:
            info = os.fstat(file.fileno())
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError)
        raise TemplateError(f"template {shown} cannot be read: {error.strerror} ({path})", missing=is_missing) from None
    if len(raw) > MAX_BYTES:
        raise TemplateError(f"template {shown} has more than {MAX_BYTES >> 20} MiB; use an input file instead")
    if b"\0" in raw:
        raise TemplateError(f"template {shown} is a binary file; use an input file instead")
    return raw, stat.S_IMODE(info.st_mode)
