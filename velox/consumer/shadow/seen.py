"""Images that the model in use has decided, as another model sees them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Self

from velox.base.records import Prediction, Record
from velox.consumer.sources.rules import Sources
from velox.consumer.stages.batch import Batch
from velox.consumer.stages.decoder import Decoder
from velox.models.engine.interface import Engine, Images

Decided = Sequence[tuple[Record, Prediction]]


@dataclass(frozen=True, slots=True)
class Seen:
    """Decided images of a batch.

    Attributes:
        engine: the model that has decided.
        images: as that model takes them, uint8 RGB [N, S, S, 3].
        decided: their records, each with its decision.
        sources: the rules of where they come from.
    """

    engine: Engine
    images: Images
    decided: Decided
    sources: Sources

    @classmethod
    def of(cls, batch: Batch, failures: Collection[int]) -> Self:
        """A batch that was decided.

        Args:
            batch: which.
            failures: rows of its images that have no decision.
        """
        images = batch.images
        if failures:
            images = images[[row for row in range(len(images)) if row not in failures]]
        return cls(batch.predictor.engine, images, list(batch.predictions), batch.sources)

    def __len__(self) -> int:
        return len(self.decided)

    def first(self, most: int) -> Seen:
        """The first so many."""
        if most >= len(self):
            return self
        return replace(self, images=self.images[:most], decided=self.decided[:most])

    def as_taken_by(self, engine: Engine, decoder: Decoder) -> tuple[Images, list[Record]]:
        """The images as another model takes them, and their records in the same order.

        One of another size or another preparation decodes the records again. What it cannot read is
        left out.
        """
        records = [record for record, _ in self.decided]
        size, preprocessing = engine.input_size, engine.preprocessing
        if (size, preprocessing) == (self.engine.input_size, self.engine.preprocessing):
            return self.images, records
        images, records, _ = decoder.decode(records, size, preprocessing, self.sources)
        return images, records
