"""Servers that one run of the tests shares: each is started when a test first asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rig.kafka import Kafka
from tests.rig.model import Model, train
from tests.rig.mongod import Mongod


@pytest.fixture(scope="session")
def kafka_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """One Kafka node for the whole run; tests take `kafka`."""
    node = Kafka(tmp_path_factory.mktemp("kafka"))
    node.start()
    yield node
    node.ensure_running()
    node.stop()


@pytest.fixture
def kafka(kafka_node: Kafka) -> Iterator[Kafka]:
    """A real Kafka node; whatever a test does to it is undone afterwards."""
    kafka_node.ensure_running()
    yield kafka_node
    kafka_node.ensure_running()


@pytest.fixture(scope="session")
def mongod_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """One mongod for the whole run; tests take `mongod`."""
    node = Mongod(tmp_path_factory.mktemp("mongod"))
    node.start()
    yield node
    node.ensure_running()
    node.stop()


@pytest.fixture
def mongod(mongod_node: Mongod) -> Iterator[Mongod]:
    """A real mongod; whatever a test does to it is undone afterwards."""
    mongod_node.ensure_running()
    yield mongod_node
    mongod_node.ensure_running()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A checkpoint trained once for the whole run."""
    return train(tmp_path_factory.mktemp("model"))
