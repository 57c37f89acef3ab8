"""Sending to a topic of ours: each item is acknowledged, to be sent again, or refused for good.

Of a batch that is refused every message is sent alone before it is blamed. What is refused alone
goes in its next smaller form, if it has one; an item whose last form is refused is given up, and
said. So no item keeps those behind it waiting for ever, and none ends in silence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from confluent_kafka import KafkaError

from velox.base.errors import BrokerUnavailable, MessageRefused, SendFailed
from velox.base.logs import ThinnedLog
from velox.base.sink_errors import Verdict, verdict_of
from velox.kafka.acknowledged import AcknowledgedProducer
from velox.kafka.delivery_errors import KAFKA
from velox.kafka.errors import is_refusal
from velox.kafka.messages import Outgoing
from velox.kafka.refused_batches import TOO_LARGE

# An error of no known kind may be the broker's: tried so often, with a pause before each, it takes
# half a minute before one item is given up for it.
UNKNOWN_TRIES = 10
REMEDIES: Mapping[int, str] = {
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE: (
        "remove compression.type from KAFKA_CONFIG: this broker does not know that compression"
    ),
    KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT: (
        "raise the topic's message.format.version to 0.11 or newer, which has headers"
    ),
}

T = TypeVar("T")
log = logging.getLogger(__name__)


class Outbox(Generic[T]):
    """Sends items to one topic.

    Args:
        producer: of that topic.
        name: the topic as users know it, with the variable that names it.
        identity: what tells an item from all others.
        forms: an item as a message, the whole of it first and smaller ones after.

    Attributes:
        topic: where they go.
    """

    def __init__(
        self,
        producer: AcknowledgedProducer,
        *,
        name: str,
        identity: Callable[[T], str],
        forms: Sequence[Callable[[T], Outgoing]],
    ) -> None:
        self.topic = producer.topic
        self._producer = producer
        self._name = name
        self._identity = identity
        self._forms = forms
        self._form: dict[str, int] = {}
        self._tries: dict[str, int] = {}
        self._refused: list[tuple[T, MessageRefused]] = []
        # Where a batch was too large, and not what is in it, the next would be too; and what is
        # sent once more loses its order.
        self._alone = False
        self._too_large: set[str] = set()
        self._trouble = ThinnedLog(log, per_second=0.1)

    def send(self, items: Sequence[T]) -> list[T]:
        """Send all and wait for their acknowledgement.

        Returns:
            Those that have to be sent again; the others are acknowledged or among the `refused`.

        Raises:
            BrokerUnavailable: when not one was acknowledged or refused, with the reason.
            SendFailed: when nothing can be sent there, with the reason and what to do.
        """
        reasons: list[str] = []
        self._too_large.clear()
        again, suspects = self._attempt(items, reasons, alone=self._alone or len(items) == 1)
        while suspects:
            more, suspects = self._attempt(suspects, reasons, alone=True)
            again += more
        if again and len(again) == len(items):
            raise BrokerUnavailable(f"{self._name}: {reasons[0]}")
        return again

    def refused(self) -> list[tuple[T, MessageRefused]]:
        """The items that were refused for good since the last call, with the reasons."""
        refused, self._refused = self._refused, []
        return refused

    def close(self) -> None:
        """Drop what was not acknowledged; its records are not committed and come again."""
        self._producer.close()

    def _attempt(
        self, items: Sequence[T], reasons: list[str], *, alone: bool
    ) -> tuple[list[T], list[T]]:
        """Send items; returns those to send later, and those to send alone at once."""
        messages = [self._forms[self._form.get(self._identity(each), 0)](each) for each in items]
        later: list[T] = []
        suspects: list[T] = []
        answers = self._producer.send(messages, alone=alone)
        for item, message, error in zip(items, messages, answers, strict=True):
            if error is None:
                self._alone |= message.id in self._too_large
                self._forget(item)
                continue
            verdict = verdict_of(KAFKA, error.code())
            # A right that is missing may be given this moment: the producer ends where it lasts.
            if verdict is Verdict.NOT_AT_ALL and not is_refusal(error):
                raise SendFailed(_stopping(self._name, error))
            if verdict in (Verdict.NOT_NOW, Verdict.NOT_AT_ALL):
                reasons.append(error.str())
                later.append(item)
            elif not alone:
                if error.code() in TOO_LARGE:
                    self._too_large.add(message.id)
                suspects.append(item)
            elif verdict is None and self._may_try(item):
                reasons.append(f"{error.str()} ({error.name()})")
                later.append(item)
            elif self._smaller(item, message, error):
                suspects.append(item)
        return later, suspects

    def _may_try(self, item: T) -> bool:
        name = self._identity(item)
        self._tries[name] = self._tries.get(name, 0) + 1
        return self._tries[name] < UNKNOWN_TRIES

    def _smaller(self, item: T, message: Outgoing, error: KafkaError) -> bool:
        """Go on with an item's next form; False where there is none, and it is given up."""
        name = self._identity(item)
        why = f"{error.str()} ({error.name()})"
        reason = f"{self._name} refuses a message of {message.size} bytes: {why}"
        self._tries.pop(name, None)
        form = self._form.get(name, 0) + 1
        if form < len(self._forms):
            self._form[name] = form
            self._trouble.warning(
                "message refused, sending it again with less in it id=%s reason=%r", name, reason
            )
            return True
        self._forget(item)
        self._refused.append((item, MessageRefused(reason)))
        return False

    def _forget(self, item: T) -> None:
        self._form.pop(self._identity(item), None)
        self._tries.pop(self._identity(item), None)


def _stopping(name: str, error: KafkaError) -> str:
    remedy = REMEDIES.get(error.code())
    return f"cannot send to {name}: {error.str()}" + (f"; {remedy}" if remedy else "")
