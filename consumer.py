#!/usr/bin/env python3
"""Classify the images of a Kafka topic and store the matches.

    python consumer.py             # against the broker, database and model that the variables name
    python consumer.py --help      # every variable, its default and its meaning

Images flow in one direction: poll, batch, decode, infer, store, commit. An offset is committed only
when every record up to it is stored, known not to match, or acknowledged by the dead-letter topic.
SIGTERM finishes what is in flight, commits and exits with 0.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial

from velox.base import logs, script
from velox.base.ending import ended
from velox.base.machine import keep_large_buffers
from velox.base.waiting import Stopped
from velox.consumer.pipeline import Pipeline
from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.poller import Poller
from velox.consumer.polling.topic_identity import TopicWatch
from velox.consumer.stages.acceptance import accept
from velox.consumer.stages.breaker import NEVER, Breaker
from velox.consumer.stages.dead_letters import SUFFIX, DeadLetters
from velox.consumer.stages.decoder import Decoder
from velox.consumer.stages.model_slot import ModelSlot, ModelWatch
from velox.consumer.stages.recorder import Recorder
from velox.consumer.stages.results import Results
from velox.consumer.startup import Waiting
from velox.consumer.vital_signs import watch
from velox.images import known_good
from velox.images.pixels import decode
from velox.kafka.client import DEAD_LETTER_BYTES, IMAGE_TOPIC, consumer_config
from velox.kafka.topics import Topics
from velox.models.checkpoint import Checkpoint, load
from velox.models.device import select_device
from velox.models.engine.torch_engine import Engine, TorchEngine
from velox.monitoring.health import Health
from velox.monitoring.live.matches import LatestMatches
from velox.monitoring.live.page import LivePage
from velox.monitoring.metrics import Metrics
from velox.monitoring.server import Route, answers, directory, serving
from velox.monitoring.watchdog import Watchdog
from velox.settings.consumer import ConsumerSettings
from velox.stores.choice import make_store, open_image_files
from velox.stores.image_files import ImageFiles
from velox.stores.interface import Store

DEAD_LETTER_PARTITIONS = 1

log = logging.getLogger("consumer")


def main() -> int:
    """Run the consumer; returns the exit code."""
    keep_large_buffers()
    logs.capture_native_stderr()
    return ended(lambda: script.run(ConsumerSettings, __doc__, consume))


def consume(settings: ConsumerSettings, stop: threading.Event) -> int:
    """Open everything, run the pipeline until told to stop, close everything."""
    with ExitStack() as opened:
        # What the imports made stays to the end: a collection that looks at it stops every thread
        # for 0.2 s.
        gc.freeze()
        opened.callback(gc.unfreeze)
        metrics, health = Metrics(), Health(stall_timeout=settings.stall_timeout)
        routes = answers(metrics.registry, health)
        latest = open_live_page(settings, metrics, health, routes, opened)
        address = opened.enter_context(
            serving(routes, address=settings.metrics_address, port=settings.metrics_port)
        )
        log.info("metrics address=%s", address)
        watchdog = opened.enter_context(closing(Watchdog(health)))
        watchdog.start()
        try:
            engine, store, files = open_parts(settings, stop, health, opened)
        except Stopped as stopped:
            log.info("%s", stopped)
            return 0
        pipeline = join_stages(settings, metrics, health, engine, store, files, latest, opened)
        pipeline.run(stop)
    log.info("stopped")
    return 0


def open_live_page(
    settings: ConsumerSettings,
    metrics: Metrics,
    health: Health,
    routes: dict[str, Route],
    opened: ExitStack,
) -> LatestMatches | None:
    """Put a page at `/` if that is asked for, else a list of what there is.

    Returns:
        What the page is to be given, None without a page.
    """
    if not settings.live_page:
        routes["/"] = directory(list(routes), "LIVE_PAGE=1 puts a live page here.")
        return None
    page = LivePage(metrics, health, max_pixels=settings.max_image_pixels)
    opened.enter_context(closing(page))
    routes.update(page.routes())
    return page.matches


def open_parts(
    settings: ConsumerSettings, stop: threading.Event, health: Health, opened: ExitStack
) -> tuple[Engine, Store, ImageFiles]:
    """Refuse settings that cannot work, then wait for model, store and topics."""
    select_device(settings.device)
    files = open_image_files(settings.storage_path, keep=settings.max_stored_files)
    opened.enter_context(closing(files))
    store = make_store(
        mongo_uri=settings.mongo_uri,
        database=settings.db_name,
        storage_path=settings.storage_path,
    )
    opened.enter_context(closing(store))
    topics = Topics(bootstrap=settings.kafka_bootstrap_server, extra=settings.kafka_config)

    waiting = Waiting(limit=settings.startup_timeout, stop=stop, health=health)
    engine = waiting.for_model(
        settings.model_path, settings.classes_path, partial(engine_of, settings)
    )
    waiting.for_store(store)
    waiting.for_topic(
        topics, settings.kafka_topic, partitions=settings.kafka_partitions, config=IMAGE_TOPIC
    )
    for topic, partitions, config in own_topics(settings):
        waiting.for_own_topic(
            topics,
            topic,
            partitions=partitions,
            replication=settings.kafka_replication_factor,
            config=config,
        )
    return engine, store, files


def engine_of(settings: ConsumerSettings, checkpoint: Checkpoint) -> Engine:
    """A warm engine of a checkpoint that is fit to decide."""
    engine = TorchEngine(
        checkpoint,
        device=select_device(settings.device),
        precision=settings.precision,
        memory_fraction=settings.gpu_memory_fraction,
        batch_size=settings.batch_size,
        threshold=settings.confidence_threshold,
    )
    try:
        accept(engine, checkpoint, settings.model_path)
    except BaseException:
        engine.close()
        raise
    return engine


def own_topics(settings: ConsumerSettings) -> Iterator[tuple[str, int, dict[str, str]]]:
    """The topics that the consumer writes to: name, partitions and configuration."""
    large_enough = {"max.message.bytes": str(DEAD_LETTER_BYTES)}
    yield settings.kafka_topic + SUFFIX, DEAD_LETTER_PARTITIONS, large_enough
    if settings.kafka_results_topic:
        yield settings.kafka_results_topic, settings.kafka_partitions, {}


def join_stages(
    settings: ConsumerSettings,
    metrics: Metrics,
    health: Health,
    engine: Engine,
    store: Store,
    files: ImageFiles,
    latest: LatestMatches | None,
    opened: ExitStack,
) -> Pipeline:
    """Make the stages and join them; `opened` closes what must be closed."""
    abort = threading.Event()
    breaker = Breaker(share=settings.breaker_share, metrics=metrics, abort=abort)
    ledger = Ledger(max_images=settings.queue_size, max_bytes=settings.queue_bytes)
    topic, bootstrap = settings.kafka_topic, settings.kafka_bootstrap_server
    extra = settings.kafka_config
    dead_letters = DeadLetters(topic=topic, bootstrap=bootstrap, extra=extra)
    opened.enter_context(closing(dead_letters))
    results = None
    if settings.kafka_results_topic:
        results = Results(topic=settings.kafka_results_topic, bootstrap=bootstrap, extra=extra)
        opened.enter_context(closing(results))
    models = ModelSlot(engine, metrics)
    opened.enter_context(closing(models))
    if settings.model_reload > 0:
        reloading = ModelWatch(
            models,
            model_path=settings.model_path,
            classes_path=settings.classes_path,
            load=lambda: load(settings.model_path, settings.classes_path),
            engine_of=partial(engine_of, settings),
            metrics=metrics,
            interval=settings.model_reload,
        )
        opened.enter_context(closing(reloading))
        reloading.start()
    decoder = Decoder(
        decode,
        max_pixels=settings.max_image_pixels,
        threads=settings.decode_threads,
    )
    opened.enter_context(closing(decoder))
    if settings.breaker_share < NEVER and settings.max_image_pixels < known_good.SIDE**2:
        log.warning(
            "MAX_IMAGE_PIXELS=%d refuses the image of %d x %d pixels by which the breaker judges: "
            "images too large could pause this consumer; BREAKER_SHARE=1 switches the breaker off",
            settings.max_image_pixels,
            known_good.SIDE,
            known_good.SIDE,
        )
    recorder = Recorder(
        store=store,
        files=files,
        dead_letters=dead_letters,
        metrics=metrics,
        threshold=settings.confidence_threshold,
        targets=settings.target_labels,
        abort=abort,
        results=results,
        latest=latest,
        breaker=breaker,
    )
    topics = Topics(bootstrap=bootstrap, extra=extra)
    topic_watch = TopicWatch(
        lambda: topics.identity(topic), partitions=lambda: topics.partitions(topic)
    )
    opened.enter_context(closing(topic_watch))
    topic_watch.start()
    poller = Poller(
        consumer_config(
            bootstrap=bootstrap,
            group=settings.kafka_consumer_group,
            protocol=settings.kafka_group_protocol,
            max_poll_interval=settings.max_poll_interval,
            extra=extra,
        ),
        topic=topic,
        ledger=ledger,
        metrics=metrics,
        topic_watch=topic_watch,
        cluster=lambda: topics.cluster_id,
        # The broker evicts a consumer whose callback waits longer than the poll interval.
        drain_timeout=min(settings.drain_timeout, settings.max_poll_interval / 2),
    )
    watch(
        health=health,
        metrics=metrics,
        poller=poller,
        ledger=ledger,
        recorder=recorder,
        models=models,
        max_poll_interval=settings.max_poll_interval,
        breaker=breaker,
    )
    return Pipeline(
        poller=poller,
        ledger=ledger,
        decoder=decoder,
        models=models,
        recorder=recorder,
        metrics=metrics,
        batch_size=settings.batch_size,
        batch_timeout=settings.batch_timeout_ms / 1000,
        abort=abort,
        breaker=breaker,
    )


if __name__ == "__main__":
    sys.exit(main())
