"""The labels that settings ask for: which of them a model does not have."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from velox.consumer.sources.rules import NO_RULES, Sources
from velox.consumer.stages.targets import unknown_labels, unknown_targets


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked for, by setting.

    Attributes:
        targets: of TARGET_LABELS.
        with_threshold: those with one of their own in CONFIDENCE_THRESHOLD.
        sources: the rules of SOURCES_PATH as they are now.
    """

    targets: frozenset[str] = frozenset()
    with_threshold: Collection[str] = ()
    sources: Callable[[], Sources] = lambda: NO_RULES

    def unknown_to(self, labels: Sequence[str]) -> Iterator[str]:
        """What to say of those that a model with these labels does not have."""
        if (said := unknown_targets(self.targets, labels)) is not None:
            yield f"TARGET_LABELS: {said}"
        if (said := unknown_labels(self.with_threshold, labels)) is not None:
            yield f"CONFIDENCE_THRESHOLD: {said}"
        for pattern, (with_threshold, targets) in self.sources().labels().items():
            if (said := unknown_targets(targets, labels)) is not None:
                yield f"SOURCES_PATH: {pattern!r} targets: {said}"
            if (said := unknown_labels(with_threshold, labels)) is not None:
                yield f"SOURCES_PATH: {pattern!r} thresholds: {said}"
