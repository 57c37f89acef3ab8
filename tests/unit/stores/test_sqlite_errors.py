"""The table of SQLite's errors."""

import sqlite3

import pytest

from velox.stores.sqlite_errors import SQLITE


@pytest.mark.parametrize("code", sorted(SQLITE))
def test_codes_of_sqlite_are_those_of_its_library(code: int) -> None:
    name = SQLITE[code].name.partition(":")[0]
    assert getattr(sqlite3, name) == code
