"""What a Kafka client says of itself: kept as the reason of a trouble, and logged once.

A client that cannot connect says so up to twenty times a second, in the same words. It puts that
into a queue of its own until somebody polls it.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

from confluent_kafka import KafkaError

AGAIN_AFTER_S = 30.0
MOST_KEPT = 200
TROUBLE_LASTS_S = 30.0
# No broker answered: the reason is in what was logged before.
AWAY = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
    }
)
# Facilities of librdkafka whose lines say why a broker cannot be reached (`rd_kafka_log` in its
# rdkafka_broker.c).
_FAILED, _BAD_ADDRESS, _FATAL = "FAIL", "BROKER", "FATAL"
_THREAD = re.compile(r"^\[thrd:.*?\]: (?=\S)")
_STATE = re.compile(r" \(after (\d+)ms in state (\w+)[^)]*\)$")
# KAFKA_CONFIG goes to every client.
_OF_OTHERS = re.compile(r"is a (consumer|producer) property and will be ignored")
_NUMBER = re.compile(r"\d+")
# A broker of which others told has its number behind its address.
_LEARNED = re.compile(r"(?:\w+://)?(\S+:\d+)/\d+: ")
_CLOSED = re.compile(r"Disconnected\b")
_CREDENTIALS = re.compile(r"[^\s,/'\"=]+:[^\s,/'\"]*@")
# A listener that asks for more than it was given closes the connection without a word.
_AT_ONCE_MS = 2000
_HINTS = (
    (
        re.compile("SASL|uthenticat"),
        "check sasl.mechanism, sasl.username and sasl.password in KAFKA_CONFIG",
    ),
    (re.compile("SSL|certificate"), "check security.protocol and ssl.* in KAFKA_CONFIG"),
    (
        re.compile("Invalid response size"),
        "this is not Kafka, or it wants TLS (security.protocol in KAFKA_CONFIG)",
    ),
)

log = logging.getLogger("velox.kafka")


class ClientLog:
    """Stands where a client's logger would: each line comes here while the client is polled.

    Args:
        bootstrap: broker addresses, to be named with a trouble.
        clock: monotonic seconds.

    Attributes:
        fatal: why the client can do nothing any more, empty while it can.
    """

    def __init__(self, bootstrap: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.fatal = ""
        self._where = f"KAFKA_BOOTSTRAP_SERVER={_without_credentials(bootstrap)}"
        self._addresses = [each.strip() for each in bootstrap.split(",")]
        self._clock = clock
        self._trouble, self._trouble_until = "", clock()
        self._said: dict[str, float] = {}

    def log(self, level: int, message: str, facility: str, client: str, text: str) -> None:
        """Take a line, as the client gives it to `logging.Logger.log`."""
        if level <= logging.DEBUG:
            log.log(level, message, facility, client, text)
            return
        text = _THREAD.sub("", text)
        state = _STATE.search(text)
        reason = _words(text)
        closed = facility == _FAILED and _CLOSED.search(reason) is not None
        if facility == _FATAL:
            self.fatal = reason
        elif facility in (_FAILED, _BAD_ADDRESS):
            at_once = state is not None and int(state[1]) < _AT_ONCE_MS
            if not closed or at_once:
                self._keep(reason, state[2] if state and closed else "")
        # Brokers close what is idle, and every restart of one closes connections.
        expected = closed or _OF_OTHERS.search(reason) is not None
        self._say(logging.DEBUG if expected else level, reason, message, facility, client, reason)

    def error(self, error: KafkaError) -> None:
        """Log an error that the client handed to its user, unless these words were just logged."""
        reason = _words(error.str())
        # One that names an offset has other words for each record.
        same = reason if error.code() in AWAY else _NUMBER.sub("0", reason)
        self._say(logging.WARNING, same, "kafka error=%s reason=%r", error.name(), reason)

    def trouble(self) -> str:
        """Why no broker was reached lately, with the address and its variable, else empty."""
        return self._trouble if self._clock() < self._trouble_until else ""

    def explain(self, error: KafkaError) -> str:
        """The error's words and, where no broker answered, which one and why as far as is known."""
        if error.code() not in AWAY:
            return error.str()
        return f"{error.str()}: {self.trouble() or self._where}"

    def _keep(self, reason: str, closed_in: str) -> None:
        if closed_in == "APIVERSION_QUERY":
            reason += "; does it want TLS (security.protocol in KAFKA_CONFIG)?"
        elif closed_in == "UP":
            reason += "; does it want a password (security.protocol, sasl.* in KAFKA_CONFIG)?"
        else:
            hint = next((words for sign, words in _HINTS if sign.search(reason)), "")
            hint = hint or self._hint_of_address(reason)
            reason += f"; {hint}" if hint else ""
        self._trouble = f"{self._where}: {reason}"
        self._trouble_until = self._clock() + TROUBLE_LASTS_S

    def _hint_of_address(self, reason: str) -> str:
        """What to do where a broker that was reached sent the client on to another address."""
        named = _LEARNED.match(reason)
        if named is None or named[1] in self._addresses:
            return ""
        return "the brokers gave this address themselves: check their advertised.listeners"

    def _say(self, level: int, reason: str, message: str, *values: object) -> None:
        now = self._clock()
        if now < self._said.get(reason, now):
            return
        if len(self._said) >= MOST_KEPT:
            self._said.clear()
        self._said[reason] = now + AGAIN_AFTER_S
        log.log(level, message, *values)


def _words(text: str) -> str:
    """A line without what differs each time: so many ms in such a state, so many suppressed."""
    return _without_credentials(_STATE.sub("", text).replace("/bootstrap: ", ": ", 1))


def _without_credentials(text: str) -> str:
    """Without `user:password@` in an address: Kafka knows no such thing, but people write it."""
    return _CREDENTIALS.sub("", text)
