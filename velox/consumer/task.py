"""What a run of the consumer reads: the images as they come, or something once more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from velox.base.freshness import ALWAYS_FRESH, Freshness
from velox.base.records import DeadLetter
from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.notes import Notes
from velox.consumer.polling.stretch import WHOLE, Stretch
from velox.consumer.stages.dead_letters import SUFFIX, DeadLetters
from velox.consumer.stages.decoding import Sort, as_they_are
from velox.consumer.stages.recorder import Recorder
from velox.consumer.stages.topic_sender import Receiver
from velox.settings.consumer import ConsumerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is read, and what is done with it besides.

    Attributes:
        topic: what is read.
        group: as whom.
        ledger: of its records.
        letters: where those go that cannot be classified or stored.
        stretch: which part of the topic is read.
        notes: what the group's commits carry.
        sort: what becomes of a batch's records before they are decoded.
        freshness: which are too old to be classified; what is read once more is old by nature.
        recorder: makes the last two stages.
        abort: ends what waits for a server.
        live: whether these are the images as they come, by which a new model may be tried.
    """

    topic: str
    group: str
    ledger: Ledger
    letters: Receiver[DeadLetter]
    stretch: Stretch = WHOLE
    notes: Notes | None = None
    sort: Sort = as_they_are
    freshness: Freshness = ALWAYS_FRESH
    recorder: Callable[..., Recorder] = Recorder
    abort: threading.Event = field(default_factory=threading.Event)
    live: bool = False


def live_task(settings: ConsumerSettings, opened: ExitStack) -> Task:
    """All images as they come, for the group of all consumers."""
    return Task(
        topic=settings.kafka_topic,
        group=settings.kafka_consumer_group,
        ledger=Ledger(max_images=settings.queue_size, max_bytes=settings.queue_bytes),
        letters=letters_of(settings, opened),
        live=True,
        freshness=Freshness(settings.max_age),
    )


def letters_of(settings: ConsumerSettings, opened: ExitStack, suffix: str = SUFFIX) -> DeadLetters:
    """What sends dead letters to the topic with that suffix."""
    letters = DeadLetters(
        topic=settings.kafka_topic,
        bootstrap=settings.kafka_bootstrap_server,
        extra=settings.kafka_config,
        suffix=suffix,
    )
    return opened.enter_context(closing(letters))
