"""Sending to a topic of ours, until what it refuses is the fault of the records."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol, TypeVar

from velox.base.errors import BrokerUnavailable, MessageRefused
from velox.base.logs import ThinnedLog
from velox.base.records import DeadLetter
from velox.base.waiting import until_done
from velox.consumer.stages.breaker import Breaker
from velox.consumer.stages.results import Result

log = logging.getLogger(__name__)

T = TypeVar("T", DeadLetter, Result)


class Receiver(Protocol[T]):
    """A topic that takes items and says which it did not."""

    topic: str

    def send(self, items: Sequence[T], /) -> list[T]:
        """Send all; returns those to send again, raises BrokerUnavailable if that is all."""

    def refused(self) -> list[tuple[T, MessageRefused]]:
        """Those that were refused for good since the last call, which are not sent again."""


class TopicSender:
    """Sends dead letters and results.

    Args:
        breaker: asked before what a topic refuses is given up.
        abort: ends retries.
        waiting: entered while an answer of a server is waited for, by the server's name.
    """

    def __init__(
        self,
        *,
        breaker: Breaker,
        abort: threading.Event,
        waiting: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._breaker = breaker
        self._abort = abort
        self._waiting = waiting
        self._log = ThinnedLog(log, per_second=0.1)

    def send(
        self, stage: str, items: Sequence[T], to: Receiver[T], failed: Callable[[], None]
    ) -> list[tuple[T, MessageRefused]]:
        """Send until what the topic refuses is the items' fault; returns that.

        Where it refuses most, one that it refused goes once more with nothing in it that whoever
        sent its record could have chosen: that is known to be good, and as true as the whole.

        Args:
            stage: the breaker's name of the topic.
            items: what to send.
            to: the topic.
            failed: told of each attempt that failed.

        Raises:
            Stopped: when told to abort before all was acknowledged or refused.
        """
        left = list(items)

        def attempt() -> list[tuple[T, MessageRefused]]:
            nonlocal left
            refused = self._attempt(left, to, failed)
            left = [item for item, _ in refused]
            return refused

        def probe() -> MessageRefused | None:
            if not left:
                return None
            bare = replace(left[0], record=left[0].record.bare())
            return next((reason for _, reason in self._attempt([bare], to, failed)), None)

        return self._breaker.until_taken(
            stage,
            attempt,
            told=lambda refused: (len(items), [reason for _, reason in refused]),
            probe=probe,
        )

    def _attempt(
        self, items: Sequence[T], to: Receiver[T], failed: Callable[[], None]
    ) -> list[tuple[T, MessageRefused]]:
        """Send until all are acknowledged or refused, each time what is still missing."""
        left = list(items)

        def send() -> None:
            nonlocal left
            left = to.send(left)
            if left:
                raise BrokerUnavailable(f"{len(left)} messages to {to.topic} were not acknowledged")

        def again(error: Exception) -> None:
            failed()
            self._log.warning("not sent, trying again reason=%r", str(error))

        with self._waiting(f"topic {to.topic}"):
            until_done(send, retryable=BrokerUnavailable, stop=self._abort, on_failure=again)
        return to.refused()
