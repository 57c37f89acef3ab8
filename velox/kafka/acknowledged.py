"""A Kafka producer that says of every message whether the broker has it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from velox.base.errors import SendFailed
from velox.kafka.client import acknowledged_config
from velox.kafka.client_log import AWAY, ClientLog
from velox.kafka.errors import Refusals, explained, is_fatal, raised
from velox.kafka.messages import Outgoing
from velox.kafka.pair import Pair

TIMEOUT_S = 10.0
ROOM_WAIT_S = 0.1
CLOSE_TIMEOUT_S = 1.0
SERVE_EVERY_S = 1.0


@dataclass(slots=True)
class _Answer:
    """What the broker says of one message, once it does."""

    error: KafkaError | None = None
    given: bool = False


class AcknowledgedProducer:
    """Sends messages to one topic, idempotently, and waits for their acknowledgements.

    A message that no broker takes stays in the client, which goes on by itself and knows what the
    broker has already: it is there once, however long the broker is away.

    Args:
        topic: where they go.
        bootstrap: broker addresses.
        extra: further librdkafka properties.
        role: what it is for, as its `client.id` says.

    Raises:
        SettingError: when librdkafka refuses a property of KAFKA_CONFIG.
    """

    def __init__(
        self, *, topic: str, bootstrap: str, extra: Mapping[str, str], role: str = "producer"
    ) -> None:
        self.topic = topic
        self._fatal: KafkaError | None = None
        self._refusals = Refusals()
        self._log = ClientLog(bootstrap)
        config = acknowledged_config(bootstrap=bootstrap, extra=extra, role=role)
        self._producers = Pair(topic, {**config, "error_cb": self._refusals.note}, self._log)
        self._answers: dict[str, _Answer] = {}
        self._closed = threading.Event()
        threading.Thread(target=self._serve, name=f"serve-{role}", daemon=True).start()

    def send(self, messages: Sequence[Outgoing], *, alone: bool = False) -> list[KafkaError | None]:
        """Send all that do not wait in the client already, and wait for the answers to all.

        Args:
            messages: what to send.
            alone: each in a request of its own, so that it answers for itself alone.

        Returns:
            For each message in order, None if the broker has it, else why that is not known.

        Raises:
            SendFailed: on an error of the client that no retry can mend.
        """
        deadline = time.monotonic() + TIMEOUT_S
        alone = alone and len(messages) > 1
        answers = [self._answer(message, alone, deadline) for message in messages]
        for each in self._producers:
            self._flush(each, max(0.0, deadline - time.monotonic()))
        self._answers = {name: each for name, each in self._answers.items() if not each.given}
        errors = [each.error if each.given else _UNANSWERED for each in answers]
        for error in errors:
            self._note(error)
        if (end := self._fatal or self._refusals.lasting()) is not None:
            raise SendFailed(f"Kafka client of topic {self.topic} failed: {explained(end)}")
        return [self._explained(error) for error in errors]

    def _answer(self, message: Outgoing, alone: bool, deadline: float) -> _Answer:
        """The answer to come to a message; it is sent if it does not wait in the client."""
        if (waiting := self._answers.get(message.id)) is not None:
            return waiting
        answer = _Answer()

        def answered(error: KafkaError | None, _message: Message) -> None:
            answer.error, answer.given = error, True

        while True:
            try:
                self._producers.put(message, answered, alone=alone)
            except BufferError:
                if time.monotonic() >= deadline:
                    return answer
                self._poll(self._producers.of(alone), ROOM_WAIT_S)
            except KafkaException as error:
                answered(error.args[0], cast(Message, None))
                return answer
            else:
                self._answers[message.id] = answer
                return answer

    def _flush(self, producer: Producer, timeout: float) -> None:
        if (error := raised(producer.flush, timeout, self._log)) is not None:
            self._note(error)

    def _poll(self, producer: Producer, timeout: float) -> None:
        if (error := raised(producer.poll, timeout, self._log)) is not None:
            self._note(error)

    def _note(self, error: KafkaError | None) -> None:
        if error is None:
            self._refusals.passed()
        elif is_fatal(error):
            self._fatal = self._fatal or error
        else:
            self._refusals.note(error)

    def _explained(self, error: KafkaError | None) -> KafkaError | None:
        """The same error; where no broker answered, its words say which one and why."""
        if error is None or error.code() not in AWAY:
            return error
        return KafkaError(error.code(), self._log.explain(error))

    def _serve(self) -> None:
        """Take in what the client has to say, also while nothing is sent for hours."""
        while not self._closed.wait(SERVE_EVERY_S):
            for producer in self._producers:
                self._poll(producer, 0)

    def close(self) -> None:
        """Drop what was not acknowledged."""
        self._closed.set()
        for producer in self._producers:
            producer.purge()
            self._flush(producer, CLOSE_TIMEOUT_S)


_UNANSWERED = KafkaError(KafkaError._MSG_TIMED_OUT)
