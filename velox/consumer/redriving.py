"""`consumer.py --redrive`: dead letters once more through the pipeline, in a group of its own."""

from __future__ import annotations

import argparse
import logging
import threading
from contextlib import ExitStack, closing

from velox.base.errors import SettingError
from velox.base.records import DEAD_LETTERS, PARKED
from velox.base.script import EXIT_INCOMPLETE
from velox.consumer.assembly import join_stages
from velox.consumer.bounded import Bounded
from velox.consumer.monitoring import Monitoring
from velox.consumer.opening import open_parts
from velox.consumer.polling.stretch import Stretch
from velox.consumer.redrive.choosing import Choice, Tally
from velox.consumer.redrive.holding_ledger import HoldingLedger
from velox.consumer.redrive.sorting import Sorting
from velox.consumer.redrive.what_fails import WhatFails
from velox.consumer.task import Task, letters_of
from velox.kafka.topic_log import TopicLog
from velox.monitoring.metrics import Metrics
from velox.settings.consumer import ConsumerSettings

GROUP_SUFFIX = "-redrive"
LONGEST_TOPIC_NAME = 249
MOST_REASONS = 20

log = logging.getLogger("redrive")


def redrive(
    chosen: argparse.Namespace,
    settings: ConsumerSettings,
    monitoring: Monitoring,
    stop: threading.Event,
    opened: ExitStack,
) -> int:
    """Redrive those that are there now; returns the exit code."""
    name = settings.kafka_topic + PARKED
    if len(name) > LONGEST_TOPIC_NAME:
        raise SettingError(
            f"KAFKA_TOPIC={settings.kafka_topic!r} is too long to redrive: the topic of what is "
            f"parked would be {name!r}, and a name has {LONGEST_TOPIC_NAME} characters at most"
        )
    topic = name if chosen.parked else settings.kafka_topic + DEAD_LETTERS
    choice = Choice(chosen.reason, chosen.since, chosen.limit)
    letters, images = (_log_of(settings, each, opened) for each in (topic, settings.kafka_topic))
    images.require()
    # What fails again comes behind these ends: it is not redriven twice in one run.
    spans = letters.spans()
    ledger = HoldingLedger(max_images=settings.queue_size, max_bytes=settings.queue_bytes)
    enough = threading.Event()
    abort = threading.Event()
    sorting = Sorting(
        choice,
        ledger=ledger,
        topic=settings.kafka_topic,
        ends={number: end for number, (_, end) in images.spans().items()},
        original=images.record,
        abort=abort,
        enough=enough,
    )
    if chosen.dry_run:
        return _only_count(letters, sorting, ledger, enough, stop)
    parts = open_parts(settings, stop, monitoring.health, opened, settings.kafka_topic + PARKED)
    again, parked = (letters_of(settings, opened, each) for each in (DEAD_LETTERS, PARKED))
    task = Task(
        topic=topic,
        group=_group(settings),
        ledger=ledger,
        letters=WhatFails(again, parked, most=settings.max_redrives, tally=sorting.tally),
        stretch=Stretch(ends={number: end for number, (_, end) in spans.items()}),
        notes=ledger,
        sort=sorting,
        abort=abort,
    )
    pipeline = join_stages(settings, monitoring, parts, task, opened)
    bounded = Bounded(
        poller=pipeline.poller, ledger=ledger, stretch=task.stretch, stop=stop, enough=enough
    )
    opened.enter_context(closing(bounded)).start()
    pipeline.run(stop)
    _summarize(sorting.tally, monitoring.metrics)
    return _exit_code(bounded, enough, sorting.tally)


def _log_of(settings: ConsumerSettings, topic: str, opened: ExitStack) -> TopicLog:
    log_of = TopicLog(
        topic=topic,
        bootstrap=settings.kafka_bootstrap_server,
        group=_group(settings),
        extra=settings.kafka_config,
    )
    return opened.enter_context(closing(log_of))


def _group(settings: ConsumerSettings) -> str:
    return settings.kafka_consumer_group + GROUP_SUFFIX


def _only_count(
    letters: TopicLog,
    sorting: Sorting,
    ledger: HoldingLedger,
    enough: threading.Event,
    stop: threading.Event,
) -> int:
    """Say what would be redriven: nothing is classified, written or committed."""
    spans = letters.spans()
    told = letters.committed(spans)
    ledger.read({number: metadata for number, (_, metadata) in told.items()})
    starts = {number: max(first, told[number][0]) for number, (first, _) in spans.items()}
    parts = {number: (start, spans[number][1]) for number, start in starts.items()}
    for record in letters.read(parts, stop):
        sorting([record])
        if enough.is_set():
            break
    tally = sorting.tally
    log.info(
        "would redrive letters=%d refused=%d left=%d passed=%d",
        tally.taken,
        tally.refused,
        tally.left,
        tally.passed,
    )
    _say_reasons(tally)
    return EXIT_INCOMPLETE if stop.is_set() else 0


def _summarize(tally: Tally, metrics: Metrics) -> None:
    outcomes = " ".join(f"{name}={count}" for name, count in metrics.outcomes().items())
    log.info(
        "redriven letters=%d %s parked=%d refused=%d left=%d passed=%d",
        tally.taken,
        outcomes,
        tally.parked,
        tally.refused,
        tally.left,
        tally.passed,
    )
    _say_reasons(tally)


def _say_reasons(tally: Tally) -> None:
    for reason, count in tally.reasons.most_common(MOST_REASONS):
        log.info("dead letters by reason reason=%s count=%d", reason or "none", count)


def _exit_code(bounded: Bounded, enough: threading.Event, tally: Tally) -> int:
    """0 where all that was chosen was taken, 3 where some may be left."""
    if tally.scattered:
        log.warning(
            "ended early: what is left lies too scattered among what is redriven to be remembered; "
            "redrive without --reason and --since, or those first"
        )
    elif bounded.nothing_given:
        log.warning("nothing was redriven: another redrive of this group is at work")
    elif not (bounded.complete or enough.is_set()):
        log.warning("stopped before the end; run it again, and it goes on from there")
    else:
        return 0
    return EXIT_INCOMPLETE
