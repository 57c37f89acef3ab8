"""Which dead letters are redriven, and what is counted of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from velox.consumer.redrive.letters import Letter


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are redriven.

    Attributes:
        reason: the name of the error that made them; None for any.
        since_ms: those that became letters at that moment or later; None for all.
        limit: at most so many; None for no limit.
    """

    reason: str | None = None
    since_ms: int | None = None
    limit: int | None = None

    def wants(self, letter: Letter) -> bool:
        """Whether a letter is one of them, whatever the limit."""
        if self.reason is not None and letter.reason != self.reason:
            return False
        return self.since_ms is None or letter.record.timestamp_ms >= self.since_ms

    def is_over(self, taken: int) -> bool:
        """Whether so many are enough."""
        return self.limit is not None and taken >= self.limit


@dataclass(slots=True)
class Tally:
    """What became of the letters.

    Attributes:
        taken: chosen and whole.
        refused: chosen, with headers that cannot be true or nothing to classify.
        left: not chosen; they stay where they are.
        passed: taken by an earlier redrive.
        parked: put aside, the refused ones among them.
        reasons: of those that were chosen, how many became letters for which reason.
        scattered: whether it ended early, because what is left lies too scattered to be remembered.
    """

    taken: int = 0
    refused: int = 0
    left: int = 0
    passed: int = 0
    parked: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    scattered: bool = False
