"""What a group's commits carry besides offsets and the topic's identity."""

from __future__ import annotations

from collections.abc import Mapping


class Notes:
    """Nothing; who has something to note makes a class of its own."""

    def read(self, metadata: Mapping[int, str]) -> None:
        """Take the metadata of the commits of partitions that were given."""

    def written(self, partition: int) -> str:  # noqa: ARG002
        """What the next commit of a partition carries besides."""
        return ""
