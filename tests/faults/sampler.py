"""The sampler: while a test runs, no committed offset may pass a record that is not durable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from pymongo.errors import PyMongoError

from tests.faults.oracle import READ_LIMIT_S, Oracle, document_id, origin
from tests.faults.tail import Place, Tail, place

Accounted = Callable[[], Collection[Place]]

SAMPLE_EVERY_S = 0.1
ANSWER_TIMEOUT_S = 1.0


class Sampler:
    """Looks again and again in a thread of its own.

    What is durable only grows, so the committed offsets are read first and what is durable after
    them: a record below a committed offset that is not found then was never durable in time. While
    the broker or the database is away, a look tells nothing and is not counted.

    Args:
        oracle: of the topic and group to watch.
        accounted: the places of records that are accounted for in another way; asked only of what
            is neither a document nor a dead letter.

    Attributes:
        looks: how many told something.
        violations: what must not have been, in words.
    """

    def __init__(self, oracle: Oracle, accounted: Accounted = lambda: ()) -> None:
        self._oracle = oracle
        self._accounted = accounted
        self.looks = 0
        self.violations: list[str] = []
        self._failure: BaseException | None = None
        self._verified = dict.fromkeys(range(oracle.partitions), 0)
        self._by_place: dict[tuple[int, int], Message] = {}
        self._dead: set[tuple[int, int]] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """End, and fail the test if anything was wrong or nothing was seen."""
        self._stop.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        assert not self.violations, self.violations[:5]
        assert self.looks > 0, "the sampler saw nothing"

    def _run(self) -> None:
        oracle = self._oracle
        group = Consumer(
            {"bootstrap.servers": oracle.bootstrap, "group.id": oracle.group, "log_level": 2}
        )
        records = Tail(oracle.bootstrap, oracle.topic, oracle.partitions)
        letters = Tail(oracle.bootstrap, f"{oracle.topic}-dlt", 1)
        try:
            while not self._stop.wait(SAMPLE_EVERY_S):
                try:
                    self._look(group, records, letters)
                except (KafkaException, PyMongoError):
                    continue
        except BaseException as error:
            self._failure = error
        finally:
            for each in (group, records, letters):
                each.close()

    def _look(self, group: Consumer, records: Tail, letters: Tail) -> None:
        asked = [TopicPartition(records.topic, number) for number in self._verified]
        answered = group.committed(asked, timeout=ANSWER_TIMEOUT_S)
        committed = {each.partition: max(0, each.offset) for each in answered}
        self._read(records, letters)
        for number, offset in committed.items():
            if offset < self._verified[number]:
                self.violations.append(
                    f"commit went back: partition {number}, {self._verified[number]} to {offset}"
                )
        if not all(records.has_read_to(*each) for each in committed.items()):
            return
        passed = {
            (number, offset)
            for number, end in committed.items()
            for offset in range(self._verified[number], end)
        }
        unaccounted = passed - self._dead
        ids = {document_id(self._by_place[each]): each for each in unaccounted}
        missing = ids.keys() - self._oracle.stored.durable(ids) if ids else set()
        if missing:
            letters.read_to_end(READ_LIMIT_S)
            self._read(records, letters)
            done = {*self._dead, *self._accounted()}
        for identity in missing:
            if ids[identity] not in done:
                self.violations.append(f"committed before it was durable: {identity}")
        self._verified = committed
        self.looks += 1

    def _read(self, records: Tail, letters: Tail) -> None:
        records.read()
        letters.read()
        for record in records.messages:
            self._by_place[place(record)] = record
        self._dead |= {origin(letter) for letter in letters.messages}
        records.messages.clear()
        letters.messages.clear()
