"""What fails again goes back to the dead letters, and after so many times aside."""

from __future__ import annotations

from collections.abc import Sequence

from velox.base.errors import BrokerUnavailable, MessageRefused
from velox.base.records import DeadLetter, Redriven
from velox.consumer.redrive.choosing import Tally
from velox.consumer.stages.topic_sender import Receiver


class WhatFails:
    """Takes dead letters of a redrive (see `Receiver`).

    Args:
        again: the topic that they came from.
        parked: takes those that are not redriven any more.
        most: redrives after which that is so.
        tally: counts what was parked.
    """

    def __init__(
        self,
        again: Receiver[DeadLetter],
        parked: Receiver[DeadLetter],
        *,
        most: int,
        tally: Tally,
    ) -> None:
        self.topic = again.topic
        self._again = again
        self._parked = parked
        self._most = most
        self._tally = tally

    def send(self, letters: Sequence[DeadLetter], /) -> list[DeadLetter]:
        """Send each where it belongs; gives those that were not acknowledged."""
        aside = [each for each in letters if self._is_aside(each)]
        left = _sent([each for each in letters if not self._is_aside(each)], self._again)
        unparked = _sent(aside, self._parked)
        self._tally.parked += len(aside) - len(unparked)
        return left + unparked

    def refused(self) -> list[tuple[DeadLetter, MessageRefused]]:
        """See Receiver."""
        return self._again.refused() + self._parked.refused()

    def _is_aside(self, letter: DeadLetter) -> bool:
        record = letter.record
        return not isinstance(record, Redriven) or record.redrives >= self._most


def _sent(letters: list[DeadLetter], to: Receiver[DeadLetter]) -> list[DeadLetter]:
    """Those that were not acknowledged; that a broker is away does not concern the others."""
    try:
        return to.send(letters) if letters else []
    except BrokerUnavailable:
        return letters
