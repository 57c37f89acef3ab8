"""What is shown first: the groups that teach most."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest

from velox.base.candidates import UNKNOWN, Candidate

# More of one group than this are shown as several.
MOST_IN_GROUP = 24

Group = list[Candidate]


def doubt(candidate: Candidate) -> float:
    """How unsure the model is of an image; what it takes for nothing it knows comes first."""
    return 1.0 - candidate.confidence + (candidate.reason == UNKNOWN)


def grouped(candidates: Sequence[Candidate], near: Sequence[int]) -> list[Group]:
    """Images that are nearly the same and called the same, in the order of what they teach.

    Of each predicted label the group with the most doubtful image comes first; then those of all
    labels take turns, so that the first few show something of each.

    Args:
        candidates: the images.
        near: a number of each, the same for those that are nearly the same.
    """
    parts: dict[tuple[str, int], Group] = defaultdict(list)
    for candidate, number in zip(candidates, near, strict=True):
        parts[candidate.predicted_label, number].append(candidate)
    of_label: dict[str, list[Group]] = defaultdict(list)
    for (label, _), found in parts.items():
        found.sort(key=doubt, reverse=True)
        of_label[label] += [
            found[first : first + MOST_IN_GROUP] for first in range(0, len(found), MOST_IN_GROUP)
        ]
    for groups in of_label.values():
        groups.sort(key=lambda group: doubt(group[0]), reverse=True)
    turns = zip_longest(*(of_label[label] for label in sorted(of_label)))
    return [
        group
        for turn in turns
        for group in sorted(filter(None, turn), key=lambda each: doubt(each[0]), reverse=True)
    ]
