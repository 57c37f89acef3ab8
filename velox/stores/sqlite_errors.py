"""What each error of SQLite means."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from velox.base.errors import StoreRefuses, StoreUnavailable, StoreUnclear, VeloxError
from velox.base.sink_errors import Table, Verdict, known_as, verdict_of

# A result code has its primary code in these bits.
PRIMARY_CODE = 0xFF

# Result codes of SQLite (https://www.sqlite.org/rescode.html): an extended one, which has its
# primary one in its last eight bits, wins over that.
SQLITE: Table = {
    **known_as(
        Verdict.NOT_NOW,
        {
            4: "SQLITE_ABORT",
            5: "SQLITE_BUSY",
            6: "SQLITE_LOCKED",
            7: "SQLITE_NOMEM",
            9: "SQLITE_INTERRUPT",
            10: "SQLITE_IOERR",
            13: "SQLITE_FULL",
            14: "SQLITE_CANTOPEN",
            15: "SQLITE_PROTOCOL",
            17: "SQLITE_SCHEMA",
        },
    ),
    **known_as(
        Verdict.NOT_THIS_ONE,
        {
            18: "SQLITE_TOOBIG",
            19: "SQLITE_CONSTRAINT",
            20: "SQLITE_MISMATCH",
        },
    ),
    **known_as(
        Verdict.NOT_AT_ALL,
        {
            1: "SQLITE_ERROR: for example a table that is missing or has other columns",
            3: "SQLITE_PERM",
            8: "SQLITE_READONLY",
            11: "SQLITE_CORRUPT",
            22: "SQLITE_NOLFS",
            23: "SQLITE_AUTH",
            24: "SQLITE_FORMAT",
            26: "SQLITE_NOTADB",
        },
    ),
}


def verdict(error: Exception) -> Verdict | None:
    """What an error of a write means; one of Python's own is of a value in a document."""
    if not isinstance(error, sqlite3.Error):
        return Verdict.NOT_THIS_ONE
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    return verdict_of(SQLITE, code) or verdict_of(SQLITE, code & PRIMARY_CODE)


def failure(store: str, path: Path, error: Exception) -> VeloxError:
    """What is raised for an error that says nothing of a document.

    Args:
        store: its name.
        path: its file.
        error: what SQLite raised.
    """
    text = f"{store}: {error}{hint(path)}"
    match verdict(error):
        case Verdict.NOT_AT_ALL:
            return StoreRefuses(
                f"{text}; repair the file in STORAGE_PATH, or move it away to start a new one"
            )
        case None:
            return StoreUnclear(text)
    return StoreUnavailable(text)


def hint(path: Path) -> str:
    """Which right to write a file is missing, if one is: SQLite does not say."""
    for place, mode in ((path.parent, os.W_OK | os.X_OK), (path, os.R_OK | os.W_OK)):
        if place.exists() and not os.access(place, mode, effective_ids=True):
            return f" (user {os.geteuid()} may not write to {place})"
    return ""
