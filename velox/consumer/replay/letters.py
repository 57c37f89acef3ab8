"""What a replay cannot classify is said and counted: its dead letter is there already."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from velox.base.errors import MessageRefused
from velox.base.records import DeadLetter


class NoLetters:
    """Takes dead letters (see `Receiver`), and sends none; whoever made them logs them."""

    topic = "nowhere"

    def send(self, letters: Sequence[DeadLetter], /) -> list[DeadLetter]:
        """See Receiver."""
        logging.getLogger(__name__).debug("not sent letters=%d", len(letters))
        return []

    def refused(self) -> list[tuple[DeadLetter, MessageRefused]]:
        """See Receiver."""
        return []
