"""Lines as librdkafka 2.16 wrote them, each to a broker that could not be reached for that reason.

confluent-kafka hands them on as `logger.log(level, "%s [%s] %s", facility, client, text)`
(`log_cb` in its confluent_kafka.c).
"""

import logging

import pytest
from confluent_kafka import KafkaError

from tests.unit.fakes import Clock
from velox.kafka.client_log import AGAIN_AFTER_S, MOST_KEPT, TROUBLE_LASTS_S, ClientLog

REFUSED = (
    "[thrd:127.0.0.1:1/bootstrap]: 127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: "
    "Connection refused (after 3ms in state CONNECT)"
)
REFUSED_WORDS = "127.0.0.1:1: Connect to ipv4#127.0.0.1:1 failed: Connection refused"
TRANSPORT = KafkaError(KafkaError._TRANSPORT, "no metadata")


class Parts:
    def __init__(self, bootstrap: str = "127.0.0.1:1") -> None:
        self.clock = Clock()
        self.log = ClientLog(bootstrap, clock=self.clock)

    def line(self, text: str, facility: str = "FAIL", level: int = logging.ERROR) -> None:
        self.log.log(level, "%s [%s] %s", facility, "velox-admin-host#producer-1", text)


@pytest.fixture
def parts(caplog: pytest.LogCaptureFixture) -> Parts:
    caplog.set_level(logging.INFO)
    return Parts()


def test_a_trouble_says_address_variable_and_reason(parts: Parts) -> None:
    assert parts.log.trouble() == ""
    parts.line(REFUSED)
    assert parts.log.trouble() == f"KAFKA_BOOTSTRAP_SERVER=127.0.0.1:1: {REFUSED_WORDS}"
    parts.clock.advance(TROUBLE_LASTS_S)
    assert parts.log.trouble() == ""


@pytest.mark.parametrize(
    ("facility", "text", "said"),
    [
        (
            "FAIL",
            "no.invalid:1/bootstrap: Failed to resolve 'no.invalid:1': Name or service not known "
            "(after 1ms in state CONNECT, 3 identical error(s) suppressed)",
            "Failed to resolve 'no.invalid:1': Name or service not known",
        ),
        (
            "BROKER",
            'Broker name "http://127.0.0.1:9" parse error: unsupported protocol "HTTP"',
            'unsupported protocol "HTTP"',
        ),
        (
            "FAIL",
            "[thrd:x]: 127.0.0.1:1/bootstrap: Disconnected: connection closed by peer: receive 0 "
            "after POLLIN (after 2ms in state APIVERSION_QUERY)",
            "does it want TLS (security.protocol in KAFKA_CONFIG)?",
        ),
        (
            "FAIL",
            "ssl://127.0.0.1:1/bootstrap: Disconnected: SSL connection closed by peer "
            "(after 4ms in state UP)",
            "does it want a password (security.protocol, sasl.* in KAFKA_CONFIG)?",
        ),
        (
            "FAIL",
            "sasl_ssl://127.0.0.1:1/bootstrap: SASL authentication error: Authentication failed: "
            "Invalid username or password (after 9ms in state AUTH_REQ)",
            "sasl.password in KAFKA_CONFIG",
        ),
        (
            "FAIL",
            "ssl://127.0.0.1:1/bootstrap: SSL handshake failed: error:0A000086:SSL routines::"
            "certificate verify failed (after 93ms in state SSL_HANDSHAKE)",
            "ssl.* in KAFKA_CONFIG",
        ),
        (
            "FAIL",
            "127.0.0.1:1/bootstrap: Receive failed: Invalid response size 1213486160 "
            "(0..100000000): increase receive.message.max.bytes (after 1ms in state UP)",
            "not Kafka",
        ),
    ],
)
def test_each_reason_is_kept_with_the_setting_that_mends_it(
    facility: str, text: str, said: str, parts: Parts
) -> None:
    parts.line(text, facility)
    assert parts.log.trouble().startswith("KAFKA_BOOTSTRAP_SERVER=127.0.0.1:1: ")
    assert said in parts.log.trouble()


@pytest.mark.parametrize(
    ("bootstrap", "line", "theirs"),
    [
        ("127.0.0.1:1", "kafka.internal:9092/1: Failed to resolve 'kafka.internal:9092'", True),
        ("127.0.0.1:1", "ssl://kafka.internal:9092/1: Failed to resolve: Unknown", True),
        ("a:1, kafka.internal:9092", "kafka.internal:9092/1: Failed to resolve: Unknown", False),
        ("127.0.0.1:1", "127.0.0.1:1/bootstrap: Connect failed: Connection refused", False),
    ],
)
def test_an_address_that_only_brokers_know_is_told_from_ours(
    bootstrap: str, line: str, theirs: bool
) -> None:
    parts = Parts(bootstrap)
    parts.line(line)
    assert parts.log.trouble().endswith("check their advertised.listeners") == theirs


def test_a_connection_that_was_up_for_long_may_close(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.line("x:1/1: Disconnected (after 600000ms in state UP)", level=logging.INFO)
    assert parts.log.trouble() == ""
    assert caplog.text == ""


def test_properties_for_other_clients_are_no_trouble(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    ignored = "is a consumer property and will be ignored by this producer instance"
    parts.line(f"Configuration property session.timeout.ms {ignored}", "CONFWARN", logging.WARNING)
    assert caplog.text == ""


def test_the_same_words_are_logged_once_in_a_while(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(20):
        parts.line(REFUSED.replace("3ms", f"{number}ms"))
        parts.log.error(KafkaError(KafkaError._TRANSPORT, REFUSED.partition(": ")[2]))
    assert caplog.text.count("Connection refused") == 1
    parts.clock.advance(AGAIN_AFTER_S)
    parts.line(REFUSED)
    assert caplog.text.count("Connection refused") == 2


def test_ever_new_words_take_no_memory(parts: Parts) -> None:
    for number in range(10 * MOST_KEPT):
        parts.line(f"broker:{number}: gone")
    assert len(parts.log._said) <= MOST_KEPT


def test_an_error_that_no_line_told_is_logged(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.log.error(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    assert "kafka error=_ALL_BROKERS_DOWN reason='1/1 brokers are down'" in caplog.text


def test_only_where_no_broker_answered_the_trouble_explains_an_error(parts: Parts) -> None:
    assert parts.log.explain(TRANSPORT) == "no metadata: KAFKA_BOOTSTRAP_SERVER=127.0.0.1:1"
    parts.line(REFUSED)
    assert parts.log.explain(TRANSPORT).endswith(REFUSED_WORDS)
    too_large = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "too large")
    assert parts.log.explain(too_large) == "too large"


def test_what_made_a_client_useless_is_kept(parts: Parts) -> None:
    parts.line("[thrd:main]: Fatal error: fenced", "FATAL", logging.CRITICAL)
    assert parts.log.fatal == "Fatal error: fenced"


def test_no_credentials_of_an_address_are_shown(caplog: pytest.LogCaptureFixture) -> None:
    parts = Parts("SASL_SSL://me:hunter2@h:1,you:hunter2@i:1")
    parts.line("you:hunter2@i:1/bootstrap: Failed to resolve 'you:hunter2@i:1': no")
    assert "hunter2" not in caplog.text + parts.log.trouble() + parts.log.explain(TRANSPORT)
    assert "KAFKA_BOOTSTRAP_SERVER=SASL_SSL://h:1,i:1: " in parts.log.trouble()


def test_debug_lines_pass_through_as_they_are(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for _ in range(2):
        parts.line("[thrd:main]: polled", "CGRP", logging.DEBUG)
    assert caplog.text.count("[thrd:main]: polled") == 2
