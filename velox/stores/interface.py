"""What a store of detections does, and what reads one: the two interfaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from velox.base.errors import DocumentRejected
from velox.base.records import Detection

# The collection or the table.
DETECTIONS = "shapes_found"
HOUR_CHARACTERS = len("2026-01-31T23")

Rejected = list[tuple[Detection, DocumentRejected]]


class Store(Protocol):
    """open / write / close. Writing a detection twice leaves one."""

    name: str

    def open(self) -> None:
        """Connect and make tables or indexes.

        Raises:
            StoreUnavailable: when it cannot be reached now; calling again can help.
            StoreRefuses: when it must be changed first.
        """

    def write(self, detections: Sequence[Detection]) -> Rejected:
        """Make all detections durable, each replacing an earlier one of its id.

        Returns:
            Those that the store refuses for good, with the reason; all others are durable.

        Raises:
            StoreUnavailable: when it is not known that all are durable; calling again can help.
            StoreUnclear: the same, and nobody knows whose fault it is.
            StoreRefuses: when it would refuse whatever comes.
        """

    def probe(self, detection: Detection) -> DocumentRejected | None:
        """Whether the store would take a detection now; nothing of it stays.

        Returns:
            Why it would not, None if it would.

        Raises:
            StoreUnavailable: when that is not known; calling again can help.
        """

    def close(self) -> None:
        """Let go of the connection."""


@dataclass(frozen=True, kw_only=True)
class Totals:
    """All detections in a few numbers.

    Attributes:
        detections: how many there are.
        first, last: the earliest and the latest timestamp, '' if there are none.
        labelled, correct: those with a ground truth, and those of them predicted right.
        lowest_confidence: of any detection, 1 if there are none.
    """

    detections: int = 0
    first: str = ""
    last: str = ""
    labelled: int = 0
    correct: int = 0
    lowest_confidence: float = 1.0


class Reader(Protocol):
    """Each method is one pass in the database, and what it returns is small.

    All raise StoreUnavailable when the store cannot be read.
    """

    name: str

    def totals(self) -> Totals:
        """All detections in a few numbers."""

    def by_label(self, limit: int) -> list[tuple[str, int]]:
        """Label and count, the most frequent first."""

    def by_hour(self, hours: int, limit: int) -> list[tuple[str, str, int]]:
        """Hour (`2026-01-31T23`), label and count over the latest hours that have any, sorted.

        Labels beyond the `limit` most frequent of these hours are left out.
        """

    def by_confidence(self, low: float, bins: int) -> list[int]:
        """Counts in so many equal bins from `low` to 1; what is below is in the first."""

    def confusion(self, limit: int) -> list[tuple[str, str, int]]:
        """Ground truth, predicted label and count, the most frequent pairs first."""

    def models(self, limit: int) -> list[tuple[str, int, str, str]]:
        """Digest, count, first and last timestamp of each model, the latest first."""

    def latest(self, limit: int) -> list[Detection]:
        """The latest detections, newest first."""

    def close(self) -> None:
        """Let go of the connection."""


def filled(counts: Sequence[tuple[int, int]], bins: int) -> list[int]:
    """Counts by bin as one count for each bin."""
    known = dict(counts)
    return [known.get(each, 0) for each in range(bins)]
