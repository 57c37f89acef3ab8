"""The order of the tests, and servers that a process shares, started when a test first asks."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig.kafka import Kafka
from tests.rig.model import Model, train
from tests.rig.mongod import Mongod
from velox.base.machine import share_cores

if TYPE_CHECKING:
    from tests.rig.browser import Browser

# Several processes test at once: where threads of PyTorch spin they cost each other several times
# what they compute.
share_cores()

# Folders whose files wait more than they compute; some take a minute.
LONG = {"faults", "integration"}
LONG_END_AT = 0.6
# The first file that needs the trained checkpoint trains it, at once; the others need not wait.
TRAINED_AT = 0.4


def trains(item: pytest.Item) -> bool:
    """Whether a test takes the `checkpoint` of this file."""
    names = getattr(item, "fixturenames", ())
    return "checkpoint" in names and item.path.parent.name in LONG


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a parallel run, let files that wait run beside files that compute, and short ones last."""
    if not hasattr(config, "workerinput"):
        return
    here = Path(__file__).parent
    folders: dict[str, list[Path]] = {}
    for file in dict.fromkeys(item.path for item in items):
        folders.setdefault(file.relative_to(here).parts[0], []).append(file)
    moment = {
        file: number / len(files) * (LONG_END_AT if folder in LONG else 1)
        for folder, files in folders.items()
        for number, file in enumerate(files)
    }
    for number, file in enumerate(dict.fromkeys(item.path for item in items if trains(item))):
        moment[file] = min(number, 1) * TRAINED_AT
    items.sort(key=lambda item: moment[item.path])


@pytest.fixture(scope="session")
def kafka_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """One Kafka node for a process; tests take `kafka`."""
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
    """One mongod for a process; tests take `mongod`."""
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
def browsing() -> Iterator[Browser]:
    """One browser for a process; tests take `window`."""
    # Selenium with it, which most folders of tests do without.
    from tests.rig.browser import browser

    with browser() as opened:
        yield opened


@pytest.fixture
def window(browsing: Browser) -> Browser:
    """A window of a real browser that knows nothing of what other tests did in it."""
    browsing.anew()
    return browsing


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A checkpoint trained once for the whole run: the first process that needs it trains."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with (folder / "model.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        model = Model.within(folder / "trained")
        if not model.path.exists():
            train(model)
    return model


@pytest.fixture(scope="session")
def anything(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A checkpoint with random weights."""
    # PyTorch with it, which most folders of tests do without.
    from tests.rig.untrained import untrained

    return untrained(tmp_path_factory.mktemp("untrained"))
