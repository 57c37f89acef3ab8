from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from tests.unit.fakes import Clock, record, value
from velox.consumer.polling import commits
from velox.consumer.polling.commits import EVERY_S, FOR_GOOD_AFTER_S, Commits
from velox.consumer.polling.ledger import Ledger
from velox.monitoring.metrics import Metrics

REFUSED = KafkaError(KafkaError.ILLEGAL_GENERATION)


class FakeConsumer:
    """Keeps what it is told to commit.

    Attributes:
        calls: offsets by partition and whether the call was asynchronous.
        fails: raised by every call.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[dict[int, int], bool]] = []
        self.fails: KafkaError | None = None
        self.topics: set[str] = set()
        self.metadata: dict[int, str] = {}

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> Any:
        self.calls.append(({each.partition: each.offset for each in offsets}, asynchronous))
        self.topics |= {each.topic for each in offsets}
        self.metadata.update({each.partition: each.metadata or "" for each in offsets})
        if self.fails is not None:
            raise KafkaException(self.fails)
        return None if asynchronous else [answer(each.partition, each.offset) for each in offsets]


def answer(partition: int, offset: int, error: KafkaError | None = None) -> Any:
    """A partition of the broker's answer."""
    return SimpleNamespace(partition=partition, offset=offset, error=error)


class Parts:
    """Commits with what surrounds them; partitions 0 and 1 are assigned."""

    def __init__(self) -> None:
        self.clock, self.consumer, self.metrics = Clock(), FakeConsumer(), Metrics()
        self.ledger = Ledger(max_images=100, max_bytes=10_000, clock=self.clock)
        self.ledger.assign([0, 1])
        self.unknown: set[int] = set()
        self.commits = Commits(
            self.consumer,  # type: ignore[arg-type]
            topic="image_data",
            ledger=self.ledger,
            metadata=lambda partition: None if partition in self.unknown else f"of {partition}",
            metrics=self.metrics,
            clock=self.clock,
        )

    def finish(self, *offsets: int, partition: int = 0) -> None:
        epoch = self.ledger.epoch(partition)
        found = [record(each, partition=partition, epoch=epoch) for each in offsets]
        self.ledger.admit(found)
        self.ledger.finish(found)

    def count(self, result: str) -> float | None:
        return value(self.metrics, "velox_commits_total", result=result)


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_what_is_done_is_committed_without_waiting(parts: Parts) -> None:
    parts.finish(4, 5)
    parts.finish(9, partition=1)
    parts.commits.commit_when_due()
    assert parts.consumer.calls == [({0: 6, 1: 10}, True)]
    assert parts.consumer.topics == {"image_data"}
    assert parts.consumer.metadata == {0: "of 0", 1: "of 1"}


def test_nothing_done_is_no_commit(parts: Parts) -> None:
    parts.commits.commit_when_due()
    parts.commits.commit_now({0, 1})
    assert parts.consumer.calls == []


def test_a_partition_whose_commit_is_not_known_is_not_committed(parts: Parts) -> None:
    parts.unknown = {0}
    parts.finish(4)
    parts.finish(9, partition=1)
    parts.commits.commit()
    parts.commits.commit_now({0})
    assert parts.consumer.calls == [({1: 10}, True)]
    parts.unknown = set()
    parts.commits.commit_now({0})
    assert parts.consumer.calls[1:] == [({0: 5}, False)]


def test_commits_are_at_most_one_a_second(parts: Parts) -> None:
    parts.finish(0)
    parts.commits.commit_when_due()
    parts.finish(1)
    parts.clock.advance(EVERY_S - 0.01)
    parts.commits.commit_when_due()
    assert len(parts.consumer.calls) == 1
    parts.clock.advance(0.01)
    parts.commits.commit_when_due()
    assert parts.consumer.calls[1:] == [({0: 2}, True)]


def test_what_the_broker_has_is_not_committed_again(parts: Parts) -> None:
    parts.finish(4)
    parts.commits.commit_when_due()
    parts.commits.on_commit(None, [answer(0, 5)])
    parts.clock.advance(EVERY_S)
    parts.commits.commit_when_due()
    assert len(parts.consumer.calls) == 1
    assert parts.count("ok") == 1


def test_what_the_broker_has_not_answered_is_committed_again(parts: Parts) -> None:
    parts.finish(4)
    parts.commits.commit_when_due()
    parts.clock.advance(EVERY_S)
    parts.commits.commit_when_due()
    assert parts.consumer.calls == [({0: 5}, True)] * 2


def test_a_refused_commit_is_counted_and_made_again(parts: Parts) -> None:
    parts.finish(4)
    parts.commits.commit_when_due()
    parts.commits.on_commit(REFUSED, [answer(0, 5)])
    assert (parts.count("ok"), parts.count("failed")) == (0, 1)
    parts.clock.advance(EVERY_S)
    parts.commits.commit_when_due()
    assert len(parts.consumer.calls) == 2


def test_of_several_partitions_the_refused_are_named(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.commits.on_commit(None, [answer(0, 5, REFUSED), answer(1, 10)])
    assert "commit failed topic=image_data partitions=[0] reason=" in caplog.text


DENIED = KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)
LIMIT_S = 60.0


def refuse(parts: Parts, error: KafkaError, seconds: float) -> str | None:
    """Commit every second and be refused; what is said of it in the end."""
    parts.finish(4)
    for _ in range(int(seconds) + 1):
        parts.commits.commit_when_due()
        parts.commits.on_commit(error, [answer(0, 5)])
        parts.clock.advance(EVERY_S)
    return parts.commits.refusal(LIMIT_S)


def test_what_is_refused_for_good_is_told_soon_and_with_its_setting(parts: Parts) -> None:
    assert refuse(parts, DENIED, FOR_GOOD_AFTER_S - 2) is None
    told = refuse(parts, DENIED, 1)
    assert told is not None
    assert told.startswith("commits refused for ")
    assert "KAFKA_CONSUMER_GROUP" in told


def test_refused_commits_do_not_flood_the_log(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    refuse(parts, DENIED, 60)
    assert caplog.text.count("commit failed topic=image_data partitions=[0] reason=") == 7
    assert parts.count("failed") == 61


def test_what_may_pass_is_told_when_it_lasts(parts: Parts) -> None:
    assert refuse(parts, REFUSED, LIMIT_S - 2) is None
    assert refuse(parts, REFUSED, 1) is not None


def test_a_limit_that_is_shorter_holds_for_both(parts: Parts) -> None:
    refuse(parts, DENIED, 2)
    assert parts.commits.refusal(2) is not None


@pytest.mark.parametrize(
    "code",
    [KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError.NOT_COORDINATOR],
)
def test_a_broker_that_is_away_refuses_nothing(parts: Parts, code: int) -> None:
    assert refuse(parts, KafkaError(code), 10 * LIMIT_S) is None


def test_an_unanswered_commit_is_no_refusal(parts: Parts) -> None:
    parts.finish(4)
    parts.commits.commit_when_due()
    parts.clock.advance(10 * LIMIT_S)
    assert parts.commits.refusal(LIMIT_S) is None


def test_a_commit_that_succeeds_ends_a_refusal(parts: Parts) -> None:
    assert refuse(parts, DENIED, LIMIT_S) is not None
    parts.commits.on_commit(None, [answer(0, 5)])
    assert parts.commits.refusal(LIMIT_S) is None


def test_one_partition_that_is_refused_for_long_is_told_though_others_are_not(
    parts: Parts,
) -> None:
    parts.finish(4)
    for offset in range(100):
        parts.finish(offset, partition=1)
        parts.commits.commit_when_due()
        parts.commits.on_commit(None, [answer(0, 5, REFUSED), answer(1, offset + 1)])
        parts.clock.advance(EVERY_S)
    assert parts.commits.refusal(LIMIT_S) is not None


def test_with_nothing_left_to_commit_nothing_is_refused(parts: Parts) -> None:
    assert refuse(parts, DENIED, LIMIT_S) is not None
    parts.ledger.revoke([0, 1])
    parts.commits.commit_when_due()
    assert parts.commits.refusal(LIMIT_S) is None


def test_one_refused_partition_leaves_the_others_committed(parts: Parts) -> None:
    parts.finish(4)
    parts.finish(9, partition=1)
    parts.commits.on_commit(None, [answer(0, 5, REFUSED), answer(1, 10)])
    assert (parts.count("ok"), parts.count("failed")) == (1, 1)
    assert parts.ledger.uncommitted() == {0: 5}


def test_a_client_that_cannot_commit_now_is_no_end(parts: Parts) -> None:
    parts.consumer.fails = KafkaError(KafkaError._WAIT_COORD)
    parts.finish(4)
    parts.commits.commit_when_due()
    parts.commits.commit_now({0})
    assert parts.count("failed") == 2
    assert parts.ledger.uncommitted() == {0: 5}


def test_the_last_commit_waits_and_names_only_what_is_given_up(parts: Parts) -> None:
    parts.finish(4)
    parts.finish(9, partition=1)
    parts.commits.commit_now({1})
    assert parts.consumer.calls == [({1: 10}, False)]
    assert parts.ledger.uncommitted() == {0: 5}


def test_a_partition_that_is_gone_is_not_committed(parts: Parts) -> None:
    parts.finish(4)
    parts.ledger.revoke([0])
    parts.commits.commit_when_due()
    parts.commits.commit_now({0})
    assert parts.consumer.calls == []


def test_the_last_commit_is_waited_for_within_a_bound(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    limits = []

    def unanswered(limit: float, _call: object) -> bool:
        limits.append(limit)
        return False

    monkeypatch.setattr(commits, "call_within", unanswered)
    parts.finish(4)
    parts.commits.commit_now({0})
    assert limits == [commits.LAST_TIMEOUT_S]
    assert "commit not answered in time topic=image_data partitions=[0] timeout_s=" in caplog.text
    assert parts.ledger.uncommitted() == {0: 5}


def test_the_age_counts_from_the_start_and_from_each_success(parts: Parts) -> None:
    parts.clock.advance(7)
    assert parts.commits.age() == 7
    parts.commits.on_commit(REFUSED, [answer(0, 5)])
    assert parts.commits.age() == 7
    parts.commits.on_commit(None, [answer(0, 5)])
    assert parts.commits.age() == 0
