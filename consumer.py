#!/usr/bin/env python3
"""Classify the images of a Kafka topic and store the matches.

    python consumer.py             # against the broker, database and model that the variables name
    python consumer.py --help      # every variable, its default and its meaning

Images flow in one direction: poll, batch, decode, infer, store, commit. An offset is committed only
when every record up to it is stored, known not to match, or acknowledged by the dead-letter topic.
SIGTERM finishes what is in flight, commits and exits with 0.
"""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import ExitStack
from queue import SimpleQueue

from velox import entry, logs
from velox.batcher import End
from velox.config import ConsumerSettings
from velox.dead_letter import SUFFIX, DeadLetters
from velox.decode import decode
from velox.decoding import Decoder
from velox.errors import CheckpointError, SettingError
from velox.health import Health
from velox.image_files import ImageFiles
from velox.inference import BisectingPredictor
from velox.kafka_client import DEAD_LETTER_BYTES, consumer_config
from velox.ledger import Ledger
from velox.metrics import Metrics
from velox.mongo_store import MongoStore
from velox.pipeline import Pipeline
from velox.poller import Poller
from velox.recorder import Recorder
from velox.records import Record
from velox.retry import Stopped, until_there
from velox.server import answers, serving
from velox.stores import SQLiteStore, Store
from velox.topics import Topics

log = logging.getLogger("consumer")


def main() -> int:
    """Run the consumer; returns the exit code."""
    logs.capture_native_stderr()
    return entry.run(ConsumerSettings, __doc__, consume)


def consume(settings: ConsumerSettings, stop: threading.Event) -> int:
    """Open everything, run the pipeline until told to stop, close everything."""
    with ExitStack() as stack:
        metrics, health = Metrics(), Health(stall_timeout=settings.stall_timeout)
        address = stack.enter_context(
            serving(
                answers(metrics.registry, health),
                address=settings.metrics_address,
                port=settings.metrics_port,
            )
        )
        log.info("metrics address=%s", address)
        try:
            pipeline = open_pipeline(settings, stop, stack, metrics, health)
        except Stopped as stopped:
            log.info("%s", stopped)
            return 0
        pipeline.run(stop)
    log.info("stopped")
    return 0


def open_pipeline(
    settings: ConsumerSettings,
    stop: threading.Event,
    stack: ExitStack,
    metrics: Metrics,
    health: Health,
) -> Pipeline:
    """Wait for model, store and topic, whichever comes when, and join the stages."""
    abort = threading.Event()
    waiting = Waiting(settings.startup_timeout, stop, health)

    checkpoint = waiting.for_model(settings)
    engine = load_engine(settings, checkpoint)
    metrics.model_info.labels(
        engine.digest, engine.architecture, engine.input_size, engine.device
    ).set(1)
    store = open_store(settings)
    stack.callback(store.close)
    waiting.for_store(store)
    waiting.for_topic(settings)

    ledger = Ledger(max_images=settings.queue_size, max_bytes=settings.queue_bytes)
    intake: SimpleQueue[Record | End] = SimpleQueue()
    dead_letters = DeadLetters(
        topic=settings.kafka_topic,
        bootstrap=settings.kafka_bootstrap_server,
        extra=settings.kafka_config,
    )
    stack.callback(dead_letters.close)
    files = open_files(settings)
    stack.callback(files.close)
    decoder = Decoder(
        decode,
        size=engine.input_size,
        max_pixels=settings.max_image_pixels,
        threads=settings.decode_threads,
    )
    stack.callback(decoder.close)
    recorder = Recorder(
        store=store,
        files=files,
        dead_letters=dead_letters,
        metrics=metrics,
        labels=engine.labels,
        threshold=settings.confidence_threshold,
        targets=settings.target_labels,
        abort=abort,
    )
    poller = Poller(
        consumer_config(
            bootstrap=settings.kafka_bootstrap_server,
            group=settings.kafka_consumer_group,
            protocol=settings.kafka_group_protocol,
            max_poll_interval=settings.max_poll_interval,
            extra=settings.kafka_config,
        ),
        topic=settings.kafka_topic,
        ledger=ledger,
        intake=intake,
        metrics=metrics,
        drain_timeout=settings.drain_timeout,
    )
    watch(health, metrics, poller, ledger, recorder, settings.max_poll_interval)
    return Pipeline(
        poller=poller,
        intake=intake,
        ledger=ledger,
        decoder=decoder,
        predictor=BisectingPredictor(engine),
        recorder=recorder,
        labels=engine.labels,
        model=engine.digest,
        metrics=metrics,
        batch_size=settings.batch_size,
        batch_timeout=settings.batch_timeout_ms / 1000,
        abort=abort,
    )
