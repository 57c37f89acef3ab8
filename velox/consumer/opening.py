"""What a consumer waits for at its start: model, stores and topics, one by one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace

from velox.base.errors import CheckpointError
from velox.base.records import PARKED
from velox.consumer.engines import Engines
from velox.consumer.shadow.rulings import Rulings
from velox.consumer.sources.watch import SourcesWatch
from velox.consumer.stages.dead_letters import SUFFIX
from velox.consumer.startup import Waiting
from velox.consumer.storage import Storage, open_storage
from velox.kafka import retention
from velox.kafka.client import DEAD_LETTER_BYTES, IMAGE_TOPIC
from velox.kafka.topics import Topics
from velox.models.description import Description
from velox.models.engine.interface import Engine
from velox.models.files import ModelFiles, signatures
from velox.monitoring.health import Health
from velox.settings.consumer import ConsumerSettings
from velox.stores.image_files import ImageFiles

DEAD_LETTER_PARTITIONS = 1

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a start waits for."""

    engine: Engine
    model_files: ModelFiles
    storage: Storage
    topics: Topics
    sources: SourcesWatch


def open_parts(
    settings: ConsumerSettings,
    stop: threading.Event,
    health: Health,
    opened: ExitStack,
    *more: str,
    files: type[ImageFiles] = ImageFiles,
) -> Parts:
    """Refuse settings that cannot work, then wait for model, store and topics.

    Args:
        settings: what is asked for.
        stop: ends the wait.
        health: told what is waited for.
        opened: closes what is opened.
        more: topics of letters, besides the one that every consumer writes to.
        files: the kind of image files.

    Raises:
        Stopped: when told to stop before all are there.
    """
    sources = opened.enter_context(closing(SourcesWatch(settings.sources_path)))
    engines = engines_of(settings, sources)
    engines.require_device()
    say_what_does_nothing(settings)
    storage = open_storage(settings, opened, files)
    topics = Topics(bootstrap=settings.kafka_bootstrap_server, extra=settings.kafka_config)
    waiting = Waiting(limit=settings.startup_timeout, stop=stop, health=health)
    model_files = ModelFiles(settings.model_path, settings.classes_path)

    def first_engine() -> Engine:
        chosen = of_last_decision(engines, settings)
        if chosen is engines:
            model_files.reading()
        return chosen.first(_loaded(chosen))

    engine = waiting.for_model(settings.model_path, settings.classes_path, first_engine)
    waiting.for_store(storage.store)
    if storage.review is not None:
        waiting.for_store(storage.review)
    waiting.for_topic(
        topics, settings.kafka_topic, partitions=settings.kafka_partitions, config=IMAGE_TOPIC
    )
    for topic, partitions, config in own_topics(settings, *more):
        waiting.for_own_topic(
            topics,
            topic,
            partitions=partitions,
            replication=settings.kafka_replication_factor,
            config=config,
        )
        retention.hold_to(topics, topic, settings.keep_days, ours=True)
    retention.hold_if_there(topics, settings.kafka_topic + PARKED, settings.keep_days)
    retention.hold_to(topics, settings.kafka_topic, settings.keep_days, ours=False)
    return Parts(engine, model_files, storage, topics, sources)


def _loaded(engines: Engines) -> Description:
    """What lies at MODEL_PATH, or why not: where nothing does, with what to do."""
    try:
        return engines.load()
    except CheckpointError as error:
        if None not in signatures((engines.model_path,)):
            raise
        raise CheckpointError(
            f"{error}; train one with `python train.py`, or set MODEL_PATH"
        ) from error


def say_what_does_nothing(settings: ConsumerSettings) -> None:
    """Log a setting that another one leaves without effect."""
    if settings.results_top > 1 and not settings.kafka_results_topic:
        log.warning(
            "RESULTS_TOP=%d does nothing: there are no results without KAFKA_RESULTS_TOPIC",
            settings.results_top,
        )


def engines_of(settings: ConsumerSettings, sources: SourcesWatch) -> Engines:
    """What makes engines of checkpoints."""
    return Engines(
        model_path=settings.model_path,
        classes_path=settings.classes_path,
        device=settings.device,
        precision=settings.precision,
        compiled=settings.torch_compile,
        memory_fraction=settings.gpu_memory_fraction,
        batch_size=settings.batch_size,
        # Nothing else looks at more than the likeliest label.
        top=settings.results_top if settings.kafka_results_topic else 1,
        thresholds=settings.confidence_threshold,
        unknown=settings.unknown,
        sources=lambda: sources.current,
    )


def rulings_of(settings: ConsumerSettings) -> Rulings:
    """What was decided of the models of these consumers."""
    return Rulings(settings.storage_path, settings.model_path, settings.kafka_consumer_group)


def of_last_decision(engines: Engines, settings: ConsumerSettings) -> Engines:
    """Of the model in use, where one at MODEL_PATH is still to earn its place, or was refused."""
    if settings.swap_gate is None:
        return engines
    rulings = rulings_of(settings)
    state = rulings.read()
    with suppress(CheckpointError):
        if state is None or state.in_use == rulings.at_model_path():
            return engines
    if state is None:
        return engines
    model, classes = rulings.place(state.in_use)
    if not model.exists():
        log.warning("the model in use is lost digest=%s, using that of MODEL_PATH", state.in_use)
        return engines
    log.info("MODEL_PATH holds another model than that in use digest=%s", state.in_use)
    return replace(engines, model_path=model, classes_path=classes)


def own_topics(settings: ConsumerSettings, *more: str) -> Iterator[tuple[str, int, dict[str, str]]]:
    """The topics that the consumer writes to: name, partitions and configuration."""
    kept = retention.wanted(settings.keep_days)
    large_enough = {"max.message.bytes": str(DEAD_LETTER_BYTES), **kept}
    for letters in (settings.kafka_topic + SUFFIX, *more):
        yield letters, DEAD_LETTER_PARTITIONS, large_enough
    if settings.kafka_results_topic:
        yield settings.kafka_results_topic, settings.kafka_partitions, kept
