"""Between batch and decoding: dead letters become the records that they were."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence

from velox.base.errors import BrokerUnavailable
from velox.base.logs import ThinnedLog
from velox.base.records import DEAD_LETTERS, PARKED, DeadLetter, Record, Redriven
from velox.base.waiting import until_done
from velox.consumer.redrive.choosing import Choice, Tally
from velox.consumer.redrive.holding_ledger import HoldingLedger
from velox.consumer.redrive.letters import (
    Letter,
    LetterRefused,
    Lookup,
    letter_of,
    parked_letter_of,
    restored,
)

STAGE = "redrive"

log = logging.getLogger(__name__)


class Sorting:
    """Tells the letters to redrive from those to leave, to pass over and to put aside.

    Args:
        choice: which are redriven.
        ledger: told which are left; asked which were taken before.
        topic: of the records.
        ends: of its partitions.
        original: the record at a place of that topic.
        abort: ends the wait for a broker that does not answer.
        enough: set once no further letter is taken.

    Attributes:
        tally: what became of them.
    """

    def __init__(
        self,
        choice: Choice,
        *,
        ledger: HoldingLedger,
        topic: str,
        ends: Mapping[int, int],
        original: Lookup,
        abort: threading.Event,
        enough: threading.Event,
    ) -> None:
        self.tally = Tally()
        self._choice = choice
        self._ledger = ledger
        self._topic = topic
        self._ends = ends
        self._original = original
        self._abort = abort
        self._enough = enough
        self._trouble = ThinnedLog(log, per_second=0.1)

    def __call__(self, records: Sequence[Record]) -> tuple[list[Record], list[DeadLetter]]:
        """The records to classify, and letters that are put aside, of those that were polled."""
        wanted: list[Record] = []
        refused: list[DeadLetter] = []
        for record in records:
            letter = self._letter_of(record)
            try:
                found = self._sort(letter)
            except LetterRefused as error:
                self.tally.refused += 1
                refused.append(DeadLetter(letter.record, STAGE, error))
                continue
            if found is not None:
                self.tally.taken += 1
                wanted.append(found)
        return wanted, refused

    def _letter_of(self, record: Record) -> Letter:
        if record.topic == self._topic + PARKED:
            return parked_letter_of(record, (self._topic + DEAD_LETTERS, record.topic))
        return letter_of(record)

    def _sort(self, letter: Letter) -> Redriven | None:
        record, taken = letter.record, self.tally.taken + self.tally.refused
        if self._ledger.is_done(record):
            self.tally.passed += 1
            return None
        self.tally.scattered = self.tally.scattered or self._ledger.is_full(record)
        if self._choice.is_over(taken) or self.tally.scattered:
            self._enough.set()
        if self._enough.is_set() or not self._choice.wants(letter):
            self.tally.left += 1
            self._ledger.leave(record)
            return None
        self.tally.reasons[letter.reason] += 1
        return restored(letter, topic=self._topic, ends=self._ends, original=self._patiently)

    def _patiently(self, partition: int, offset: int) -> Record | None:
        return until_done(
            lambda: self._original(partition, offset),
            retryable=BrokerUnavailable,
            stop=self._abort,
            on_failure=lambda error: self._trouble.warning(
                "the record of a dead letter could not be read, trying again reason=%r", str(error)
            ),
        )
