from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AlterConfigOpType, ConfigSource  # type: ignore[attr-defined]

from velox.base.errors import BrokerUnavailable, SettingError
from velox.kafka import topic_sizes, topics
from velox.kafka.topics import Topics

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
        self.limits: dict[str, tuple[int, ConfigSource]] = {}
        self.cluster = "AJFaA08XShufIlagLlloHQ"
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
        if self.config["allow.auto.create.topics"]:
            self.there.setdefault(topic, 4)
        count = self.there.get(topic, 0)
        error = self.problem or (None if count else UNKNOWN)
        found = SimpleNamespace(error=error, partitions=dict.fromkeys(range(count)))
        return SimpleNamespace(
            cluster_id=self.cluster,
            topics={topic: found},
            controller_id=self.controller,
            brokers={1: "broker"},
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

    def describe_configs(self, asked: list[Any], request_timeout: float) -> Any:
        (one,) = asked
        number, source = self.limits[one.name]
        answer: Future[Any] = Future()
        entry = SimpleNamespace(value=str(number), source=source.value)
        answer.set_result({"max.message.bytes": entry, "retention.ms": "1"})
        return {one: answer}

    def incremental_alter_configs(self, asked: list[Any], request_timeout: float) -> Any:
        (one,) = asked
        (entry,) = one.incremental_configs
        assert entry.incremental_operation is AlterConfigOpType.SET
        self.asked.append(("set", one.name, entry.name, entry.value))
        answer: Future[None] = Future()
        if self.refuses is None:
            answer.set_result(None)
        else:
            answer.set_exception(KafkaException(self.refuses))
        return {one: answer}

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
    return topic_sizes.ensure(
        made, "t", partitions=partitions, replication=3, config={"retention.ms": "1000"}
    )


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
    assert made.cluster_id == ""
    assert made.identity("t") == "id-of-t"
    assert made.cluster_id == admin.cluster
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
    with pytest.raises(BrokerUnavailable, match="topic images: the broker did not answer in time"):
        made.identity("images")


def test_no_identity_is_waited_for_where_there_is_no_controller(
    made: Topics, admin: FakeAdmin
) -> None:
    admin.there = {"t": 1}
    admin.controller = 0
    with pytest.raises(BrokerUnavailable, match="no controller at the moment"):
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


def test_a_topic_that_brokers_show_a_moment_after_it_was_made_is_waited_for(
    made: Topics, admin: FakeAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As KRaft's brokers do: the controller answers, and their metadata follow."""
    monkeypatch.setattr(topic_sizes, "LOOK_EVERY_S", 0.001)
    shown = admin.list_topics
    looks = iter(range(100))

    def late(topic: str, timeout: float) -> Any:
        made_so_far = admin.there
        admin.there = made_so_far if next(looks) >= 3 else {}
        found = shown(topic, timeout)
        admin.there = made_so_far
        return found

    monkeypatch.setattr(admin, "list_topics", late)
    assert ensure(made) == 8
    assert next(looks) >= 4


def test_a_refusal_is_logged_and_what_there_is_counts(
    made: Topics, admin: FakeAdmin, caplog: pytest.LogCaptureFixture
) -> None:
    admin.there, admin.refuses = {"t": 3}, DENIED
    assert ensure(made) == 3
    assert "topic=t partitions=3 wanted=8 (KAFKA_PARTITIONS): " in caplog.text
    del admin.there["t"]
    assert ensure(made) == 0
    assert "could not create topic=t reason=" in caplog.text


def test_a_topic_that_nobody_answers_for_is_no_topic_that_may_come(
    made: Topics, admin: FakeAdmin
) -> None:
    admin.refuses = KafkaError(KafkaError._TIMED_OUT, "Failed while waiting for controller")
    with pytest.raises(
        BrokerUnavailable,
        match=r"^Failed while waiting for controller: KAFKA_BOOTSTRAP_SERVER=b:1$",
    ):
        ensure(made)


def test_a_limit_that_the_cluster_does_not_allow_does_not_stop_the_creation(
    made: Topics,
    admin: FakeAdmin,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    create = admin.create_topics

    def no_limits(new: list[Any], **timeouts: float) -> dict[str, Future[None]]:
        refused = KafkaError(KafkaError.POLICY_VIOLATION, "max.message.bytes is too large")
        admin.refuses = refused if new[0].config else None
        return create(new, **timeouts)

    monkeypatch.setattr(admin, "create_topics", no_limits)
    assert ensure(made) == 8
    assert [each[4] for each in admin.asked] == [{"retention.ms": "1000"}, None]
    assert "reason='max.message.bytes is too large'" in caplog.text


BROKERS = ConfigSource.STATIC_BROKER_CONFIG
TOPICS_OWN = ConfigSource.DYNAMIC_TOPIC_CONFIG


def widen(made: Topics) -> int:
    return topic_sizes.ensure(
        made, "t", partitions=1, replication=1, config={"max.message.bytes": "2000"}
    )


def test_a_smaller_limit_of_the_broker_is_raised_for_the_topic(
    made: Topics, admin: FakeAdmin, caplog: pytest.LogCaptureFixture
) -> None:
    admin.there, admin.limits = {"t": 1}, {"t": (1000, BROKERS)}
    assert widen(made) == 1
    assert admin.asked == [("set", "t", "max.message.bytes", "2000")]
    assert "WARNING" not in caplog.text


@pytest.mark.parametrize("number", [2000, 3000])
def test_a_limit_that_is_large_enough_stays(made: Topics, admin: FakeAdmin, number: int) -> None:
    admin.there, admin.limits = {"t": 1}, {"t": (number, BROKERS)}
    assert widen(made) == 1
    assert admin.asked == []


def test_a_limit_that_somebody_set_on_the_topic_stays_and_is_said(
    made: Topics, admin: FakeAdmin, caplog: pytest.LogCaptureFixture
) -> None:
    admin.there, admin.limits = {"t": 1}, {"t": (1000, TOPICS_OWN)}
    assert widen(made) == 1
    assert admin.asked == []
    assert "topic=t max.message.bytes=1000 wanted=2000: " in caplog.text


def test_a_limit_that_may_not_be_raised_is_said(
    made: Topics, admin: FakeAdmin, caplog: pytest.LogCaptureFixture
) -> None:
    admin.there, admin.limits, admin.refuses = {"t": 1}, {"t": (1000, BROKERS)}, DENIED
    assert widen(made) == 1
    assert "topic=t max.message.bytes=1000 wanted=2000: " in caplog.text
    assert "allow the user of KAFKA_CONFIG" in caplog.text


def test_a_topic_of_others_is_not_changed_but_what_is_smaller_is_said(
    made: Topics, admin: FakeAdmin, caplog: pytest.LogCaptureFixture
) -> None:
    admin.there, admin.limits = {"t": 3}, {"t": (1000, BROKERS)}
    topic_sizes.say_what_is_smaller(made, "t", partitions=8, config={"max.message.bytes": "2000"})
    assert admin.asked == []
    assert "topic=t partitions=3 wanted=8 (KAFKA_PARTITIONS)" in caplog.text
    assert "topic=t max.message.bytes=1000 wanted=2000" in caplog.text


def test_no_limits_are_asked_for_where_there_is_no_controller(
    made: Topics, admin: FakeAdmin
) -> None:
    """The client would wait for one (seen with the embedded broker)."""
    admin.there, admin.controller = {"t": 1}, 0
    assert widen(made) == 1


def test_asking_makes_no_topic_except_on_the_embedded_broker(
    made: Topics, admin: FakeAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert made.partitions("t") == 0
    assert admin.there == {}
    admin.cluster = "mockCluster158baa0d8978"
    assert made.partitions("t") == 4


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
