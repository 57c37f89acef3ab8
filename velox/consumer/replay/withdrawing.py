"""Withdrawing documents: their copy first, then their image, then themselves.

So whatever interrupts it, a document is there until its copy is, and as long as it is there it
leads to its image: the next replay finishes what this one began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from velox.base.errors import DocumentRejected
from velox.base.records import Detection
from velox.stores.image_names import names_of
from velox.stores.interface import Rejected, Store
from velox.stores.removal import FOUND, Removal
from velox.stores.withdrawal import Why, Withdrawal


@dataclass(slots=True)
class Changed:
    """What a replay did to documents.

    Attributes:
        overwritten: those that were there.
        added: those that were not.
        withdrawn: those that are there no more.
    """

    overwritten: int = 0
    added: int = 0
    withdrawn: int = 0


class Withdrawing:
    """Withdraws documents of records that match no more.

    Args:
        removal: of documents.
        withdrawal: looks which there are, and keeps copies.
        folder: of their images.
        keep: whether copies are kept.
    """

    def __init__(
        self, *, removal: Removal, withdrawal: Withdrawal, folder: Path, keep: bool
    ) -> None:
        self._removal = removal
        self._withdrawal = withdrawal
        self._folder = folder
        self._keep = keep

    def withdraw(self, why: Mapping[str, Why]) -> int:
        """Withdraw those that there are of these ids; how many that were.

        Raises:
            VeloxError: see Removal.
            OSError: when an image cannot be removed; its document stays.
        """
        there = list(self._withdrawal.latencies(list(why)))
        if not there:
            return 0
        if self._keep:
            self._withdrawal.keep({each: why[each] for each in there})
        for each in there:
            for name in names_of(each):
                (self._folder / name).unlink(missing_ok=True)
        return self._removal.remove(FOUND, there)


class SameLatency(Store):
    """A store in which a document that is written again keeps the latency that it had.

    What it took from capture to storing was measured once; a replay of last week is no latency.

    Args:
        store: where documents go.
        withdrawal: looks which there are.
        changed: counts them.
    """

    def __init__(self, store: Store, withdrawal: Withdrawal, changed: Changed) -> None:
        self.name = store.name
        self._store = store
        self._withdrawal = withdrawal
        self._changed = changed

    def open(self) -> None:
        """See Store."""
        self._store.open()

    def write(self, detections: Sequence[Detection]) -> Rejected:
        """See Store."""
        had = self._withdrawal.latencies([each.id for each in detections])
        same = [
            replace(each, latency_ms=had[each.id]) if each.id in had else each
            for each in detections
        ]
        refused = self._store.write(same)
        lost = {each.id for each, _ in refused}
        for each in detections:
            if each.id not in lost:
                self._changed.overwritten += each.id in had
                self._changed.added += each.id not in had
        return refused

    def probe(self, detection: Detection) -> DocumentRejected | None:
        """See Store."""
        return self._store.probe(detection)

    def close(self) -> None:
        """See Store."""
        self._store.close()
