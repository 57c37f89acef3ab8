"""Where images come from: each source gives encoded images, with what is known of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

JPEG = "image/jpeg"


@dataclass(frozen=True, slots=True)
class Capture:
    """One image on its way to Kafka.

    Attributes:
        value: the encoded image.
        source: which camera, line or file it comes from; the record's key, so that one source
            keeps its order.
        content_type: its media type.
        label: ground truth, None where it is not known.
        partition: where it must go, None to let the key decide.
    """

    value: bytes
    source: str
    content_type: str
    label: str | None = None
    partition: int | None = None


class EncodedShapes(Protocol):
    """The part of `velox.shapes.ShapeGenerator` that is needed here."""

    def encoded(self, label: str | None = None, *, quality: int) -> tuple[bytes, str]:
        """One JPEG and its label."""


def synthetic(shapes: EncodedShapes, *, quality: int, partitions: int) -> Iterator[Capture]:
    """Drawn shapes without end, spread evenly: one source for each partition.

    Args:
        shapes: draws and encodes them.
        quality: of the JPEG, 1 to 100.
        partitions: of the topic.
    """
    for partition in itertools.cycle(range(partitions)):
        value, label = shapes.encoded(quality=quality)
        yield Capture(value, f"synthetic-{partition}", JPEG, label, partition)
