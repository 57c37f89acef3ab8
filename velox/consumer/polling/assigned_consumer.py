"""One topic from given places on, in no group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import TopicPartition

from velox.consumer.polling.commit_lookup import Commits
from velox.consumer.polling.topic_consumer import Rebalanced, TopicConsumer


class AssignedConsumer(TopicConsumer):
    """Reads the partitions that it is told to; nobody takes them away.

    Args:
        starts: the offset at which each partition begins.
        how: as of `TopicConsumer`.
    """

    def __init__(self, *, starts: Mapping[int, int], topic: str, how: Mapping[str, Any]) -> None:
        super().__init__(topic=topic, **how)
        self._starts = [TopicPartition(topic, *each) for each in sorted(starts.items())]

    def subscribe(
        self,
        *,
        on_assign: Rebalanced,
        on_revoke: Rebalanced,  # noqa: ARG002 - nobody takes them away
        on_lost: Rebalanced,  # noqa: ARG002
    ) -> None:
        """Begin at the places; none of the others is ever called."""
        self.client.assign(self._starts)
        on_assign({each.partition for each in self._starts})

    def leave(self) -> None:
        """Let go of the partitions."""
        self.client.unassign()

    def committed(self, numbers: Iterable[int]) -> Commits:
        """Where it begins: what a group has committed does not matter."""
        wanted = set(numbers)
        return {each.partition: each for each in self._starts if each.partition in wanted}
