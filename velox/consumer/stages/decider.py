"""What a prediction comes to: a match or not."""

from __future__ import annotations

from velox.base.records import Outcome


class Decider:
    """Tells what a prediction comes to.

    Args:
        targets: labels that count as a match; empty for all.
    """

    def __init__(self, targets: frozenset[str] = frozenset()) -> None:
        self._targets = targets

    def __call__(self, label: str, confidence: float, threshold: float) -> Outcome:
        """Decide.

        Args:
            label: the most likely one.
            confidence: its probability.
            threshold: the least confidence of a match of this label.
        """
        wanted = not self._targets or label in self._targets
        return Outcome.MATCH if wanted and confidence >= threshold else Outcome.NO_MATCH
