"""The start of the consumer: it waits for what it needs, in whatever order that appears."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from velox.base.aside import aside
from velox.base.errors import CheckpointError, SettingError, StoreRefuses, VeloxError
from velox.base.waiting import Stopped, until_there
from velox.consumer.stages.breaker import NEVER
from velox.images import known_good
from velox.kafka.topic_sizes import ensure, say_what_is_smaller
from velox.kafka.topics import Topics
from velox.models.files import Signatures, may_pass, signatures
from velox.monitoring.health import Health
from velox.stores.interface import Store
from velox.stores.review_interface import ReviewStore

T = TypeVar("T")
log = logging.getLogger(__name__)


class Waiting:
    """Waits for one thing after the other, says for what, and gives up at a limit.

    Args:
        limit: longest wait for each thing in seconds.
        stop: ends a wait.
        health: told what the start is waiting for.

    Each method raises StartupTimeout at the limit and Stopped when told to stop.
    """

    def __init__(self, *, limit: float, stop: threading.Event, health: Health) -> None:
        self._limit = limit
        self._stop = stop
        self._health = health

    def for_model(
        self,
        model_path: Path,
        classes_path: Path,
        make: Callable[[], T],
    ) -> T:
        """What is made of the checkpoint, once a usable one lies there.

        Args:
            model_path: the checkpoint.
            classes_path: its labels.
            make: makes something of it; raises CheckpointError if it cannot be used.
        """
        refused: dict[Signatures, CheckpointError] = {}

        def look() -> T:
            found = signatures((model_path, classes_path))
            if found in refused:
                raise refused[found]
            try:
                return make()
            except CheckpointError as error:
                if None not in found and not may_pass(error):
                    # To try a model takes seconds: once, as long as its files stay what they are.
                    refused.clear()
                    refused[found] = error
                raise

        return self._until(
            f"model {model_path}",
            lambda: aside(look, stop=self._stop),
            (SettingError, Stopped),
        )

    def for_store(self, store: Store | ReviewStore) -> None:
        """Until the store is open.

        Raises:
            StoreRefuses: when no waiting helps.
        """

        def opened() -> bool:
            store.open()
            return True

        self._until(f"store {store.name}", opened, final=StoreRefuses)

    def for_topic(
        self,
        topics: Topics,
        topic: str,
        *,
        partitions: int = 0,
        config: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Until the topic is there; where it is smaller than asked for, that is logged."""

        def there() -> int | None:
            count = topics.partitions(topic)
            if count and partitions:
                say_what_is_smaller(topics, topic, partitions=partitions, config=config)
            return count or None

        self._until(f"topic {topic}", there)

    def for_own_topic(
        self,
        topics: Topics,
        topic: str,
        *,
        partitions: int,
        replication: int,
        config: Mapping[str, str],
    ) -> None:
        """Until a topic that the consumer writes to is there; it is created if need be."""
        self._until(
            f"topic {topic}",
            lambda: (
                ensure(
                    topics,
                    topic,
                    partitions=partitions,
                    replication=replication,
                    config=config,
                )
                or None
            ),
        )

    def _until(
        self,
        what: str,
        look: Callable[[], T | None],
        final: type[VeloxError] | tuple[type[VeloxError], ...] = (),
    ) -> T:
        return until_there(
            look,
            what=what,
            limit=self._limit,
            stop=self._stop,
            announce=self._health.waits,
            final=final,
        )


def say_what_the_breaker_cannot_judge(share: float, max_pixels: int) -> None:
    """Warn where the breaker's own image would be refused for its size."""
    if share < NEVER and max_pixels < known_good.SIDE**2:
        log.warning(
            "MAX_IMAGE_PIXELS=%d is too small for the breaker's own test image of %d x %d pixels: "
            "many images that are too large could pause this consumer; BREAKER_SHARE=1 switches "
            "the breaker off",
            max_pixels,
            known_good.SIDE,
            known_good.SIDE,
        )
