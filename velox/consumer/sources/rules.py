"""What a source has of its own: thresholds, targets, crop, how often it must be heard."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from velox.base.records import Record
from velox.consumer.sources.pattern import ANY, fits
from velox.images.cropping import Crop

# Names are the sender's choice, so those whose rule is remembered have a bound.
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a source has of its own; for all else it is as every other source.

    Attributes:
        threshold: the least confidence of a match, in [0, 1]; None for the usual one.
        of_label: the same for single labels.
        targets: labels that count as a match; None for the usual ones.
        crop: the part of its images that is looked at; None for all.
        expect_s: seconds after which it should have been heard of again; None if it need not.
    """

    threshold: float | None = None
    of_label: Mapping[str, float] = field(default_factory=dict)
    targets: frozenset[str] | None = None
    crop: Crop | None = None
    expect_s: float | None = None

    def threshold_of(self, label: str, usual: float) -> float:
        """The least confidence of a match of a label, which for other sources is `usual`."""
        own = self.of_label.get(label, self.threshold)
        return usual if own is None else own


# Stands for what was not looked for yet; another thread may forget a name at any moment.
_NOT_YET = Rule()


class Sources:
    """The rules of all sources. Does not change; safe to share between threads.

    Args:
        rules: by pattern; the first that a source's name fits is its rule.

    Attributes:
        named: the sources that are named in full, without a `*`.
    """

    def __init__(self, rules: Mapping[str, Rule] | None = None) -> None:
        self._rules = dict(rules or {})
        self._found: dict[str, Rule | None] = {}
        self.named = [name for name in self._rules if ANY not in name]
        self.crops = any(rule.crop is not None for rule in self._rules.values())

    def __len__(self) -> int:
        return len(self._rules)

    def of(self, record: Record) -> Rule | None:
        """The rule of the source that a record comes from, None where it has none."""
        if not self._rules or (name := record.source) is None:
            return None
        return self.of_name(name)

    def of_name(self, name: str) -> Rule | None:
        """The same, by the source's name."""
        remembered = self._found.get(name, _NOT_YET)
        if remembered is not _NOT_YET:
            return remembered
        found = next((rule for pattern, rule in self._rules.items() if fits(pattern, name)), None)
        if len(self._found) >= MOST_REMEMBERED:
            # Those that still send come back at once; names that never come again do not stay.
            self._found.clear()
        self._found[name] = found
        return found

    def crop_of(self, record: Record) -> Crop | None:
        """The part of a record's image that is looked at, None for all of it."""
        rule = self.of(record)
        return None if rule is None else rule.crop

    def thresholds(
        self, labels: Sequence[str], usual: Sequence[float]
    ) -> tuple[tuple[float, ...], ...]:
        """What sources have instead of the usual thresholds of these labels, each once."""
        found = {tuple(map(rule.threshold_of, labels, usual)) for rule in self._rules.values()} - {
            tuple(usual)
        }
        return tuple(sorted(found))

    def labels(self) -> Mapping[str, tuple[Collection[str], Collection[str]]]:
        """By pattern the labels that its rule names: those with a threshold, and the targets."""
        return {
            pattern: (rule.of_label, rule.targets or frozenset())
            for pattern, rule in self._rules.items()
        }


NO_RULES = Sources()
