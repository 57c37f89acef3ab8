"""The oracle: every record accounted for exactly once, found out without any code of Velox.

An independent reader lists all records of the topic. From their places and timestamps follow the
ids that must be stored, from a header whether each had to become a document or a dead letter.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from tests.faults.sent import DEAD_LETTER, DOCUMENT, EITHER, EXPECT
from tests.faults.stored import Stored, WithReview
from tests.faults.tail import ANSWER_TIMEOUT_S, Place, Tail, place
from tests.rig.waiting import eventually

READ_LIMIT_S = 60.0
COORDINATOR_LIMIT_S = 60.0


def headers(message: Message) -> dict[str, bytes]:
    """The headers by name; of several of one name the last."""
    return dict(cast(list[tuple[str, bytes]], message.headers() or []))


def expected(message: Message) -> bytes:
    """What a record had to become; one that does not say is an image."""
    return headers(message).get(EXPECT, DOCUMENT)


def document_id(message: Message) -> str:
    """`<topic>:<partition>:<offset>:<timestamp ms>`, as the contract says."""
    partition, offset = place(message)
    return f"{message.topic()}:{partition}:{offset}:{max(0, message.timestamp()[1])}"


def origin(letter: Message) -> Place:
    """The place of the record that a dead letter was."""
    said = headers(letter)
    return int(said["__connect.errors.partition"]), int(said["__connect.errors.offset"])


@dataclass(frozen=True)
class Oracle:
    """What must be true of one topic and one group.

    Attributes:
        bootstrap: broker addresses.
        topic: of the images.
        partitions: of that topic.
        group: the consumers'.
        stored: where the documents are.
        letter_partitions: of the dead-letter topic.
    """

    bootstrap: str
    topic: str
    partitions: int
    group: str
    stored: Stored
    letter_partitions: int = 1

    def committed(self) -> dict[int, int]:
        """The group's committed offset by partition, 0 where it has none."""
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": self.group, "log_level": 2}
        )
        asked = [TopicPartition(self.topic, number) for number in range(self.partitions)]

        def answer() -> list[TopicPartition] | None:
            # The group's coordinator may still be on its way.
            try:
                return consumer.committed(asked, timeout=ANSWER_TIMEOUT_S)
            except KafkaException:
                return None

        try:
            found = eventually(answer, COORDINATOR_LIMIT_S, "the group's commits")
            return {each.partition: max(0, each.offset) for each in found}
        finally:
            consumer.close()

    def ends(self) -> dict[int, int]:
        """The log end by partition."""
        tail = Tail(self.bootstrap, self.topic, self.partitions)
        try:
            return dict(enumerate(tail.ends()))
        finally:
            tail.close()

    def wait_until_caught_up(self, limit: float) -> None:
        """Until every partition is committed to its log end; nothing may be sent meanwhile."""
        ends = self.ends()
        eventually(
            lambda: self.committed() == ends,
            limit,
            lambda: f"commits to the log end: {self.committed()} of {ends}",
            every=0.25,
        )

    def records(self) -> list[Message]:
        """Every record of the topic."""
        return self._all(self.topic, self.partitions)

    def dead_letters(self) -> list[Message]:
        """Every dead letter."""
        return self._all(f"{self.topic}-dlt", self.letter_partitions)

    def _all(self, topic: str, partitions: int) -> list[Message]:
        tail = Tail(self.bootstrap, topic, partitions)
        try:
            tail.read_to_end(READ_LIMIT_S)
            return tail.messages
        finally:
            tail.close()

    def check(self, *, files: bool = True) -> Counter[bytes]:
        """Compare exact sets; gives how many records were expected to become what.

        Args:
            files: whether every document must have its image on disk.
        """
        records, letters = self.records(), self.dead_letters()
        documents = {each["_id"]: each for each in self.stored.documents()}
        by_id = {document_id(each): each for each in records}
        by_place = {place(each): each for each in records}
        assert len(by_id) == len(records), "two records of one id"

        dead = {document_id(by_place[origin(letter)]) for letter in letters}
        wanted = {outcome: set[str]() for outcome in (DOCUMENT, DEAD_LETTER, EITHER)}
        for identity, record in by_id.items():
            wanted[expected(record)].add(identity)
        assert wanted[DOCUMENT] <= documents.keys(), (
            f"lost: {sorted(wanted[DOCUMENT] - documents.keys())[:5]}"
        )
        assert wanted[DEAD_LETTER] <= dead, f"lost: {sorted(wanted[DEAD_LETTER] - dead)[:5]}"
        assert documents.keys() | dead == by_id.keys()
        assert not documents.keys() & dead, "documents that are dead letters as well"
        assert not documents.keys() & wanted[DEAD_LETTER]
        assert not dead & wanted[DOCUMENT]

        for letter in letters:
            record = by_place[origin(letter)]
            assert (letter.key(), letter.value()) == (record.key(), record.value())
        for identity, document in documents.items():
            self._check_file(by_id[identity], document["file_path"], required=files)
        assert self.committed() == self.ends()
        return Counter({outcome: len(ids) for outcome, ids in wanted.items()})

    def check_kept(self) -> None:
        """What is kept for review are records as they came; whoever was killed, nothing is half."""
        stored = self.stored
        assert isinstance(stored, WithReview)
        records = {document_id(each): each.value() for each in self.records()}
        kept = stored.kept()
        assert {name: each["image"] for name, each in kept.items()} == {
            name: records[name] for name in kept
        }

    @staticmethod
    def _check_file(record: Message, path: str | None, *, required: bool) -> None:
        if path is None:
            assert not required, f"no image of {document_id(record)}"
            return
        on_disk = hashlib.sha256(Path(path).read_bytes()).digest()
        assert on_disk == hashlib.sha256(record.value() or b"").digest(), path
