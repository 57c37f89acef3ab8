"""Images with a verdict that judge two models."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from velox.base.candidates import Judged
from velox.base.records import Outcome, Prediction, Record
from velox.base.waiting import Stopped
from velox.consumer.shadow.comparison import Shadow, truths_of
from velox.consumer.shadow.figures import Figures
from velox.consumer.shadow.lane import MOST_AT_ONCE, rest_after
from velox.consumer.sources.rules import Sources
from velox.consumer.stages.decoder import Decoder

# Of the images with a verdict so many are asked for at most, in the order of their chance.
MOST = 1000


class Verdicts(Protocol):
    """What is asked of `velox.stores.review_interface.Verdicts`."""

    def judged(self) -> Iterator[Judged]:
        """All with a verdict."""

    def image(self, identity: str) -> bytes | None:
        """The image of that id, None where there is none."""


@dataclass(frozen=True, kw_only=True)
class JudgedImages:
    """The random share of the model in use, as far as people have said what it shows.

    Chosen by chance, these images stand for all; and no training takes them, as long as this model
    is in use.

    Attributes:
        opened: the store, opened to read for as long as it is asked something.
        decoder: decodes them.
        sources: tells the rules of where they come from.
        stop: ends the work.
    """

    opened: Callable[[], AbstractContextManager[Verdicts]]
    decoder: Decoder
    sources: Callable[[], Sources]
    stop: threading.Event

    def figures(self, shadow: Shadow, model: str) -> Figures:
        """What a shadow makes of those that a model has decided; as slowly as the lane works.

        Raises:
            StoreUnavailable: when trying again can help.
            StoreRefuses: when the store takes no questions.
            Stopped: when told to stop.
            Exception: of any kind, when the shadow fails.
        """
        total, chosen = Figures(), self._chosen(model)
        for first in range(0, len(chosen), MOST_AT_ONCE):
            # Opened for each few: who writes to the store meanwhile has it to himself.
            with self.opened() as store:
                some = chosen[first : first + MOST_AT_ONCE]
                images = [(each, store.image(each.candidate.id)) for each in some]
            started = time.monotonic()
            total += self._compared(shadow, images)
            if self.stop.wait(rest_after(time.monotonic() - started)):
                raise Stopped("stopped while a model was tried")
        return total

    def _chosen(self, model: str) -> list[Judged]:
        with self.opened() as store:
            found = [
                each
                for each in store.judged()
                if each.candidate.random
                and each.candidate.model == model
                and each.label is not None
            ]
        return sorted(found, key=lambda each: each.candidate.chance)[:MOST]

    def _compared(self, shadow: Shadow, images: Sequence[tuple[Judged, bytes | None]]) -> Figures:
        sources, engine = self.sources(), shadow.engine
        asked = [
            (_record(number, judged, image), judged)
            for number, (judged, image) in enumerate(images)
            if image is not None
        ]
        pixels, records, _ = self.decoder.decode(
            [record for record, _ in asked], engine.input_size, engine.preprocessing, sources
        )
        answers = shadow.answers(pixels, records, sources)
        figures = Figures()
        for record, judged in asked:
            known = judged.candidate
            decision = Prediction(known.predicted_label, known.confidence, Outcome(known.outcome))
            figures += truths_of(decision, answers.get(record.id), judged.label or "")
        return figures


def _record(number: int, judged: Judged, image: bytes) -> Record:
    """An image as if it had just come from its source."""
    source = judged.candidate.source
    headers = () if source is None else (("source", source.encode()),)
    return Record("", 0, number, 0, None, image, headers, 0)
