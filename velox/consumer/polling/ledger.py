"""The ledger: which records are in flight, which are done, and what may be committed.

The poll thread admits records, the last stage finishes them, and between the two the ledger bounds
how many images and bytes there are. Each assignment of a partition opens an epoch; once the
partition is revoked, nothing of that epoch is committed any more, because the broker would accept
a commit for a partition that another consumer owns by then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from velox.base.records import Record


@dataclass(slots=True)
class _Partition:
    """One assigned partition: its epoch, its records in flight, and how far it is done."""

    epoch: int
    since: float
    in_flight: int = 0
    first_offset: int | None = None
    next_offset: int | None = None
    reached: int | None = None
    committed: int | None = None
    last_timestamp_ms: int = 0


class Ledger:
    """Counts records from their poll to their end. Safe to share between threads.

    Args:
        max_images: images in flight at which it is full.
        max_bytes: bytes of records in flight (`Record.held`) at which it is full; one record larger
            than that is still admitted when nothing else is in flight.
        clock: monotonic seconds.
    """

    def __init__(
        self, *, max_images: int, max_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_images = max_images
        self._max_bytes = max_bytes
        self._clock = clock
        self._changed = threading.Condition()
        self._partitions: dict[int, _Partition] = {}
        self._epoch = 0
        self._images = 0
        self._bytes = 0
        self._progress = clock()
        self._abandoned = False

    # Assignments, called by the poll thread.

    def assign(self, partitions: Iterable[int]) -> None:
        """Open a new epoch for each partition."""
        with self._changed:
            for partition in partitions:
                self._epoch += 1
                self._partitions[partition] = _Partition(self._epoch, self._clock())
            self._progress = self._clock()

    def revoke(self, partitions: Iterable[int]) -> None:
        """Forget the partitions: what is still in flight of them can no longer be committed."""
        with self._changed:
            for partition in partitions:
                self._partitions.pop(partition, None)

    def epoch(self, partition: int) -> int:
        """The current epoch of a partition, -1 if it is not assigned."""
        with self._changed:
            state = self._partitions.get(partition)
            return state.epoch if state else -1

    def is_current(self, record: Record) -> bool:
        """Whether the partition is still held under the assignment that polled the record."""
        state = self._partitions.get(record.partition)
        return state is not None and state.epoch == record.epoch

    # The flow: admitted by the poll thread, finished by the last stage.

    def admit(self, records: Sequence[Record]) -> None:
        """Count records as in flight."""
        with self._changed:
            for record in records:
                self._images += 1
                self._bytes += record.held
                if self.is_current(record):
                    state = self._partitions[record.partition]
                    state.in_flight += 1
                    state.reached = None
                    if state.first_offset is None:
                        state.first_offset = record.offset

    def finish(self, records: Sequence[Record]) -> None:
        """Mark records as durable. Those of one partition must come in the order of offsets."""
        with self._changed:
            for record in records:
                self._images -= 1
                self._bytes -= record.held
                if self.is_current(record):
                    state = self._partitions[record.partition]
                    state.in_flight -= 1
                    state.next_offset = record.offset + 1
                    state.last_timestamp_ms = record.timestamp_ms
                    if not state.in_flight and state.reached is not None:
                        state.next_offset, state.reached = state.reached, None
            self._progress = self._clock()
            self._changed.notify_all()

    def reach(self, partition: int, offset: int) -> None:
        """Note that what can be read before this offset was polled, up to the last record.

        Markers of transactions, aborted and expired records take offsets and are never polled. Once
        nothing of the partition is in flight, it is done up to here.
        """
        with self._changed:
            state = self._partitions.get(partition)
            if state is None:
                return
            if state.in_flight:
                state.reached = offset
            elif state.next_offset != offset:
                state.next_offset = offset
                if self._images == 0:
                    self._progress = self._clock()

    # Room, for backpressure.

    @property
    def images(self) -> int:
        """Images in flight."""
        return self._images

    @property
    def bytes(self) -> int:
        """Bytes of records in flight, as `Record.held` counts them."""
        return self._bytes

    def room(self) -> int:
        """How many more images may be admitted now."""
        if self._bytes >= self._max_bytes:
            return 0
        return max(0, self._max_images - self._images)

    def half_empty(self) -> bool:
        """Whether images and bytes in flight are both at half of their bounds or less."""
        return 2 * self._images <= self._max_images and 2 * self._bytes <= self._max_bytes

    def wait_for_room(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for room; whether there is some."""
        with self._changed:
            self._changed.wait_for(lambda: self._abandoned or self.room() > 0, timeout)
            return self.room() > 0

    def wait_until_done(self, partitions: Collection[int], timeout: float) -> bool:
        """Wait at most `timeout` seconds until nothing of these partitions is in flight."""
        with self._changed:
            self._changed.wait_for(lambda: self._abandoned or not self._busy(partitions), timeout)
            return not self._busy(partitions)

    def abandon(self) -> None:
        """Nothing more will finish: end every wait, now and later."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    @property
    def abandoned(self) -> bool:
        """Whether nothing more will finish."""
        return self._abandoned

    def _busy(self, partitions: Collection[int]) -> bool:
        return any(
            self._partitions[each].in_flight > 0 for each in partitions if each in self._partitions
        )

    # Offsets.

    def uncommitted(self, partitions: Collection[int] | None = None) -> dict[int, int]:
        """The offset to commit by partition, where it moved since the last commit."""
        with self._changed:
            return {
                number: state.next_offset
                for number, state in self._partitions.items()
                if (partitions is None or number in partitions)
                and state.next_offset is not None
                and state.next_offset != state.committed
            }

    def committed(self, offsets: dict[int, int]) -> None:
        """Note what the broker acknowledged."""
        with self._changed:
            for number, offset in offsets.items():
                if number in self._partitions:
                    self._partitions[number].committed = offset

    def position(self, partition: int) -> tuple[int | None, int, float]:
        """How far a partition is done.

        Returns:
            The next offset to finish (None before the first is polled), the timestamp of the last
            record finished in milliseconds (0 if none), and when the partition was assigned, in
            monotonic seconds.
        """
        with self._changed:
            state = self._partitions.get(partition)
            if state is None:
                return None, 0, self._clock()
            next_offset = state.first_offset if state.next_offset is None else state.next_offset
            return next_offset, state.last_timestamp_ms, state.since

    def rest(self) -> None:
        """Note that there is nothing to do: being idle now is no lack of progress."""
        with self._changed:
            if self._images == 0:
                self._progress = self._clock()

    def idle_seconds(self) -> float:
        """Seconds without progress: since a record finished or there was nothing to do."""
        with self._changed:
            return self._clock() - self._progress
