"""The end of what can be read of each partition, out of the Kafka client's statistics.

The high watermark counts the records of open transactions, which nobody can be given yet. The last
stable offset does not, and the client tells it nowhere else.
"""

from __future__ import annotations

import json


class StableOffsets:
    """The last stable offset of each partition of a topic, as it was last fetched."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._offsets: dict[int, int] = {}

    def on_statistics(self, text: str) -> None:
        """Take the client's statistics: JSON, as in STATISTICS.md of librdkafka."""
        found = json.loads(text).get("topics", {}).get(self._topic, {}).get("partitions", {})
        self._offsets = {int(name): each["ls_offset"] for name, each in found.items()}

    def end(self, partition: int, high_watermark: int) -> int:
        """The end of what can be read; the high watermark where it is not known."""
        found = self._offsets.get(partition, -1)
        return found if found >= 0 else high_watermark
