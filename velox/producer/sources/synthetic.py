"""The synthetic source: drawn shapes without end."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Protocol

from velox.producer.sources.capture import JPEG, Capture


class EncodedShapes(Protocol):
    """The part of `velox.images.shapes.ShapeGenerator` that is needed here."""

    def encoded(self, label: str | None = None, *, quality: int) -> tuple[bytes, str]:
        """One JPEG and its label."""


class Synthetic:
    """Shapes spread evenly over the partitions: each partition is one line of its own.

    Args:
        source_id: begins the name of every line.
        shapes: draws and encodes them.
        quality: of the JPEG, 1 to 100.
        partitions: of the topic.
    """

    live = False
    done = None

    def __init__(
        self, source_id: str, *, shapes: EncodedShapes, quality: int, partitions: int
    ) -> None:
        self.id = source_id
        self._shapes = shapes
        self._quality = quality
        self._partitions = partitions

    def items(self, stop: threading.Event) -> Iterator[Capture]:
        """Images until told to stop."""
        for partition in itertools.cycle(range(self._partitions)):
            if stop.is_set():
                return
            value, label = self._shapes.encoded(quality=self._quality)
            yield Capture(value, f"{self.id}-{partition}", JPEG, label, partition)
