"""What a prediction comes to: a match, none, or unknown."""

from __future__ import annotations

from velox.base.records import Outcome
from velox.consumer.sources.rules import Rule


class Decider:
    """Tells what a prediction comes to.

    Args:
        targets: labels that count as a match; empty for all.
    """

    def __init__(self, targets: frozenset[str] = frozenset()) -> None:
        self._targets = targets

    def __call__(
        self,
        label: str,
        confidence: float,
        threshold: float,
        rule: Rule | None = None,
        *,
        unknown: bool = False,
    ) -> Outcome:
        """Decide.

        Args:
            label: the most likely one.
            confidence: its probability.
            threshold: the least confidence of a match of this label.
            rule: of its source, which goes before the settings.
            unknown: whether the image is like none that the model has learned from; then the label
                means nothing.
        """
        if unknown:
            return Outcome.UNKNOWN
        targets = self._targets
        if rule is not None:
            threshold = rule.threshold_of(label, threshold)
            targets = targets if rule.targets is None else rule.targets
        wanted = not targets or label in targets
        return Outcome.MATCH if wanted and confidence >= threshold else Outcome.NO_MATCH
