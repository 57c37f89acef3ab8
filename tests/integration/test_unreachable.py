"""What cannot be reached is said with its address, its variable and the reason, in one line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig import settings
from tests.rig.ports import HOST, free_port
from tests.rig.processes import script
from tests.rig.secured import USER, SecuredKafka
from tests.rig.waiting import eventually
from velox.base.errors import BrokerUnavailable, StoreUnavailable
from velox.kafka import topics as topics_module
from velox.kafka.acknowledged import AcknowledgedProducer
from velox.kafka.group_lag import GroupLag
from velox.kafka.topics import Topics
from velox.stores.mongo import MongoStore

LIMIT_S = 60
PASSWORD = "hunter2-right"  # noqa: S105 - of a server that lives for a test
WRONG = "hunter2-wrong"
SECRET = "hunter2"  # noqa: S105
NOBODY = f"{HOST}:1"
SASL = {"sasl.mechanism": "PLAIN", "sasl.username": USER}


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    node = SecuredKafka(tmp_path_factory.mktemp("kafka"), PASSWORD)
    node.start()
    yield node
    node.stop()


def said(bootstrap: str, *words: str, **extra: str) -> None:
    """See that one is told why a topic cannot be asked for.

    What is asked for a short time does not get to know the reason where that takes longer, on a
    busy machine, and is asked again.
    """
    properties = {name.replace("_", "."): text for name, text in extra.items()}
    texts: list[str] = []

    def told() -> bool:
        with pytest.raises(BrokerUnavailable) as raised:
            Topics(bootstrap=bootstrap, extra=properties).partitions("any")
        texts.append(str(raised.value))
        assert f"KAFKA_BOOTSTRAP_SERVER={bootstrap}: " in texts[-1]
        return all(each in texts[-1] for each in words)

    eventually(told, LIMIT_S, lambda: f"{words} in {texts}")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics_module, "REQUEST_TIMEOUT_S", 2.0)


def test_nobody_listens() -> None:
    said(NOBODY, f"{NOBODY}: Connect to ipv4#{NOBODY} failed: Connection refused")


def test_no_such_host() -> None:
    said("no-such-host.invalid:9092", "Failed to resolve 'no-such-host.invalid:9092'")


def test_an_address_that_is_no_brokers(kafka: SecuredKafka) -> None:
    said(f"http://{kafka.bootstrap}", 'unsupported protocol "HTTP"')


def test_plain_text_to_a_listener_of_tls(kafka: SecuredKafka) -> None:
    said(kafka.secured_bootstrap, "does it want TLS (security.protocol in KAFKA_CONFIG)?")


def test_tls_to_a_listener_of_plain_text(kafka: SecuredKafka) -> None:
    authority = str(kafka.certificate.authority)
    words = "security.protocol and ssl.* in KAFKA_CONFIG"
    said(kafka.bootstrap, words, security_protocol="SSL", ssl_ca_location=authority)


def test_no_authority_for_the_certificate(kafka: SecuredKafka) -> None:
    access = {name.replace(".", "_"): text for name, text in SASL.items()}
    said(
        kafka.secured_bootstrap,
        "certificate verify failed",
        "ssl.* in KAFKA_CONFIG",
        security_protocol="SASL_SSL",
        sasl_password=PASSWORD,
        **access,
    )


def test_tls_without_a_password(kafka: SecuredKafka) -> None:
    authority = str(kafka.certificate.authority)
    words = "does it want a password"
    said(kafka.secured_bootstrap, words, security_protocol="SSL", ssl_ca_location=authority)


def test_a_wrong_password_is_said_and_not_shown(kafka: SecuredKafka, tmp_path: Path) -> None:
    env = settings.producer(
        kafka.secured_bootstrap,
        "any",
        KAFKA_CONFIG=kafka.kafka_config(WRONG),
        STARTUP_TIMEOUT_S=3,
        PRODUCER_IMAGES=1,
    )
    producer = script("producer.py", env=env, log=tmp_path / "producer.log")
    assert producer.wait(LIMIT_S) == 1, str(producer)
    last = producer.log.splitlines()[-1]
    assert "Invalid username or password" in last
    assert "sasl.username and sasl.password in KAFKA_CONFIG" in last
    assert f"KAFKA_BOOTSTRAP_SERVER={kafka.secured_bootstrap}" in last
    assert SECRET not in producer.log


def test_lag_says_it_too() -> None:
    lag = GroupLag(bootstrap=NOBODY, group="g", topic="t", extra={})
    with pytest.raises(BrokerUnavailable, match=r"KAFKA_BOOTSTRAP_SERVER=.*Connection refused"):
        lag.measure()
    lag.close()


def test_a_database_is_named_with_its_reason_in_one_line() -> None:
    port = free_port()
    store = MongoStore(uri=f"mongodb://me:{SECRET}@{HOST}:{port}/", database="db")
    with pytest.raises(StoreUnavailable) as raised:
        store.open()
    store.close()
    assert str(raised.value) == (
        f"mongodb:{HOST}:{port}/db.shapes_found: MONGO_URI cannot be reached: "
        f"{HOST}:{port}: [Errno 111] Connection refused"
    )


def test_what_an_idle_client_says_is_read(caplog: pytest.LogCaptureFixture) -> None:
    """Its queue would grow by each line until something is sent."""
    caplog.set_level(logging.WARNING)
    idle = AcknowledgedProducer(topic="t", bootstrap=NOBODY, extra={})
    eventually(lambda: "Connection refused" in caplog.text, LIMIT_S, "it is logged")
    idle.close()
