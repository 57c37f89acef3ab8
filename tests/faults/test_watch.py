"""A watched folder fills while its producer is killed: each file is in the topic once."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

import pytest

from tests.faults.tail import Tail
from tests.rig import settings
from tests.rig.kafka import Kafka
from tests.rig.pictures import encoded
from tests.rig.processes import Child, script
from tests.rig.waiting import eventually
from velox.producer.sources.arrivals import SETTLED_S

PARTITIONS = 3
LIMIT_S = 60.0
STOP_LIMIT_S = 60.0
# Files that wait to be sent at once at most, while processes are killed.
MOST_AHEAD = 100
FOLDERS = ("cat", "dog/puppies", "")


def content(number: int) -> bytes:
    """A picture of its own for each number, cheap enough for ten thousand of them."""
    return encoded(number % 50) + b"%d" % number


def name_of(number: int) -> str:
    return os.path.join("in", FOLDERS[number % len(FOLDERS)], f"{number}.jpg")


class Arriving:
    """Files that arrive in a folder as files do: in pieces, or renamed into place.

    Args:
        watching: where to.
        count: how many at least; more while it goes on, so that there is always something to send.

    Attributes:
        arrived: how many did.
        torn: names of those whose pieces lay so far apart that a part may count as complete.
    """

    def __init__(self, watching: Watching, count: int) -> None:
        self.root = watching.folder
        self.count = count
        self.arrived = 0
        self.torn: set[str] = set()
        self._watching = watching
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        for number in itertools.count():
            while self.arrived - journal_lines(self._watching) >= MOST_AHEAD:
                if self._enough.wait(0.01):
                    break
            if number >= self.count and self._enough.is_set():
                return
            path = self.root / name_of(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            data = content(number)
            if number % 2:
                path.with_suffix(".part").write_bytes(data)
                path.with_suffix(".part").rename(path)
            else:
                began = time.monotonic()
                with path.open("wb") as file:
                    file.write(data[:500])
                    file.flush()
                    os.fsync(file.fileno())
                    file.write(data[500:])
                if time.monotonic() - began > SETTLED_S / 2:
                    self.torn.add(name_of(number))
            self.arrived += 1

    @contextmanager
    def going_on(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._enough.set()
            self._thread.join()


class Watching:
    """Producers of one folder, one after the other."""

    def __init__(self, kafka: Kafka, folder: Path, **more: str) -> None:
        self.topic = f"images-{uuid.uuid4().hex[:8]}"
        self.folder = folder
        (folder / "in").mkdir()
        self._env = settings.producer(
            kafka.bootstrap, self.topic, KAFKA_PARTITIONS=PARTITIONS, SOURCE="watch:in", **more
        )
        self._runs = 0
        self._bootstrap = kafka.bootstrap

    def start(self) -> Child:
        self._runs += 1
        child = script("producer.py", env=self._env, log=self.folder / f"run-{self._runs}.log")
        child.wait_for_line("reading source=", LIMIT_S)
        return child

    def wait_until_ahead(self, wanted: int, child: Child) -> None:
        """Wait for so many records in the topic, more than the journal has lines."""
        with closing(Tail(self._bootstrap, self.topic, PARTITIONS)) as tail:

            def ahead() -> bool:
                tail.read_to_end(LIMIT_S)
                return len(tail.messages) > max(wanted, journal_lines(self))

            eventually(ahead, LIMIT_S * 5, lambda: f"images are sent: {child}", every=0.01)

    def records(self, torn: Collection[str]) -> Counter[str]:
        """How often each name is in the topic, but for those."""
        with closing(Tail(self._bootstrap, self.topic, PARTITIONS)) as tail:
            tail.read_to_end(LIMIT_S)
        found = [each for each in tail.messages if key(each.key()) not in torn]
        for each in found:
            assert each.value() == content(int(Path(key(each.key())).stem))
        return Counter(key(each.key()) for each in found)


def key(found: object) -> str:
    return cast(bytes, found).decode()


def journal_lines(watching: Watching) -> int:
    path = watching.folder / "in" / f".velox-sent-{watching.topic}"
    return path.read_bytes().count(b'"sent"') if path.exists() else 0


@pytest.mark.parametrize(
    ("count", "kills", "aside"),
    [
        (300, 2, True),
        pytest.param(10_000, 8, True, marks=pytest.mark.long),
        pytest.param(10_000, 8, False, marks=pytest.mark.long),
    ],
)
def test_none_is_lost_and_none_is_twice(
    count: int, kills: int, aside: bool, kafka: Kafka, tmp_path: Path
) -> None:
    more = {"WATCH_DONE": "done"} if aside else {}
    watching = Watching(kafka, tmp_path, **more)
    arriving = Arriving(watching, count)
    child = watching.start()
    with arriving.going_on():
        for number in range(kills):
            wanted = count * (number + 1) // (kills + 2)
            # In the midst of it: the topic holds what the journal does not tell of yet.
            watching.wait_until_ahead(wanted, child)
            child.signal(signal.SIGKILL)
            child.wait(STOP_LIMIT_S)
            child = watching.start()
    count = arriving.arrived
    expected = Counter({name_of(number) for number in range(count)} - arriving.torn)
    eventually(
        lambda: journal_lines(watching) >= count, LIMIT_S * 5, lambda: f"all are sent: {child}"
    )
    if aside:
        # What is noted as sent is moved after that.
        there = (tmp_path / "in").rglob
        eventually(lambda: not any(there("*.jpg")), LIMIT_S, lambda: f"all are moved: {child}")
    assert child.terminate(STOP_LIMIT_S) == 0, str(child)
    assert watching.records(arriving.torn) == expected
    left = {path.relative_to(tmp_path / "in") for path in (tmp_path / "in").rglob("*.jpg")}
    if aside:
        assert left == set()
        moved = {
            str("in" / path.relative_to(tmp_path / "done"))
            for path in (tmp_path / "done").rglob("*.jpg")
        }
        assert moved - arriving.torn == set(expected)
    else:
        assert len(left) == count

    child = watching.start()
    (tmp_path / "in/last.jpg").write_bytes(content(0))
    eventually(lambda: journal_lines(watching) > count, LIMIT_S, lambda: f"the last: {child}")
    assert child.terminate(STOP_LIMIT_S) == 0, str(child)
    assert "reading back" not in child.log, "the run before has ended well"
