import logging

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.unit.fakes import Clock
from velox.kafka.client_log import ClientLog
from velox.kafka.errors import (
    LASTS_S,
    REPEATED_WITHIN_S,
    Refusals,
    explained,
    is_fatal,
    is_refusal,
    raised,
    told,
)

# As a consumer finds it in a message: `rd_kafka_set_fatal_error0` in librdkafka's rdkafka.c.
FENCED = KafkaError(
    KafkaError._FATAL,
    "Fatal error: Broker: Static consumer fenced by other consumer with same group.instance.id: "
    "Fatal consumer error: Broker: Static consumer fenced by other consumer with same "
    "group.instance.id",
)
GROUP = KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)
PASSWORD = KafkaError(KafkaError._AUTHENTICATION)
AWAY = KafkaError(KafkaError._TRANSPORT)


def test_a_fatal_error_is_one_by_its_code_alone() -> None:
    assert is_fatal(FENCED)
    assert not FENCED.fatal()
    assert is_fatal(KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced", fatal=True))
    assert not is_fatal(AWAY)


@pytest.mark.parametrize(
    ("code", "setting"),
    [
        (KafkaError.UNRELEASED_INSTANCE_ID, "group.instance.id of KAFKA_CONFIG"),
        (KafkaError.UNSUPPORTED_VERSION, "KAFKA_GROUP_PROTOCOL=classic"),
        (KafkaError._UNSUPPORTED_FEATURE, "KAFKA_GROUP_PROTOCOL=classic"),
        (KafkaError.INCONSISTENT_GROUP_PROTOCOL, "KAFKA_GROUP_PROTOCOL"),
        (KafkaError.INVALID_GROUP_ID, "KAFKA_CONSUMER_GROUP"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, "KAFKA_CONSUMER_GROUP"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "KAFKA_TOPIC"),
        (KafkaError.CLUSTER_AUTHORIZATION_FAILED, "the user of KAFKA_CONFIG"),
        (KafkaError._AUTHENTICATION, "sasl.password in KAFKA_CONFIG"),
        (KafkaError.INVALID_SESSION_TIMEOUT, "session.timeout.ms in KAFKA_CONFIG"),
        (KafkaError._FENCED, "transactional.id of KAFKA_CONFIG"),
    ],
)
def test_each_refusal_names_the_setting_also_behind_a_fatal_error(code: int, setting: str) -> None:
    error = KafkaError(code)
    assert is_refusal(error)
    assert setting in explained(error)
    assert setting in explained(KafkaError(KafkaError._FATAL, f"Fatal error: {error.str()}: it"))


def test_a_fenced_member_is_told_once_and_what_to_do() -> None:
    assert explained(FENCED) == (
        "Broker: Static consumer fenced by other consumer with same group.instance.id: "
        "group.instance.id of KAFKA_CONFIG is in use twice: give every process its own, "
        "or remove it"
    )


def test_an_unknown_error_keeps_its_words() -> None:
    assert not is_refusal(AWAY)
    assert explained(KafkaError(KafkaError._FATAL, "no idea")) == "no idea"


def test_an_error_of_a_call_says_what_to_do_or_who_did_not_answer() -> None:
    client_log = ClientLog("b:1")
    assert "KAFKA_CONSUMER_GROUP" in told(GROUP, client_log)
    assert "KAFKA_BOOTSTRAP_SERVER=b:1" in told(AWAY, client_log)


def test_what_a_call_raises_is_its_error() -> None:
    def fails(_timeout: float) -> None:
        raise KafkaException(FENCED)

    assert raised(fails, 1, ClientLog("b:1")) is FENCED
    assert raised(lambda timeout: timeout, 1, ClientLog("b:1")) is None


def test_an_error_that_a_callback_has_lost_is_found_in_the_log() -> None:
    def loses(_timeout: float) -> None:
        raise SystemError("flush returned NULL without setting an exception")

    client_log = ClientLog("b:1")
    with pytest.raises(SystemError):
        raised(loses, 1, client_log)
    client_log.log(logging.CRITICAL, "%s [%s] %s", "FATAL", "c", f"Fatal error: {GROUP.str()}: no")
    found = raised(loses, 1, client_log)
    assert found is not None
    assert is_fatal(found)
    assert "KAFKA_CONSUMER_GROUP" in explained(found)


def refusals() -> tuple[Refusals, Clock]:
    clock = Clock()
    return Refusals(clock), clock


def test_a_refusal_must_last() -> None:
    seen, clock = refusals()
    seen.note(GROUP)
    clock.advance(LASTS_S - 0.1)
    assert seen.lasting() is None
    clock.advance(0.1)
    assert seen.lasting() is GROUP


def test_a_refusal_that_has_passed_is_forgotten() -> None:
    seen, clock = refusals()
    seen.note(GROUP)
    clock.advance(LASTS_S - 1)
    seen.passed()
    clock.advance(2)
    seen.note(GROUP)
    assert seen.lasting() is None


def test_a_broker_that_is_away_is_no_refusal() -> None:
    seen, clock = refusals()
    seen.note(AWAY)
    clock.advance(10 * LASTS_S)
    assert seen.lasting() is None


@pytest.mark.parametrize(
    ("every", "lasts"),
    [(2.0, True), (REPEATED_WITHIN_S + 1, False)],
)
def test_a_password_is_refused_for_good_only_again_and_again(every: float, lasts: bool) -> None:
    seen, clock = refusals()
    for _ in range(10):
        seen.note(PASSWORD)
        clock.advance(every)
    assert (seen.lasting() is not None) == lasts


def test_a_password_that_was_refused_once_is_no_end() -> None:
    seen, clock = refusals()
    seen.note(PASSWORD)
    clock.advance(10 * LASTS_S)
    assert seen.lasting() is None
