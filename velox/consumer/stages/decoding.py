"""The decode stage: which of a batch's records are classified, and their pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from velox.base.freshness import ALWAYS_FRESH, Freshness
from velox.base.records import DeadLetter, Record
from velox.consumer.stages.batch import Batch
from velox.consumer.stages.breaker import Breaker
from velox.consumer.stages.decoder import STAGE, Decoder
from velox.images import known_good

Sort = Callable[[Sequence[Record]], tuple[Sequence[Record], Sequence[DeadLetter]]]


def as_they_are(records: Sequence[Record]) -> tuple[Sequence[Record], Sequence[DeadLetter]]:
    """All records, and no dead letter."""
    return records, ()


class Decoding:
    """Adds to a batch the images that its model is to see, and the records that have none.

    Args:
        decoder: bytes to images.
        breaker: asked before what cannot be decoded becomes dead letters.
        is_current: whether a record's partition is still held; others have it now, if not.
        sort: tells which of a batch's records are to be classified, as what, and which are dead
            letters already.
        freshness: tells which are too old to be classified.
    """

    def __init__(
        self,
        decoder: Decoder,
        breaker: Breaker,
        is_current: Callable[[Record], bool],
        sort: Sort = as_they_are,
        freshness: Freshness = ALWAYS_FRESH,
    ) -> None:
        self._decoder = decoder
        self._breaker = breaker
        self._is_current = is_current
        self._sort = sort
        self._freshness = freshness

    def __call__(self, batch: Batch) -> None:
        """Decode what is to be classified, as the batch's model asks for."""
        engine = batch.predictor.engine
        size, preprocessing = engine.input_size, engine.preprocessing
        chosen, refused = self._sort(self._current(batch.records))
        wanted, batch.stale = self._freshness.parted(chosen)
        batch.images, batch.classifiable, dead = self._breaker.until_taken(
            STAGE,
            lambda: self._decoder.decode(self._current(wanted), size, preprocessing, batch.sources),
            told=lambda done: (len(done[1]) + len(done[2]), [each.error for each in done[2]]),
            probe=lambda: self._decoder.refusal(known_good.encoded(), size, preprocessing),
        )
        batch.dead = [*refused, *dead]

    def _current(self, records: Sequence[Record]) -> list[Record]:
        return [record for record in records if self._is_current(record)]
