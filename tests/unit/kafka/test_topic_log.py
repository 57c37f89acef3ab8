"""What a topic's log tells, and what it says where the broker does not."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from velox.base.errors import BrokerUnavailable
from velox.kafka import topic_log
from velox.kafka.topic_log import TopicLog


class Client:
    """Answers as `Consumer.committed` does: an error of one partition is in its answer."""

    refused: int | None = None
    answers = True

    def committed(self, asked: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        if not self.answers:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return [Answer(each.partition, self.refused) for each in asked]  # type: ignore[misc]


class Answer:
    """One of them; TopicPartition's own error cannot be set."""

    def __init__(self, partition: int, refused: int | None) -> None:
        self.partition, self.offset, self.metadata = partition, 10 * partition - 1001, None
        code = KafkaError.GROUP_AUTHORIZATION_FAILED
        self.error = KafkaError(code) if partition == refused else None


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def log(client: Client, monkeypatch: pytest.MonkeyPatch) -> TopicLog:
    monkeypatch.setattr(topic_log, "made", lambda *_: client)
    return TopicLog(topic="letters", bootstrap="broker:9092", group="velox", extra={})


def test_commits_are_told_by_partition(log: TopicLog) -> None:
    assert log.committed([]) == {}
    assert log.committed([101, 0]) == {0: (-1001, ""), 101: (9, "")}


def test_a_commit_that_is_not_told_is_an_error_with_its_reason(
    log: TopicLog, client: Client
) -> None:
    client.refused = 1
    with pytest.raises(BrokerUnavailable, match=r"^topic letters cannot be read: .*[Gg]roup"):
        log.committed([0, 1])


def test_that_nobody_answers_is_an_error_too(log: TopicLog, client: Client) -> None:
    client.answers = False
    with pytest.raises(BrokerUnavailable, match=r"^topic letters cannot be read: "):
        log.committed([0])
