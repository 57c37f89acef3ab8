"""`consumer.py --replay`: a stretch of the topic once more, with today's model."""

from __future__ import annotations

import argparse
import logging
import threading
from collections.abc import Collection, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial

from velox.base.errors import SettingError
from velox.base.records import DeadLetter, Record
from velox.base.script import EXIT_INCOMPLETE
from velox.consumer.assembly import asked_by, join_stages
from velox.consumer.bounded import Bounded
from velox.consumer.monitoring import Monitoring
from velox.consumer.opening import Parts, open_parts
from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.stretch import Stretch
from velox.consumer.replay.letters import NoLetters
from velox.consumer.replay.places import Places, places_of
from velox.consumer.replay.recorder import ReplayRecorder
from velox.consumer.replay.withdrawing import Changed, SameLatency, Withdrawing
from velox.consumer.stages.decoding import Sort, as_they_are
from velox.consumer.storage import stores_of
from velox.consumer.task import Task
from velox.kafka.topic_log import TopicLog
from velox.monitoring.metrics import Metrics
from velox.settings.consumer import ConsumerSettings
from velox.stores.spare_files import SpareFiles

log = logging.getLogger("replay")


def replay(
    chosen: argparse.Namespace,
    settings: ConsumerSettings,
    monitoring: Monitoring,
    stop: threading.Event,
    opened: ExitStack,
) -> int:
    """Replay what is there now of the stretch; returns the exit code."""
    from_ms, to_ms = vars(chosen)["from"], chosen.to
    topic_log = opened.enter_context(
        closing(
            TopicLog(
                topic=settings.kafka_topic,
                bootstrap=settings.kafka_bootstrap_server,
                group=settings.kafka_consumer_group,
                extra=settings.kafka_config,
            )
        )
    )
    topic_log.require()
    places = places_of(topic_log, from_ms, to_ms, stop)
    missing = places.what_is_missing()
    if missing:
        log.warning("retention has overtaken the stretch: %s", missing)
    log.info("replaying records=%d partitions=%s", places.records, sorted(places.starts))
    if not places.starts:
        return EXIT_INCOMPLETE if missing else 0
    sort = partial(_of_the_time, from_ms, to_ms, places.untimed) if places.untimed else as_they_are
    changed = Changed()
    parts = open_parts(settings, stop, monitoring.health, opened, files=SpareFiles)
    _refuse_to_withdraw_by_mistake(settings, parts)
    parts, task = _task(settings, parts, places, sort, changed, opened)
    pipeline = join_stages(settings, monitoring, parts, task, opened)
    bounded = Bounded(poller=pipeline.poller, ledger=task.ledger, stretch=task.stretch, stop=stop)
    opened.enter_context(closing(bounded)).start()
    pipeline.run(stop)
    _summarize(changed, monitoring.metrics)
    if not bounded.complete:
        log.warning("stopped before the end; run it again: what is done twice changes nothing")
    return EXIT_INCOMPLETE if missing or not bounded.complete else 0


def _refuse_to_withdraw_by_mistake(settings: ConsumerSettings, parts: Parts) -> None:
    """What is no match is withdrawn: so no label may be mistyped, and something must match.

    Raises:
        SettingError: when that is not so.
    """
    for said in asked_by(settings, parts).unknown_to(parts.engine.labels):
        raise SettingError(f"{said}; a replay would withdraw documents because of that")
    if min(parts.engine.thresholds) > 1:
        raise SettingError(
            "CONFIDENCE_THRESHOLD=auto: no image would be a match, and a replay would withdraw "
            "every document of its stretch"
        )


def _task(
    settings: ConsumerSettings,
    parts: Parts,
    places: Places,
    sort: Sort,
    changed: Changed,
    opened: ExitStack,
) -> tuple[Parts, Task]:
    """What is done, and the parts that do it: nothing is kept for review a second time."""
    stores = stores_of(settings)
    withdrawal = opened.enter_context(closing(stores.withdrawal()))
    withdrawing = Withdrawing(
        removal=opened.enter_context(closing(stores.removal())),
        withdrawal=withdrawal,
        folder=settings.storage_path,
        keep=settings.replay_keep,
    )
    store = SameLatency(parts.storage.store, withdrawal, changed)
    task = Task(
        topic=settings.kafka_topic,
        group=settings.kafka_consumer_group,
        ledger=Ledger(max_images=settings.queue_size, max_bytes=settings.queue_bytes),
        letters=NoLetters(),
        stretch=Stretch(places.starts, places.ends),
        sort=sort,
        recorder=partial(ReplayRecorder, withdrawing=withdrawing, changed=changed),
    )
    return replace(parts, storage=replace(parts.storage, store=store, review=None)), task


def _of_the_time(
    from_ms: int, to_ms: int | None, untimed: Collection[int], records: Sequence[Record]
) -> tuple[list[Record], Sequence[DeadLetter]]:
    """The records of a stretch of time, where the broker could not tell their places."""
    wanted = [
        each
        for each in records
        if each.partition not in untimed
        or (from_ms <= each.timestamp_ms and (to_ms is None or each.timestamp_ms < to_ms))
    ]
    return wanted, ()


def _summarize(changed: Changed, metrics: Metrics) -> None:
    outcomes = " ".join(f"{name}={count}" for name, count in metrics.outcomes().items())
    log.info(
        "replayed %s overwritten=%d added=%d withdrawn=%d",
        outcomes,
        changed.overwritten,
        changed.added,
        changed.withdrawn,
    )
