"""The end of a batch that the client cannot unpack, so that reading goes on after it.

librdkafka says where such a batch begins, and then fetches it again for ever: a few hundred bytes
that unpack to more than it takes would stop a partition for good. How long the batch is stands in
none of its answers. So the end is looked for: offsets inside the batch give the same error, and
those behind it a record, the end of the partition, or the error of another batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class _Search:
    """For the first offset behind a batch.

    Attributes:
        base: the batch's first offset.
        inside: the largest offset that is known to be of the batch.
        at: where the client was told to read.
        step: how far the next look is from `inside`, while nothing behind is known.
        behind: the smallest offset that is known not to be of the batch.
    """

    base: int
    inside: int
    at: int
    step: int = 1
    behind: int | None = None


class UnreadableBatches:
    """Looks for the ends of such batches. Only for the thread that polls.

    Args:
        seek: lets the client read a partition from an offset on.
        end: the end of what can be read of a partition; nothing is to be read behind that.
    """

    def __init__(self, seek: Callable[[int, int], object], end: Callable[[int], int]) -> None:
        self._seek = seek
        self._end = end
        self._searches: dict[int, _Search] = {}

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop what is known of partitions that are read anew or by others."""
        for partition in partitions:
            self._searches.pop(partition, None)

    def searches(self, partition: int) -> bool:
        """Whether the end of a batch of this partition is being looked for."""
        return partition in self._searches

    def failed(self, partition: int, base: int) -> None:
        """Take the client's word that the batch that begins at `base` cannot be unpacked."""
        search = self._searches.setdefault(partition, _Search(base, base, base))
        if search.base == base:
            search.inside = max(search.inside, search.at)
        else:
            search.behind = search.at
        self._look(partition, search)

    def goes_on(self, partition: int) -> bool:
        """Whether what was now read of a partition counts, or only says where the batch ends."""
        search = self._searches.get(partition)
        if search is None:
            return True
        search.behind = search.at
        if search.behind - search.inside == 1:
            del self._searches[partition]
            return True
        self._look(partition, search)
        return False

    def _look(self, partition: int, search: _Search) -> None:
        if search.behind is None:
            furthest = min(search.inside + search.step, self._end(partition))
            search.at = max(search.inside + 1, furthest)
            search.step *= 2
        elif search.behind - search.inside > 1:
            search.at = (search.inside + search.behind) // 2
        else:
            search.at = search.behind
            del self._searches[partition]
        self._seek(partition, search.at)
