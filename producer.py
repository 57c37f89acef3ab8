#!/usr/bin/env python3
"""Stream images to a Kafka topic.

    python producer.py                        # synthetic shapes, one every PRODUCER_INTERVAL
    PRODUCER_IMAGES=1000 PRODUCER_INTERVAL=0 python producer.py    # a thousand, as fast as it can
    SOURCE=photos python producer.py          # every image in a folder and below it
    SOURCE=watch:in python producer.py        # each file of a folder once, as they come
    SOURCE=door=rtsp://10.0.0.7/live,party.mp4 python producer.py  # a camera and a video file
    tar c photos | SOURCE=- python producer.py
    METRICS_PORT=8001 python producer.py      # with metrics and probes
    python producer.py --help                 # every variable, its default and its meaning

Delivery is idempotent and acknowledged by all replicas in sync. The exit code is 1 if any image was
not acknowledged, and 3 if all were but there are images that cannot be read or sent. What is no
image is left out, named and counted, and changes no exit code.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing

from velox.base import logs, script
from velox.base.waiting import Stopped, until_there
from velox.images.shapes import ShapeGenerator
from velox.kafka.client import IMAGE_TOPIC, MAX_IMAGE_BYTES
from velox.kafka.read_back import ReadBack
from velox.kafka.sender import Sender
from velox.kafka.topic_sizes import ensure
from velox.kafka.topics import Topics
from velox.monitoring.health import Health, VitalSigns
from velox.monitoring.producer_metrics import ProducerMetrics
from velox.monitoring.server import answers, serving
from velox.producer.feed import Feed
from velox.producer.feeds import Feeds
from velox.producer.sources.place import Place, Watching, locate, open_source
from velox.producer.telling import BrokerSilence, figures_of
from velox.settings.programs import ProducerSettings
from velox.settings.unknown import unknown_variables

REPORT_EVERY_S = 10.0
STOPPING_TIMEOUT_S = 8.0

log = logging.getLogger("producer")


def main() -> int:
    """Run the producer; returns the exit code."""
    logs.capture_native_stderr()
    return script.run(ProducerSettings, __doc__, produce, doubts=unknown_variables)


def produce(settings: ProducerSettings, stop: threading.Event) -> int:
    """Send images until there are no more, or until told to stop; then wait for the broker."""
    topics = Topics(bootstrap=settings.kafka_bootstrap_server, extra=settings.kafka_config)
    sender = Sender(
        topic=settings.kafka_topic,
        bootstrap=settings.kafka_bootstrap_server,
        delivery_timeout=settings.delivery_timeout,
        compression=settings.compression_type,
        extra=settings.kafka_config,
        largest_batch=topics.largest_batch,
    )
    places = locate(settings.source, loop=settings.source_loop)
    health = Health(starting=f"waiting for topic {settings.kafka_topic}")
    reading: list[Feed] = []
    with ExitStack() as opened:
        serve(settings, health, reading, opened)
        try:
            partitions = wait_for_topic(settings, stop, sender, topics)
        except Stopped as stopped:
            log.info("%s", stopped)
            return 0
        feeds = opened.enter_context(closing(feeds_of(settings, places, partitions)))
        reading += feeds.feeds
        health.look_at(vital_signs(sender))
        return stream(feeds, sender, stop)


def stream(feeds: Feeds, sender: Sender, stop: threading.Event) -> int:
    """Send what comes until nothing more does; returns the exit code."""
    started = reported = time.monotonic()
    for capture in feeds.captures(stop):
        if capture is None:
            sender.tick()
        else:
            sender.send(capture.message(feeds.answered), stop)
        if time.monotonic() - reported >= REPORT_EVERY_S:
            reported = time.monotonic()
            report("sending", sender, feeds, started)
    feeds.stop()
    sender.finish(sender.delivery_timeout, stop, STOPPING_TIMEOUT_S)
    report("done", sender, feeds, started)
    if sender.failed:
        return script.EXIT_FAILURE
    return script.EXIT_INCOMPLETE if feeds.unreadable else 0


def serve(
    settings: ProducerSettings, health: Health, reading: Sequence[Feed], opened: ExitStack
) -> None:
    """Serve metrics and probes, where they are asked for."""
    if not settings.metrics_port:
        return
    metrics = ProducerMetrics(lambda: figures_of(reading))
    routes = answers(metrics.registry, health)
    where = opened.enter_context(
        serving(routes, address=settings.metrics_address, port=settings.metrics_port)
    )
    log.info("metrics address=%s", where)


def vital_signs(sender: Sender) -> VitalSigns:
    """What the probes look at: a broker that is away is no reason to start again."""
    silence = BrokerSilence(lambda: sender.acknowledged, lambda: sender.pending)
    return VitalSigns(
        poll_age=lambda: time.monotonic() - sender.turned,
        paused=silence.reason,
        joined=lambda: True,
    )


def wait_for_topic(
    settings: ProducerSettings, stop: threading.Event, sender: Sender, topics: Topics
) -> int:
    """Wait for the broker, create or grow the topic, and return its number of partitions."""
    return until_there(
        lambda: (
            ensure(
                topics,
                settings.kafka_topic,
                partitions=settings.kafka_partitions,
                replication=settings.kafka_replication_factor,
                config=IMAGE_TOPIC,
            )
            or None
        ),
        what=f"topic {settings.kafka_topic}",
        limit=settings.startup_timeout,
        stop=stop,
        announce=lambda _reason: sender.listen(),
    )


def feeds_of(settings: ProducerSettings, places: Sequence[Place], partitions: int) -> Feeds:
    """The sources that the settings ask for, read together."""
    shapes = ShapeGenerator(
        colors=settings.colors,
        shapes=settings.shapes,
        height=settings.img_height,
        width=settings.img_width,
        seed=settings.seed,
    )
    watching = Watching(
        topic=settings.kafka_topic,
        state=settings.watch_state,
        done=settings.watch_done,
        read_back=ReadBack(
            topic=settings.kafka_topic,
            bootstrap=settings.kafka_bootstrap_server,
            extra=settings.kafka_config,
        ),
    )
    sources = [
        open_source(
            place,
            shapes=shapes,
            partitions=partitions,
            quality=settings.jpeg_quality,
            max_fps=settings.max_fps,
            max_bytes=MAX_IMAGE_BYTES,
            watching=watching,
        )
        for place in places
    ]
    return Feeds(
        sources,
        interval=settings.producer_interval,
        loop=settings.source_loop,
        max_bytes=MAX_IMAGE_BYTES,
        limit=settings.producer_images,
    )


def report(state: str, sender: Sender, feeds: Feeds, started: float) -> None:
    """Log what was sent so far."""
    seconds = time.monotonic() - started
    feeds.report()
    log.info(
        "%s sent=%d acknowledged=%d failed=%d unreadable=%d seconds=%.1f images_per_s=%.1f "
        "left_out=%d",
        state,
        sender.sent,
        sender.acknowledged,
        sender.failed,
        feeds.unreadable,
        seconds,
        sender.acknowledged / seconds if seconds > 0 else 0.0,
        feeds.left_out,
    )


if __name__ == "__main__":
    sys.exit(main())
