#!/usr/bin/env python3
"""Stream images to a Kafka topic.

    python producer.py                        # synthetic shapes, one every PRODUCER_INTERVAL
    PRODUCER_IMAGES=1000 PRODUCER_INTERVAL=0 python producer.py    # a thousand, as fast as it can
    python producer.py --help                 # every variable, its default and its meaning

Delivery is idempotent and acknowledged by all replicas in sync. The exit code is 1 if any image was
not acknowledged.
"""

from __future__ import annotations

import itertools
import logging
import sys
import threading
import time
from collections.abc import Iterator

from velox import entry
from velox.config import ProducerSettings
from velox.pace import Pace
from velox.retry import Stopped, until_there
from velox.sender import Sender
from velox.shapes import ShapeGenerator
from velox.sources import Capture, synthetic
from velox.topics import Topics

REPORT_EVERY_S = 10.0
STOPPING_TIMEOUT_S = 8.0

log = logging.getLogger("producer")


def main() -> int:
    """Run the producer; returns the exit code."""
    return entry.run(ProducerSettings, __doc__, produce)


def produce(settings: ProducerSettings, stop: threading.Event) -> int:
    """Send images until there are no more, or until told to stop; then wait for the broker."""
    sender = Sender(
        topic=settings.kafka_topic,
        bootstrap=settings.kafka_bootstrap_server,
        delivery_timeout=settings.delivery_timeout,
        compression=settings.compression_type,
        extra=settings.kafka_config,
    )
    try:
        partitions = wait_for_topic(settings, stop)
    except Stopped as stopped:
        log.info("%s", stopped)
        return 0

    pace = Pace(settings.producer_interval, stop)
    started = reported = time.monotonic()
    for capture in captures(settings, partitions):
        if not pace.wait():
            break
        sender.send(capture, stop)
        if time.monotonic() - reported >= REPORT_EVERY_S:
            reported = time.monotonic()
            report("sending", sender, started)
    sender.finish(settings.delivery_timeout, stop, STOPPING_TIMEOUT_S)
    report("done", sender, started)
    return entry.EXIT_FAILURE if sender.failed else 0


def wait_for_topic(settings: ProducerSettings, stop: threading.Event) -> int:
    """Wait for the broker, create or grow the topic, and return its number of partitions."""
    topics = Topics(bootstrap=settings.kafka_bootstrap_server, extra=settings.kafka_config)
    return until_there(
        lambda: (
            topics.ensure(
                settings.kafka_topic,
                partitions=settings.kafka_partitions,
                replication=settings.kafka_replication_factor,
                config={},
            )
            or None
        ),
        what=f"topic {settings.kafka_topic}",
        limit=settings.startup_timeout,
        stop=stop,
    )


def captures(settings: ProducerSettings, partitions: int) -> Iterator[Capture]:
    """The images that the settings ask for."""
    shapes = ShapeGenerator(
        colors=settings.colors,
        shapes=settings.shapes,
        height=settings.img_height,
        width=settings.img_width,
        seed=settings.seed,
    )
    endless = synthetic(shapes, quality=settings.jpeg_quality, partitions=partitions)
    return itertools.islice(endless, settings.producer_images or None)


def report(state: str, sender: Sender, started: float) -> None:
    """Log what was sent so far."""
    seconds = time.monotonic() - started
    log.info(
        "%s sent=%d acknowledged=%d failed=%d seconds=%.1f images_per_s=%.1f",
        state,
        sender.sent,
        sender.acknowledged,
        sender.failed,
        seconds,
        sender.acknowledged / seconds if seconds > 0 else 0.0,
    )


if __name__ == "__main__":
    sys.exit(main())
