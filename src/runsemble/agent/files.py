"""Writes all of it, or says why not."""

from __future__ import annotations

import os


def write_all(fd: int, data: bytes) -> None:
    """Write `data` to a descriptor, in as many pieces as the kernel takes.

    Raises:
        OSError: Not all of it could be written; a disk that fills up takes a part first.
    """
    while data:
        data = data[os.write(fd, data) :]


def write_file(path: bytes | str, data: bytes) -> None:
    """Write a new file, or replace the content of one.

    Raises:
        OSError: It could not be written whole; its ``filename`` is the path.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        write_all(fd, data)
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(fd)
