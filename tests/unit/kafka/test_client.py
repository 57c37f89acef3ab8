"""The clients' properties: the promises rest on some, KAFKA_CONFIG adds the others."""

from __future__ import annotations

import socket

import pytest
from confluent_kafka import Consumer, Producer

from velox.base.errors import SettingError
from velox.kafka.client import MAX_MESSAGE_BYTES, Config, consumer_config, made, producer_config
from velox.kafka.client_log import ClientLog
from velox.settings.kafka_properties import GUARDED


def consumer(protocol: str = "classic", max_poll_interval: float = 30, **extra: str) -> Config:
    return consumer_config(
        bootstrap="127.0.0.1:1",
        group="group",
        protocol=protocol,
        max_poll_interval=max_poll_interval,
        extra={name.replace("_", "."): value for name, value in extra.items()},
    )


def producer(**extra: str) -> Config:
    return producer_config(
        bootstrap="127.0.0.1:1",
        delivery_timeout=5,
        compression="lz4",
        extra={name.replace("_", "."): value for name, value in extra.items()},
    )


def test_offsets_are_committed_by_nobody_but_us() -> None:
    config = consumer()
    assert config["enable.auto.commit"] is False
    assert config["enable.auto.offset.store"] is False
    assert config["auto.offset.reset"] == "earliest"


def test_the_producer_is_idempotent_and_waits_for_all_replicas() -> None:
    config = producer()
    assert (config["acks"], config["enable.idempotence"]) == ("all", True)
    assert (config["delivery.timeout.ms"], config["compression.type"]) == (5000, "lz4")


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_the_client_takes_the_properties_of_both_protocols(protocol: str) -> None:
    Consumer(consumer(protocol)).close()


def test_the_new_protocol_has_no_property_that_it_forbids() -> None:
    forbidden = {
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "partition.assignment.strategy",
    }
    assert forbidden.isdisjoint(consumer("consumer"))
    assert consumer("classic")["partition.assignment.strategy"] == "cooperative-sticky"


def test_a_session_is_no_longer_than_the_longest_poll() -> None:
    assert consumer("classic")["session.timeout.ms"] == 8_000
    assert consumer("classic", max_poll_interval=6)["session.timeout.ms"] == 6_000


def test_what_is_fetched_beforehand_is_bounded_in_records() -> None:
    """Bytes of headers and keys are in no bound of librdkafka's."""
    config = consumer()
    assert int(config["queued.min.messages"]) * MAX_MESSAGE_BYTES <= 40 * 2**20
    assert config["fetch.max.bytes"] == MAX_MESSAGE_BYTES


def test_the_client_takes_the_properties_of_a_producer() -> None:
    assert Producer(producer()).flush(0) == 0


def test_properties_of_kafka_config_win() -> None:
    assert consumer(fetch_max_bytes="1000")["fetch.max.bytes"] == "1000"
    assert producer(linger_ms="50")["linger.ms"] == "50"


def test_a_client_says_what_it_is_and_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "lab 7/bench")
    assert consumer()["client.id"] == "velox-consumer-lab_7_bench"
    assert producer()["client.id"] == "velox-producer-lab_7_bench"
    results = producer_config(
        bootstrap="b:1", delivery_timeout=1, compression="none", extra={}, role="results"
    )
    assert results["client.id"] == "velox-results-lab_7_bench"
    assert consumer(client_id="mine")["client.id"] == "mine"


def test_what_the_promises_rest_on_cannot_be_given() -> None:
    rest_on = {
        "acks",
        "allow.auto.create.topics",
        "auto.offset.reset",
        "bootstrap.servers",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "group.id",
        "group.protocol",
    }
    assert rest_on <= GUARDED.keys()
    assert rest_on <= consumer().keys() | producer().keys()


def test_a_refusal_names_the_variable_and_hides_the_value() -> None:
    with pytest.raises(SettingError) as raised:
        made(Consumer, consumer(sasl_mechanism="x", no_such="hunter2"), ClientLog("127.0.0.1:1"))
    message = str(raised.value)
    assert message.startswith("KAFKA_CONFIG is not allowed: ")
    assert "no.such" in message
    assert "hunter2" not in message


def test_lines_of_debug_do_not_take_the_room_of_records() -> None:
    """Under load 20 records took minutes: 4 lines in the queue were enough to fetch no more."""
    config = consumer(debug="all")
    assert config["queued.min.messages"] == 10_000
    assert config["fetch.queue.backoff.ms"] == 200
    assert consumer(debug="all", queued_min_messages="7")["queued.min.messages"] == "7"
