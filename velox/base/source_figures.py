"""What a producer knows of one source, in figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFigures:
    """One source as it is now.

    Attributes:
        source: its name, without credentials.
        connected: whether images can come: a camera gives frames, all else is being read.
        unreachable: whether nothing answers at a camera's address.
        connections: that gave a frame, of a camera.
        read: images that came from it.
        sent, sent_bytes: images handed to the Kafka client, and their bytes.
        came_to: images and files by what became of them: `acknowledged` by the broker, `failed`,
            `dropped` because a camera does not wait, `unreadable`, `left_out` as no image.
        last_read, last_acknowledged: when the last image came, and when the broker had it, in
            seconds since the epoch; None before the first.
    """

    source: str
    connected: bool
    unreachable: bool
    connections: int
    read: int
    sent: int
    sent_bytes: int
    came_to: dict[str, int]
    last_read: float | None
    last_acknowledged: float | None
