"""From the client's messages to records that the ledger has admitted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import cast

from confluent_kafka import KafkaError, Message

from velox.base.records import Record
from velox.consumer.polling.client_errors import ClientErrors
from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.offset_gaps import OffsetGaps
from velox.consumer.polling.positions import Positions
from velox.consumer.polling.stretch import WHOLE
from velox.consumer.polling.unreadable import UnreadableBatches
from velox.kafka.messages import record_of

# Of a batch that cannot be unpacked, that its checksum refutes, or that is larger than the client
# takes (rdkafka_msgset_reader.c): librdkafka says where it begins, and does not get past each.
UNREADABLE = frozenset(
    {
        KafkaError._BAD_COMPRESSION,
        KafkaError._BAD_MSG,
        KafkaError._NOT_IMPLEMENTED,
        KafkaError.MSG_SIZE_TOO_LARGE,
    }
)

Deliver = Callable[[Record], None]


class Intake:
    """Takes what was polled. Only for the thread that polls.

    Args:
        topic: whose messages they are.
        ledger: admits the records.
        gaps: looks for offsets that are missing.
        positions: told where a partition's end was reached.
        unreadable: looks for the ends of batches that cannot be unpacked.
        errors: takes the client's errors, and is told that the broker gave something.
        log_start: the first offset still in a partition's log, negative where unknown.
        saw: told of the records before they are delivered.
        end: the offset from which on a partition's records are left where they are.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        topic: str,
        ledger: Ledger,
        gaps: OffsetGaps,
        positions: Positions,
        unreadable: UnreadableBatches,
        errors: ClientErrors,
        log_start: Callable[[int], int],
        saw: Callable[[Sequence[Record]], None] = lambda _: None,
        end: Callable[[int], float] = WHOLE.end,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topic = topic
        self._ledger = ledger
        self._gaps = gaps
        self._positions = positions
        self._unreadable = unreadable
        self._errors = errors
        self._log_start = log_start
        self._saw = saw
        self._end = end
        self._clock = clock

    def take(self, messages: Iterable[Message], deliver: Deliver) -> None:
        """Deliver the records among the messages, in order, and see to the rest."""
        records: list[Record] = []
        received = self._clock()
        # The rest of what was read of these before the client was told to read elsewhere.
        elsewhere: set[int] = set()
        for message in messages:
            number = cast(int, message.partition())
            if number in elsewhere:
                continue
            if (error := message.error()) is not None:
                self._admit(records, deliver)
                records = []
                goes_on = self._took(error, number, cast(int, message.offset()))
            elif goes_on := self._unreadable.goes_on(number):
                records.append(self._record(message, number, received))
            if not goes_on:
                elsewhere.add(number)
        self._admit(records, deliver)

    def _took(self, error: KafkaError, number: int, offset: int) -> bool:
        """See to what is no record; False if the partition is read elsewhere from now on."""
        if error.code() == KafkaError._PARTITION_EOF:
            self._errors.passed()
            if goes_on := self._unreadable.goes_on(number):
                self._positions.at_end(number, offset)
            return goes_on
        unreadable = error.code() in UNREADABLE and offset >= 0
        if unreadable:
            self._gaps.unreadable(number)
            self._unreadable.failed(number, offset)
        self._errors.take(error)
        return not unreadable

    def _admit(self, records: Sequence[Record], deliver: Deliver) -> None:
        # A rebalance inside consume() may have taken the partition of the record before it.
        records = [record for record in records if self._ledger.is_current(record)]
        if records:
            self._errors.passed()
        records = [record for record in records if record.offset < self._end(record.partition)]
        for record in records:
            self._gaps.check(record, self._log_start)
        self._ledger.admit(records)
        self._saw(records)
        for record in records:
            deliver(record)

    def _record(self, message: Message, number: int, received: float) -> Record:
        epoch = self._ledger.epoch(number)
        return record_of(message, topic=self._topic, epoch=epoch, received=received)
