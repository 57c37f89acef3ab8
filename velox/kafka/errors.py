"""Errors of Kafka's clients that waiting does not mend, and the setting that does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException

from velox.base.errors import BrokerUnavailable
from velox.kafka.client_log import ClientLog

LASTS_S = 15.0
# Authentication is tried again every few seconds, so a refusal that is not repeated has passed.
REPEATED_WITHIN_S = 60.0

_CREDENTIALS = "check sasl.mechanism, sasl.username and sasl.password in KAFKA_CONFIG"
_NO_SUCH_PROTOCOL = (
    "the broker does not know what KAFKA_GROUP_PROTOCOL or KAFKA_CONFIG asks for; "
    "KAFKA_GROUP_PROTOCOL=classic works with every broker"
)
_INSTANCE = (
    "group.instance.id of KAFKA_CONFIG is in use twice: give every process its own, or remove it"
)
_TRANSACTIONAL = "transactional.id of KAFKA_CONFIG is in use twice: remove it"
_ADVICE = {
    KafkaError.FENCED_INSTANCE_ID: _INSTANCE,
    KafkaError.UNRELEASED_INSTANCE_ID: (
        f"{_INSTANCE}; the id of a killed process is free again once its session has ended"
    ),
    KafkaError.UNSUPPORTED_VERSION: _NO_SUCH_PROTOCOL,
    KafkaError._UNSUPPORTED_FEATURE: _NO_SUCH_PROTOCOL,
    KafkaError.UNSUPPORTED_ASSIGNOR: (
        "the broker has no such assignor: check group.remote.assignor in KAFKA_CONFIG"
    ),
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: (
        "the members of KAFKA_CONSUMER_GROUP must agree on KAFKA_GROUP_PROTOCOL and on "
        "partition.assignment.strategy in KAFKA_CONFIG"
    ),
    KafkaError.INVALID_GROUP_ID: "the broker does not accept this KAFKA_CONSUMER_GROUP",
    KafkaError.GROUP_MAX_SIZE_REACHED: (
        "KAFKA_CONSUMER_GROUP is full: the broker's group.max.size allows no more members"
    ),
    KafkaError.INVALID_SESSION_TIMEOUT: (
        "session.timeout.ms in KAFKA_CONFIG must be within the broker's "
        "group.min.session.timeout.ms and group.max.session.timeout.ms"
    ),
    KafkaError.GROUP_AUTHORIZATION_FAILED: (
        "allow the user of KAFKA_CONFIG to READ and DESCRIBE KAFKA_CONSUMER_GROUP"
    ),
    KafkaError.TOPIC_AUTHORIZATION_FAILED: (
        "allow the user of KAFKA_CONFIG to DESCRIBE, READ (consumer) or WRITE (producer) "
        "KAFKA_TOPIC, and to WRITE its dead letters and KAFKA_RESULTS_TOPIC"
    ),
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: (
        "allow the user of KAFKA_CONFIG IDEMPOTENT_WRITE on the cluster or WRITE on the topic"
    ),
    KafkaError.OFFSET_METADATA_TOO_LARGE: (
        "set the broker's offset.metadata.max.bytes to 256 or more; its default is 4096"
    ),
    KafkaError.TOPIC_EXCEPTION: "the broker does not accept this name: check KAFKA_TOPIC",
    KafkaError._AUTHENTICATION: _CREDENTIALS,
    KafkaError.SASL_AUTHENTICATION_FAILED: _CREDENTIALS,
    KafkaError.UNSUPPORTED_SASL_MECHANISM: _CREDENTIALS,
    KafkaError._FENCED: _TRANSACTIONAL,
    KafkaError.PRODUCER_FENCED: _TRANSACTIONAL,
}
_REPEATED = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
    }
)


def is_fatal(error: KafkaError) -> bool:
    """Whether the client can do nothing any more. A consumer's message has only the code."""
    return error.fatal() or error.code() == KafkaError._FATAL


def raised(
    call: Callable[[float], object], timeout: float, client_log: ClientLog
) -> KafkaError | None:
    """Make a call that serves a producer's callbacks; the error that it raised, if any.

    The client raises a fatal error there instead of telling `error_cb`. A callback that is served
    after that finds it pending, and the interpreter makes a SystemError of it, or loses it: then
    the client's log has told it (seen with confluent-kafka 2.16.1).
    """
    try:
        call(timeout)
    except KafkaException as error:
        found: KafkaError = error.args[0]
        return found
    except SystemError:
        if not client_log.fatal:
            raise
        return KafkaError(KafkaError._FATAL, client_log.fatal, fatal=True)
    return None


def is_refusal(error: KafkaError) -> bool:
    """Whether it takes a setting or a right, and not time, to mend it."""
    return error.code() in _ADVICE


def explained(error: KafkaError) -> str:
    """The error's text and, where it is known, what to do about it."""
    code = error.code()
    if code == KafkaError._FATAL:
        # The code behind it is told in words alone: `Fatal error: <words of the code>: ...`.
        code = next((each for each in _ADVICE if _words(each) in error.str()), code)
    text = error.str() if code == error.code() else _words(code)
    return f"{text}: {_ADVICE[code]}" if code in _ADVICE else text


def told(error: KafkaError, client_log: ClientLog) -> str:
    """What to say of an error of a call: what to do, or which broker did not answer and why."""
    return explained(error) if is_refusal(error) else client_log.explain(error)


@contextmanager
def as_unavailable(
    client_log: ClientLog, about: str = "", *, serve: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Make what a client raises the error that the rest of Velox knows.

    Args:
        client_log: of the client.
        about: what cannot be done, said before the reason.
        serve: takes in what the client has to say, before the reason is told.

    Raises:
        BrokerUnavailable: when the broker does not answer in time, or refuses.
    """
    try:
        yield
    except KafkaException as error:
        serve()
        reason = told(error.args[0], client_log)
        raise BrokerUnavailable(f"{about}: {reason}" if about else reason) from None


def _words(code: int) -> str:
    return KafkaError(code).str()


class Refusals:
    """A refusal that lasts: one alone may pass, while rights are being given or a broker starts.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._error: KafkaError | None = None
        self._since = self._last = 0.0

    def note(self, error: KafkaError) -> None:
        """Take in an error of the client; any that is no refusal is passed over."""
        if not is_refusal(error):
            return
        now = self._clock()
        if self._error is None or (
            error.code() in _REPEATED and now - self._last > REPEATED_WITHIN_S
        ):
            self._since = now
        self._error, self._last = error, now

    def passed(self) -> None:
        """What was refused has gone through."""
        self._error = None

    def lasting(self) -> KafkaError | None:
        """The refusal that has lasted too long, if there is one."""
        if self._error is None:
            return None
        # Of a group or a topic it is told once, and then no more while it lasts.
        repeated = self._error.code() in _REPEATED
        until = self._last if repeated else self._clock()
        return self._error if until - self._since >= LASTS_S else None
