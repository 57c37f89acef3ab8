"""A ledger that leaves some records where they are, and remembers what was done behind them.

A redrive takes those letters that it is told to. A group's commit is one offset, and must not pass
a letter that is left; so it stays in front of the first of them, and the commit's metadata names
what was done behind it: where a later redrive comes by, it passes that over.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from velox.base.records import Record, Redriven
from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.notes import Notes

# A broker takes 4096 bytes of metadata with a commit (offset.metadata.max.bytes), of which the
# identity of cluster and topic need about a hundred, and the beginning and the last run as many.
MOST_BYTES = 3_800
Run = tuple[int, int]
_NOTE = re.compile(r"(?:^|;)done=([0-9]+)((?:\+[0-9]+-[0-9]+)+)(?:;|$)")


@dataclass(slots=True)
class _Held:
    """One partition of which something may be left.

    Attributes:
        before: what earlier redrives have done: from, to (not included).
        first: the first letter that is left, None while none is.
        runs: what was done behind it: from, to (not included).
        joins: whether the next that is done continues the last run.
        left: letters that will be left, once their turn comes.
        stretch: the last letters that will be left in a row: from, to (not included).
        size: bytes that the runs between those will take.
    """

    before: list[Run] = field(default_factory=list)
    first: int | None = None
    runs: list[Run] = field(default_factory=list)
    joins: bool = False
    left: set[int] = field(default_factory=set)
    stretch: Run | None = None
    size: int = 0

    def leave(self, offset: int) -> None:
        self.left.add(offset)
        if self.stretch is None:
            self.stretch = offset, offset
        begin, end = self.stretch
        if offset > end:
            self.size += len(_written(begin, [(end, offset)]))
            begin = offset
        self.stretch = begin, offset + 1

    def beyond(self, offset: int) -> list[Run]:
        """What earlier redrives have done of the letters from an offset on."""
        return [(max(begin, offset), end) for begin, end in self.before if end > offset]

    def finish(self, offset: int) -> None:
        if offset in self.left:
            self.left.discard(offset)
            self.first = offset if self.first is None else self.first
            self.joins = False
        elif self.first is not None:
            begin = self.runs.pop()[0] if self.joins else offset
            self.runs.append((begin, offset + 1))
            self.joins = True


class HoldingLedger(Ledger, Notes):
    """See `Ledger`; of letters, some may be left."""

    def __init__(self, *, max_images: int, max_bytes: int) -> None:
        super().__init__(max_images=max_images, max_bytes=max_bytes)
        self._held: dict[int, _Held] = {}

    # What earlier redrives have done.

    def read(self, metadata: Mapping[int, str]) -> None:
        """See Notes."""
        with self._changed:
            for number, text in metadata.items():
                self._held.setdefault(number, _Held()).before = _runs_of(text)

    def written(self, partition: int) -> str:
        """See Notes."""
        with self._changed:
            held, reached = self._held.get(partition), super().position(partition)[0]
            if held is None or reached is None:
                return ""
            at = reached if held.first is None else held.first
            # This one may end before it comes by what earlier ones have done.
            runs = [*held.runs, *held.beyond(reached)]
            return f";done={at}{_written(at, runs)}" if runs else ""

    def is_done(self, letter: Record) -> bool:
        """Whether an earlier redrive has taken this letter."""
        with self._changed:
            held = self._held.get(letter.partition)
            return held is not None and any(
                begin <= letter.offset < end for begin, end in held.before
            )

    # What this one does.

    def leave(self, letter: Record) -> None:
        """Leave a letter where it is; to be said before it is finished."""
        with self._changed:
            if super().is_current(letter):
                self._held.setdefault(letter.partition, _Held()).leave(letter.offset)

    def is_full(self, letter: Record) -> bool:
        """Whether no more can be remembered than what was done before this letter."""
        with self._changed:
            held = self._held.get(letter.partition)
            if held is None or held.stretch is None:
                return False
            earlier = _written(letter.offset, held.beyond(letter.offset))
            return held.size + len(earlier) >= MOST_BYTES

    def assign(self, partitions: Iterable[int]) -> None:
        """See Ledger."""
        with self._changed:
            numbers = list(partitions)
            for number in numbers:
                self._held[number] = _Held()
            super().assign(numbers)

    def is_current(self, record: Record) -> bool:
        """Whether the partition of a letter, or of what was made of it, is still held."""
        letter = record.letter if isinstance(record, Redriven) else record
        return letter is not None and super().is_current(letter)

    def finish(self, records: Sequence[Record]) -> None:
        """See Ledger."""
        with self._changed:
            for record in records:
                if super().is_current(record):
                    self._held.setdefault(record.partition, _Held()).finish(record.offset)
            super().finish(records)

    def uncommitted(self, partitions: Collection[int] | None = None) -> dict[int, int]:
        """See Ledger; no offset is past a letter that is left.

        Behind such a one it is there again each time, since what the commit says besides may have
        changed.
        """
        with self._changed:
            return {
                number: self._before_first(number, offset)
                for number, offset in super().uncommitted(partitions).items()
            }

    def _before_first(self, number: int, offset: int) -> int:
        held = self._held.get(number)
        return offset if held is None or held.first is None else min(offset, held.first)


def _written(at: int, runs: Iterable[Run]) -> str:
    """Runs as text: how many letters lie before each, from an offset on, and how many it has."""
    text = ""
    for begin, end in runs:
        text += f"+{begin - at}-{end - begin}"
        at = end
    return text


def _runs_of(metadata: str) -> list[Run]:
    found = _NOTE.search(metadata)
    if found is None:
        return []
    at, runs = int(found[1]), []
    for pair in found[2][1:].split("+"):
        left, done = (int(each) for each in pair.split("-"))
        runs.append((at + left, at + left + done))
        at += left + done
    return runs
