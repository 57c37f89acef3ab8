"""The search for the end of a batch that cannot be unpacked, on a log that is a list of batches."""

from __future__ import annotations

import pytest

from velox.consumer.polling.unreadable import UnreadableBatches

MOST_LOOKS = 100


class Log:
    """A partition of batches, each given by its length and whether it can be unpacked.

    It answers as librdkafka does: a read anywhere inside a batch that cannot be unpacked gives an
    error with the batch's first offset (rdkafka_msgset_reader.c).
    """

    def __init__(self, *batches: tuple[int, bool]) -> None:
        self.batches = batches
        self.end = sum(length for length, _ in batches)
        self.at = 0
        self.looks = 0
        self.searching = UnreadableBatches(self.seek, lambda _partition: self.end)

    def seek(self, _partition: int, offset: int) -> None:
        assert offset <= self.end, "an offset out of range would begin the partition anew"
        self.at = offset
        self.looks += 1

    def read(self) -> list[int]:
        """The offsets that count, up to the end."""
        taken: list[int] = []
        while self.looks < MOST_LOOKS:
            if self.at == self.end:
                if self.searching.goes_on(0):
                    return taken
                continue
            base = 0
            for length, good in self.batches:  # noqa: B007 - looked at after the loop
                if base <= self.at < base + length:
                    break
                base += length
            if not good:
                self.searching.failed(0, base)
            elif self.searching.goes_on(0):
                taken.append(self.at)
                self.at += 1
        raise AssertionError("it looks for ever")


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 1000, 1_000_000])
def test_everything_else_is_read_once(length: int) -> None:
    log = Log((5, True), (length, False), (3, True), (4, True))
    behind = 5 + length
    assert log.read() == [*range(5), *range(behind, behind + 7)]
    assert log.looks <= 45


@pytest.mark.parametrize("length", [1, 6])
def test_batches_at_the_start_at_the_end_and_one_after_the_other(length: int) -> None:
    log = Log((length, False), (2, True), (length, False), (length, False), (1, True), (3, False))
    first, last = length, 3 * length + 2
    assert log.read() == [first, first + 1, last]


def test_a_partition_that_is_given_up_is_forgotten() -> None:
    log = Log((9, False))
    log.searching.failed(0, 0)
    log.searching.forget([0])
    assert log.searching.goes_on(0)
