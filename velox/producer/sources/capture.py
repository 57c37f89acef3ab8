"""Where images come from: what a source gives, and what can be asked of every source."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from velox.kafka.messages import Answered, Outgoing

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
        captured_ms: when it was taken, in milliseconds since the epoch; None for when it is sent.
        answered: told where it is in the topic, or None if it was given up.
    """

    value: bytes
    source: str
    content_type: str
    label: str | None = None
    partition: int | None = None
    captured_ms: int | None = None
    answered: Answered | None = field(default=None, compare=False, repr=False)

    def message(self, told: Answered | None = None) -> Outgoing:
        """As it is sent; its timestamp is the moment of capture, now where that is not known.

        Args:
            told: told what `answered` is, as well.
        """
        source = self.source.encode()
        headers = [("content-type", self.content_type.encode()), ("source", source)]
        if self.label is not None:
            headers.append(("label", self.label.encode()))
        now_ms = int(time.time() * 1000)
        return Outgoing(
            "",
            source,
            self.value,
            tuple(headers),
            now_ms if self.captured_ms is None else self.captured_ms,
            self.partition,
            _both(told, self.answered),
        )


def _both(one: Answered | None, other: Answered | None) -> Answered | None:
    if one is None or other is None:
        return one or other

    def answered(place: tuple[int, int] | None) -> None:
        one(place)
        other(place)

    return answered


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that should have been an image and is not sent, with the reason in words."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that is no image and was not meant as one, with the reason in words."""

    name: str
    reason: str


Item = Capture | Unreadable | LeftOut


class Source(Protocol):
    """Gives images one by one."""

    @property
    def id(self) -> str:
        """Its name in logs, without credentials."""

    @property
    def live(self) -> bool:
        """Whether images come at their own time: one that is not taken then is dropped."""

    @property
    def done(self) -> float | None:
        """The share that is read, in [0, 1]; None where no end is in sight."""

    def items(self, stop: threading.Event) -> Iterator[Item]:
        """Its images from the beginning, at each call anew; they end soon after `stop`."""
