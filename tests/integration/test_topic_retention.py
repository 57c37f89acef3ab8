"""How long topics keep their records: made so, changed where nobody objects, said where not."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from tests.faults.scenario import Scenario
from tests.rig.kafka import Kafka
from tests.rig.mongod import Mongod
from tests.rig.waiting import eventually
from velox.kafka.retention import DAY_MS, Kept, hold_to, kept_by, wanted
from velox.kafka.topic_sizes import ensure
from velox.kafka.topics import Topics

LIMIT_S = 30
# Of the broker, where a topic says nothing: seven days, and as much for a segment.
USUAL = Kept(7 * DAY_MS, 7 * DAY_MS)


@pytest.fixture(autouse=True)
def warnings_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever other tests of this process have set."""
    caplog.set_level("WARNING")


@pytest.fixture
def topics(kafka: Kafka) -> Topics:
    return Topics(bootstrap=kafka.bootstrap, extra={})


def made(topics: Topics, kafka: Kafka, config: dict[str, str] | None = None) -> str:
    """A topic that somebody else has made."""
    topic = f"kept-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1, config=config or {})])[topic].result(LIMIT_S)
    eventually(lambda: kept_by(topics, topic), LIMIT_S, "the broker shows it")
    return topic


def becomes(topics: Topics, topic: str, kept: Kept) -> None:
    eventually(
        lambda: kept_by(topics, topic) == kept,
        LIMIT_S,
        lambda: f"{topic} keeps records {kept_by(topics, topic)}",
    )


def test_a_topic_of_ours_is_made_to_keep_so_long(topics: Topics, caplog: Any) -> None:
    topic = f"kept-{uuid.uuid4().hex[:8]}"
    ensure(topics, topic, partitions=1, replication=1, config=wanted(3))
    becomes(topics, topic, Kept(3 * DAY_MS, DAY_MS // 8))
    hold_to(topics, topic, 3, ours=True)
    assert "KEEP_DAYS" not in caplog.text


def test_one_that_is_there_is_changed(kafka: Kafka, topics: Topics, caplog: Any) -> None:
    topic = made(topics, kafka)
    becomes(topics, topic, USUAL)
    hold_to(topics, topic, 1, ours=True)
    becomes(topics, topic, Kept(DAY_MS, DAY_MS // 24))
    assert caplog.messages == []


def test_one_that_keeps_less_stays(kafka: Kafka, topics: Topics, caplog: Any) -> None:
    topic = made(topics, kafka, {"retention.ms": "60000", "segment.ms": "60000"})
    for ours in (True, False):
        hold_to(topics, topic, 1, ours=ours)
    becomes(topics, topic, Kept(60_000, 60_000))
    assert caplog.messages == []


def test_nothing_is_changed_without_a_limit(kafka: Kafka, topics: Topics) -> None:
    topic = made(topics, kafka)
    hold_to(topics, topic, 0, ours=True)
    assert wanted(0) == {}
    becomes(topics, topic, USUAL)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"retention.ms": "-1"}, "for ever, KEEP_DAYS=1: retention.ms was set on the topic itself"),
        ({"segment.ms": str(9 * DAY_MS)}, "up to 10 days .*segment.ms was set on the topic itself"),
        ({"cleanup.policy": "compact"}, "for ever, .*cleanup.policy=compact deletes nothing"),
    ],
)
def test_what_somebody_has_set_stays_and_is_said(
    kafka: Kafka, topics: Topics, caplog: Any, config: dict[str, str], reason: str
) -> None:
    hold_to(topics, made(topics, kafka, config), 1, ours=True)
    (line,) = caplog.messages
    assert re.search(reason, line), line
    assert f"kafka-configs.sh --bootstrap-server {kafka.bootstrap} --alter" in line
    assert "--add-config retention.ms=86400000,segment.ms=3600000" in line


def test_the_topic_of_the_images_is_not_changed_but_said(
    kafka: Kafka, topics: Topics, caplog: Any
) -> None:
    topic = made(topics, kafka)
    hold_to(topics, topic, 1, ours=False)
    becomes(topics, topic, USUAL)
    assert f"topic={topic} keeps records for up to 14 days" in caplog.text
    assert "not changed by a consumer" in caplog.text


def test_a_broker_that_is_away_stops_nothing(topics: Topics, kafka: Kafka, caplog: Any) -> None:
    topic = made(topics, kafka)
    kafka.stop()
    hold_to(topics, topic, 1, ours=True)
    assert "keeps records for a time that is not known" in caplog.text


def test_a_consumer_holds_its_own_topics_to_the_days_and_says_which_it_cannot(
    kafka: Kafka, mongod: Mongod, topics: Topics, tmp_path: Path
) -> None:
    """It makes that of the results, and changes those of dead letters, which others made."""
    scenario = Scenario(kafka, mongod, tmp_path)
    results = f"{scenario.topic}-results"
    parked = f"{scenario.topic}-dlt-parked"
    scenario.create_topic(parked, 1)
    consumer = scenario.joined_consumer(KEEP_DAYS=2, KAFKA_RESULTS_TOPIC=results)
    for topic in (results, f"{scenario.topic}-dlt", parked):
        becomes(topics, topic, Kept(2 * DAY_MS, DAY_MS // 12))
        assert f"topic={topic} keeps records" not in consumer.log
    assert f"topic={scenario.topic} keeps records for up to 14 days" in consumer.log
    becomes(topics, scenario.topic, USUAL)
    scenario.stop(consumer)
    scenario.close()
