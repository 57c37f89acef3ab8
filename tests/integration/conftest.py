"""What the tests of the MongoDB store share."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig.mongod import Mongod


@pytest.fixture
def server(mongod: Mongod) -> Mongod:
    """The node of `database`; a file of tests may have another."""
    return mongod


@pytest.fixture
def database(server: Mongod) -> Iterator[Any]:
    """A database of the test's own, as a bystander sees it."""
    with server.client() as client:
        yield client[f"db-{uuid.uuid4().hex[:8]}"]
