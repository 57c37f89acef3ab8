"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that readers see its old content or its new one, even after a crash.

    The content goes to a temporary name in the same folder, reaches the disk, and is renamed.

    Raises:
        OSError: when it cannot be written, with its name; nothing is left behind.
    """
    try:
        _write(path, data)
    except OSError as error:
        # A full disk names no file, and a folder that refuses names the temporary one.
        error.filename, error.filename2 = str(path), None
        raise


def _write(path: Path, data: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            # mkstemp lets nobody else read, but other containers' users read shared volumes.
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
