"""Which part of a topic is read: all that comes, or a stretch that is fixed beforehand."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from velox.consumer.polling.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a topic.

    Attributes:
        starts: where each partition begins: then no group is joined and nothing is committed. None
            for where the group stands, as a member of it.
        ends: by partition, the offset at which reading ends; a partition that is not in it is not
            read at all. None for no end.
    """

    starts: Mapping[int, int] | None = None
    ends: Mapping[int, int] | None = None

    def end(self, partition: int) -> float:
        """The offset at which a partition is not read any more."""
        return math.inf if self.ends is None else self.ends.get(partition, 0)

    def is_read(self, partitions: Collection[int], ledger: Ledger) -> bool:
        """Whether nothing of these partitions is left to read, or in flight."""
        if ledger.images:
            return False
        done = ((ledger.position(each)[0], self.end(each)) for each in partitions)
        return all(end == 0 or (offset is not None and offset >= end) for offset, end in done)


WHOLE = Stretch()
