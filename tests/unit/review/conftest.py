"""A store of images for review, and the parts of the page on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from velox.stores.sqlite_verdicts import SQLiteVerdicts


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteVerdicts]:
    made = SQLiteVerdicts(tmp_path / "store" / "review.db")
    made.open()
    with closing(made):
        yield made
