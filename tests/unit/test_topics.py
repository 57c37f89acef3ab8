from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from velox import topics
from velox.errors import BrokerUnavailable, SettingError
from velox.topics import Topics

UNKNOWN = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
DENIED = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
THERE_ALREADY = KafkaError(KafkaError.TOPIC_ALREADY_EXISTS)


class FakeAdmin:
    """A cluster of topics with their numbers of partitions.

    Attributes:
        there: partitions by topic.
        asked: what was asked to be made, in order.
        refuses: answered to each request, if anything.
        problem: of every topic, if anything.
        away: no broker answers.
        controller: the broker that is said to be it.
    """

    def __init__(self, config: dict[str, Any], logger: Any) -> None:
        if "no.such" in config:
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG, 'No such property "no.such"'))
        self.config = config
        self.there: dict[str, int] = {}
        self.asked: list[tuple[Any, ...]] = []
        self.refuses: KafkaError | None = None
        self.problem: KafkaError | None = None
        self.away = False
        self.controller = 1
        self.someone_else: tuple[str, int] | None = None

    def poll(self, timeout: float) -> int:
        return 0

    def list_topics(self, topic: str, timeout: float) -> Any:
        assert timeout > 0
        if self.away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        count = self.there.get(topic, 0)
        error = self.problem or (None if count else UNKNOWN)
        found = SimpleNamespace(error=error, partitions=dict.fromkeys(range(count)))
        return SimpleNamespace(
            topics={topic: found}, controller_id=self.controller, brokers={1: "broker"}
        )

    def create_topics(self, new: list[Any], **timeouts: float) -> dict[str, Future[None]]:
        (one,) = new
        self.asked.append(
            ("create", one.topic, one.num_partitions, one.replication_factor, one.config)
        )
        return {one.topic: self._answer(one.topic, one.num_partitions)}

    def create_partitions(self, new: list[Any], **timeouts: float) -> dict[str, Future[None]]:
        (one,) = new
        self.asked.append(("grow", one.topic, one.new_total_count))
        return {one.topic: self._answer(one.topic, one.new_total_count)}

    def _answer(self, topic: str, count: int) -> Future[None]:
        answer: Future[None] = Future()
        if self.someone_else is not None:
            self.there.update([self.someone_else])
        if self.refuses is None:
            self.there[topic] = count
            answer.set_result(None)
        else:
            answer.set_exception(KafkaException(self.refuses))
        return answer

    def describe_topics(self, asked: Any, request_timeout: float) -> dict[str, Future[Any]]:
        (name,) = asked.topic_names
        answer: Future[Any] = Future()
        if name in self.there:
            answer.set_result(SimpleNamespace(topic_id=f"id-of-{name}"))
        else:
            answer.set_exception(KafkaException(UNKNOWN))
        return {name: answer}


class AsksTopicCollection:
    """`TopicCollection` keeps its names to itself."""

    def __init__(self, topic_names: list[str]) -> None:
        self.topic_names = topic_names


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Topics:
    monkeypatch.setattr(topics, "AdminClient", FakeAdmin)
    monkeypatch.setattr(topics, "TopicCollection", AsksTopicCollection)
    return Topics(bootstrap="b:1", extra={"client.id": "me"})


@pytest.fixture
def admin(made: Topics) -> FakeAdmin:
    found: FakeAdmin = made._admin  # type: ignore[assignment]
    return found


def ensure(made: Topics, partitions: int = 8) -> int:
    return made.ensure("t", partitions=partitions, replication=3, config={"retention.ms": "1000"})


def test_partitions_are_counted_and_a_missing_topic_has_none(
    made: Topics, admin: FakeAdmin
) -> None:
    admin.there = {"t": 5}
    assert (made.partitions("t"), made.partitions("other")) == (5, 0)


def test_a_broker_that_is_away_is_named(made: Topics, admin: FakeAdmin) -> None:
    admin.away = True
    with pytest.raises(BrokerUnavailable):
        made.partitions("t")


def test_a_topic_that_may_not_be_read_is_named(made: Topics, admin: FakeAdmin) -> None:
    admin.problem = DENIED
    with pytest.raises(BrokerUnavailable, match="topic t: "):
        made.partitions("t")


def test_a_topic_has_an_identity(made: Topics, admin: FakeAdmin) -> None:
    admin.there = {"t": 1}
    assert made.identity("t") == "id-of-t"
    with pytest.raises(BrokerUnavailable, match="topic other: "):
        made.identity("other")


def test_an_identity_that_is_never_told_is_not_waited_for(
    made: Topics, admin: FakeAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was frozen finds its own limit passed before the client has seen to it."""
    monkeypatch.setattr(topics, "REQUEST_TIMEOUT_S", 0.01)
    monkeypatch.setattr(
        admin, "describe_topics", lambda *_, **__: {"images": Future()}, raising=False
    )
    admin.there["images"] = 3
    with pytest.raises(BrokerUnavailable, match="topic images: no answer"):
        made.identity("images")


def test_no_identity_is_waited_for_where_there_is_no_controller(
    made: Topics, admin: FakeAdmin
) -> None:
    admin.there = {"t": 1}
    admin.controller = 0
    with pytest.raises(BrokerUnavailable, match="no controller 0"):
        made.identity("t")


def test_a_missing_topic_is_created_as_asked_for(made: Topics, admin: FakeAdmin) -> None:
    assert ensure(made) == 8
    assert admin.asked == [("create", "t", 8, 3, {"retention.ms": "1000"})]


def test_a_smaller_topic_grows(made: Topics, admin: FakeAdmin) -> None:
    admin.there = {"t": 3}
    assert ensure(made) == 8
    assert admin.asked == [("grow", "t", 8)]


@pytest.mark.parametrize("there", [8, 20])
def test_a_topic_that_is_large_enough_stays_as_it_is(
    made: Topics, admin: FakeAdmin, there: int
) -> None:
    admin.there = {"t": there}
    assert ensure(made) == there
    assert admin.asked == []


def test_a_refusal_is_logged_and_what_there_is_counts(
    made: Topics, admin: FakeAdmin, caplog: pytest.LogCaptureFixture
) -> None:
    admin.there, admin.refuses = {"t": 3}, DENIED
    assert ensure(made) == 3
    assert "topic=t cannot=grow" in caplog.text
    del admin.there["t"]
    assert ensure(made) == 0
    assert "topic=t cannot=create" in caplog.text


def test_a_topic_that_another_process_just_made_is_fine(
    made: Topics, admin: FakeAdmin, caplog: pytest.LogCaptureFixture
) -> None:
    admin.refuses, admin.someone_else = THERE_ALREADY, ("t", 8)
    assert ensure(made) == 8
    assert "cannot" not in caplog.text


def test_the_settings_of_kafka_reach_the_client(made: Topics, admin: FakeAdmin) -> None:
    assert admin.config["bootstrap.servers"] == "b:1"
    assert admin.config["client.id"] == "me"


def test_a_property_that_the_client_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "AdminClient", FakeAdmin)
    with pytest.raises(SettingError, match=r"KAFKA_CONFIG.*no\.such"):
        Topics(bootstrap="b:1", extra={"no.such": "1"})
