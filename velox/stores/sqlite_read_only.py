"""Opening a SQLite file where nothing can be written: a read-only mount, a copy, a backup.

The file is in WAL mode, in which readers write too, to files beside it (`-wal`, `-shm`). Where
these are there, or can be made, SQLite reads as usual. Where not, nobody has it open who could
write (https://www.sqlite.org/wal.html, "Read-Only Databases"): without a WAL it is read as a file
that does not change, and one that was left with a WAL is read as a copy of both.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import ExitStack
from pathlib import Path

from velox.stores.sqlite_errors import PRIMARY_CODE

# SQLITE_READONLY and SQLITE_CANTOPEN: what SQLite says of a folder that it cannot write to.
_NOT_WRITABLE = (8, 14)


def opened(path: Path, timeout: float, until: ExitStack) -> sqlite3.Connection:
    """A connection in a transaction that sees the file as it is now, and changes nothing.

    Args:
        path: the file.
        timeout: seconds to wait for a lock.
        until: closes the connection, and removes what had to be copied.

    Raises:
        sqlite3.Error, OSError: when it cannot be read.
    """
    try:
        return _begun(path, "mode=ro", timeout, until)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE not in _NOT_WRITABLE:
            raise
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or not log.stat().st_size:
        return _begun(path, "mode=ro&immutable=1", timeout, until)
    folder = Path(until.enter_context(tempfile.TemporaryDirectory()))
    for each in (path, log):
        shutil.copyfile(each, folder / each.name)
    return _begun(folder / path.name, "mode=rw", timeout, until)


def _begun(path: Path, how: str, timeout: float, until: ExitStack) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=timeout)
    try:
        connection.execute("BEGIN")
        # SQLite opens the file at the first look.
        connection.execute("SELECT COUNT(*) FROM sqlite_master")
    except sqlite3.Error:
        connection.close()
        raise
    until.callback(connection.close)
    return connection
