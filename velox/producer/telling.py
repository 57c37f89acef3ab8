"""What tells the world how the producer is: its figures, and whether it works."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from velox.base.source_figures import SourceFigures
from velox.producer.feed import Feed
from velox.producer.sources.camera import Camera

# As long as this, a broker that is asked for acknowledgements may be choosing a new leader.
SILENT_BROKER_S = 30.0


def figures_of(feeds: Iterable[Feed]) -> list[SourceFigures]:
    """The sources as they are now."""
    return [_figures_of(each) for each in feeds]


def _figures_of(feed: Feed) -> SourceFigures:
    tally, camera = feed.tally, feed.source if isinstance(feed.source, Camera) else None
    running = feed.thread.is_alive()
    return SourceFigures(
        source=feed.source.id,
        connected=running and (camera is None or camera.connected),
        unreachable=running and camera is not None and camera.unreachable,
        connections=camera.connections if camera is not None else 0,
        read=tally.read,
        sent=tally.sent,
        sent_bytes=tally.sent_bytes,
        came_to={
            "acknowledged": tally.acknowledged,
            "failed": tally.failed,
            "dropped": feed.dropped,
            "unreadable": feed.unreadable,
            "left_out": feed.left_out,
        },
        last_read=tally.last_read,
        last_acknowledged=tally.last_acknowledged,
    )


class BrokerSilence:
    """Tells how long images have waited for an acknowledgement, to who asks now and then.

    Args:
        acknowledged: how many there were so far.
        pending: images that wait for one.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        acknowledged: Callable[[], int],
        pending: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._acknowledged = acknowledged
        self._pending = pending
        self._clock = clock
        self._count = -1
        self._since = clock()

    def reason(self) -> str | None:
        """Why the broker counts as silent, None if it does not."""
        count = self._acknowledged()
        if count != self._count or not self._pending():
            self._count, self._since = count, self._clock()
        if (waited := self._clock() - self._since) < SILENT_BROKER_S:
            return None
        return f"the broker has acknowledged no image for {waited:.0f} s"
