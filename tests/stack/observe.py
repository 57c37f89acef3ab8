"""The stack as seen from outside: by Prometheus, Grafana, Kafka's log, MongoDB's documents."""

from __future__ import annotations

import base64
import json
import math
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from pymongo import MongoClient

from tests.rig.dashboards import queries
from tests.rig.rewrites import Rewrites

KAFKA = "127.0.0.1:9092"
MONGO = "mongodb://127.0.0.1:27017/?directConnection=true"
PROMETHEUS = "http://127.0.0.1:9090"
GRAFANA = "http://127.0.0.1:3000"
TIMEOUT_S = 10
# There is one for each source that SOURCES_PATH expects, and the stack sets none.
ONLY_WHERE_EXPECTED = ("velox_source_expect_seconds",)
# What is off unless it is asked for: images for review, and models beside the one in use.
UNLESS_ASKED_FOR = ("velox_review_", "velox_gate", "velox_shadow_")

Position = tuple[int, int]


def get(url: str, password: str | None = None) -> Any:
    """The JSON that an address answers with; as Grafana's administrator if a password is given."""
    request = urllib.request.Request(url)  # noqa: S310 - addresses of this module
    if password is not None:
        token = base64.b64encode(f"admin:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
        return json.load(answer)


def query(expression: str) -> list[dict[str, Any]]:
    """The instant vector of an expression."""
    text = urllib.parse.urlencode({"query": expression})
    result: list[dict[str, Any]] = get(f"{PROMETHEUS}/api/v1/query?{text}")["data"]["result"]
    return result


def value(expression: str) -> float | None:
    """The one number of an expression, None if it has none."""
    numbers = [float(each["value"][1]) for each in query(expression)]
    return numbers[0] if len(numbers) == 1 and math.isfinite(numbers[0]) else None


def targets() -> dict[str, str]:
    """The health of each target by its address."""
    active = get(f"{PROMETHEUS}/api/v1/targets")["data"]["activeTargets"]
    return {each["scrapeUrl"]: each["health"] for each in active}


def panels_without_data(dashboards: Path, but: Sequence[str] = ()) -> list[str]:
    """The titles of panels with a query that Prometheus answers with no number.

    Args:
        dashboards: their folder.
        but: beginnings of metrics; queries for these are not looked at.
    """
    return [
        each.panel
        for each in queries(dashboards)
        if not any(metric in each.expression for metric in (*ONLY_WHERE_EXPECTED, *but))
        and not any(
            math.isfinite(float(sample["value"][1]))
            for sample in query(each.chosen(interval="1m", span="15m"))
        )
    ]


def dashboards_in_grafana(password: str) -> set[str]:
    """The uids of the dashboards that Grafana has taken."""
    return {each["uid"] for each in get(f"{GRAFANA}/api/search?type=dash-db", password)}


def log_positions(topic: str) -> set[Position]:
    """Partition and offset of every record that was ever appended to a topic."""
    consumer = Consumer({"bootstrap.servers": KAFKA, "group.id": "velox-test-stack-observer"})
    try:
        partitions = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
        return {
            (number, offset)
            for number in partitions
            for offset in range(_log_end(consumer, TopicPartition(topic, number)))
        }
    finally:
        consumer.close()


def _log_end(consumer: Consumer, partition: TopicPartition) -> int:
    _, high = consumer.get_watermark_offsets(partition, timeout=TIMEOUT_S)
    return int(high)


def stored_positions(topic: str) -> dict[Position, int]:
    """How many documents there are of each record of a topic."""
    found: dict[Position, int] = defaultdict(int)
    with mongo() as client:
        ids = client.lab_discovery_db.shapes_found.find(
            {"_id": {"$regex": f"^{topic}:"}}, {"_id": 1}
        )
        for each in ids:
            _, partition, offset, _ = each["_id"].rsplit(":", 3)
            found[int(partition), int(offset)] += 1
    return found


def send(topic: str, value: bytes) -> None:
    """Append one record to a topic."""
    producer = Producer({"bootstrap.servers": KAFKA})
    producer.produce(topic, value)
    assert producer.flush(TIMEOUT_S) == 0


def documents() -> int:
    """The number of documents."""
    with mongo() as client:
        return int(client.lab_discovery_db.shapes_found.count_documents({}))


@contextmanager
def rewrites() -> Iterator[Rewrites]:
    """Watches, while it is open, whether a document is written again."""
    with mongo() as client, Rewrites(client.lab_discovery_db.shapes_found) as watched:
        yield watched


def mongo() -> MongoClient[dict[str, Any]]:
    """A client of the published port."""
    return MongoClient(MONGO, serverSelectionTimeoutMS=TIMEOUT_S * 1000)
