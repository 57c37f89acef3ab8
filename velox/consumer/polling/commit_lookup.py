"""Asking for the group's commits until somebody tells them.

While a group's coordinator is slow or moving, the question at an assignment stays unanswered, and
the poll loop cannot wait for the answer: it is asked for again in a thread, by a client of its own,
which may be closed whatever the one that polls is doing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import cast

from confluent_kafka import Consumer, TopicPartition

from velox.base.waiting import Steady
from velox.kafka.client import Config, made
from velox.kafka.client_log import ClientLog

ASK_TIMEOUT_S = 30.0
EVERY_S = 1.0

log = logging.getLogger(__name__)

Commits = dict[int, TopicPartition]


def told_of(found: Iterable[TopicPartition]) -> Commits:
    """The answers by partition, where there was one."""
    return {each.partition: each for each in found if each.error is None}


def group_commits(config: Config, topic: str, numbers: Collection[int]) -> Commits:
    """What a consumer's group has committed, asked by another client that does not join it.

    Raises:
        KafkaException: when nobody answers in time.
    """
    quiet = {**config, "statistics.interval.ms": 0}
    client = made(Consumer, quiet, ClientLog(str(config["bootstrap.servers"])))
    try:
        asked = [TopicPartition(topic, number) for number in sorted(numbers)]
        return told_of(client.committed(asked, timeout=ASK_TIMEOUT_S))
    finally:
        client.close()


class CommitLookup:
    """Keeps asking for the commits of partitions that it is told to.

    Args:
        ask: the commits of some partitions, as far as they are told; may raise.
    """

    def __init__(self, ask: Callable[[Collection[int]], Commits]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._wanted: dict[int, int] = {}
        self._told: Commits = {}
        self._running = False
        self._stop = threading.Event()
        self._steady = Steady(log, "ask for the group's commits")

    def want(self, epochs: Mapping[int, int]) -> None:
        """Ask for these partitions, each of the epoch of its assignment."""
        with self._lock:
            self._wanted.update(epochs)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="commit-lookup", daemon=True).start()

    def forget(self, partitions: Iterable[int]) -> None:
        """Ask no more for partitions that are no longer assigned."""
        with self._lock:
            for number in partitions:
                self._wanted.pop(number, None)
                self._told.pop(number, None)

    def told(self) -> Commits:
        """What was told since the last time."""
        with self._lock:
            told, self._told = self._told, {}
            return told

    def close(self) -> None:
        """Ask no more; a question that is under way is left to the process's end."""
        self._stop.set()

    def _run(self) -> None:
        while asked := self._next():
            self._steady.do(lambda asked=asked: self._look(asked))  # type: ignore[misc]
            self._stop.wait(EVERY_S)

    def _next(self) -> dict[int, int]:
        with self._lock:
            asked = {} if self._stop.is_set() else dict(self._wanted)
            self._running = bool(asked)
            return asked

    def _look(self, asked: Mapping[int, int]) -> None:
        found = self._ask(cast(Collection[int], asked.keys()))
        with self._lock:
            for number, epoch in asked.items():
                # It may have been given to others and come back meanwhile.
                if number in found and self._wanted.get(number) == epoch:
                    del self._wanted[number]
                    self._told[number] = found[number]
