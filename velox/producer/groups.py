"""Groups of items: what lies ready is handed over several at a time.

To hand over an item wakes a thread, which costs more than to read an image of 10 kB.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from velox.producer.sources.capture import Capture, Item

TOGETHER = 16
BYTES_TOGETHER = 262_144
# A group is handed over when its first item is so old, although more would follow.
LONGEST_S = 0.05


def groups(items: Iterator[Item], *, most: int) -> Iterator[list[Item]]:
    """Items in their order, up to `most` together; none is lost where reading another one fails."""
    group: list[Item] = []
    size, began = 0, 0.0
    try:
        for item in items:
            began = began if group else time.monotonic()
            size += len(item.value) if isinstance(item, Capture) else 0
            group.append(item)
            old = time.monotonic() - began >= LONGEST_S
            if len(group) >= most or size >= BYTES_TOGETHER or old:
                full, group, size = group, [], 0
                yield full
    finally:
        if group:
            yield group
