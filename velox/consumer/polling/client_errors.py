"""What the consumer's client says went wrong: which of it passes, and which ends the poll loop."""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import KafkaError

from velox.kafka.client_log import ClientLog
from velox.kafka.errors import Refusals, is_fatal
from velox.monitoring.metrics import Metrics

# librdkafka repeats such errors about every 30 s while a broker is away.
TROUBLE_LASTS_S = 60.0
TROUBLE = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
    }
)


class ClientErrors:
    """Takes the client's errors. Only for the thread that polls, but for `in_trouble`.

    Args:
        metrics: counts them.
        client_log: logs them.
        clock: monotonic seconds.
    """

    def __init__(
        self, metrics: Metrics, client_log: ClientLog, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics = metrics
        self._client_log = client_log
        self._clock = clock
        self._fatal: KafkaError | None = None
        self._refusals = Refusals(clock)
        self._trouble_until = clock()

    def take(self, error: KafkaError) -> None:
        """Count and log an error, and remember what it means."""
        self._metrics.kafka_errors.inc()
        if is_fatal(error):
            self._fatal = error
        self._refusals.note(error)
        if error.code() in TROUBLE:
            self._trouble_until = self._clock() + TROUBLE_LASTS_S
        self._client_log.error(error)

    def passed(self) -> None:
        """The broker gave something: it refuses us no more."""
        self._refusals.passed()

    def final(self) -> KafkaError | None:
        """An error that no retry can mend, if there is one."""
        return self._fatal or self._refusals.lasting()

    def in_trouble(self) -> bool:
        """Whether the broker has lately been unreachable."""
        return self._clock() < self._trouble_until
