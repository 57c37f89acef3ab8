"""Batching: from a queue of items to lists that close when full or when their time is up."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

T = TypeVar("T")


class End:
    """What the last stage's upstream puts on a queue when nothing more will come."""


END: Final = End()


def collect(
    source: SimpleQueue[T | End],
    *,
    size: int,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
) -> list[T] | None:
    """The next batch: waits for a first item, then takes more until full or out of time.

    Args:
        source: items in order, and END after the last.
        size: items at which the batch closes.
        timeout: seconds after its first item at which it closes.
        clock: monotonic seconds.

    Returns:
        One to `size` items, or None after END.
    """
    first = source.get()
    if isinstance(first, End):
        return None
    batch = [first]
    deadline = clock() + timeout
    while len(batch) < size:
        try:
            item = source.get(timeout=max(0.0, deadline - clock()))
        except Empty:
            break
        if isinstance(item, End):
            source.put(item)
            break
        batch.append(item)
    return batch
