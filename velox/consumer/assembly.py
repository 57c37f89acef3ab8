"""What the settings of `consumer.py` ask for, made and joined; whoever opened it closes it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

from velox.consumer.engines import Engines
from velox.consumer.monitoring import Monitoring
from velox.consumer.pipeline import Pipeline
from velox.consumer.polling.poller import Poller
from velox.consumer.polling.topic_identity import TopicWatch
from velox.consumer.sources.counts import SourceCounts
from velox.consumer.sources.rules import Sources
from velox.consumer.sources.watch import SourcesWatch
from velox.consumer.stages.asked import Asked
from velox.consumer.stages.breaker import Breaker
from velox.consumer.stages.dead_letters import SUFFIX
from velox.consumer.stages.decider import Decider
from velox.consumer.stages.decoder import Decoder
from velox.consumer.stages.model_slot import ModelSlot, ModelWatch
from velox.consumer.stages.recorder import Recorder
from velox.consumer.stages.results import Results
from velox.consumer.startup import Waiting, say_what_the_breaker_cannot_judge
from velox.consumer.storage import Storage, candidates_of, open_storage
from velox.consumer.task import Task
from velox.consumer.vital_signs import show, vital_signs
from velox.images.pixels import decode
from velox.kafka import retention
from velox.kafka.client import DEAD_LETTER_BYTES, IMAGE_TOPIC, consumer_config
from velox.kafka.topics import Topics
from velox.models.engine.interface import Engine
from velox.models.files import ModelFiles
from velox.monitoring.health import Health
from velox.monitoring.metrics import Metrics
from velox.settings.consumer import ConsumerSettings
from velox.stores.image_files import ImageFiles

DEAD_LETTER_PARTITIONS = 1


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
    engines = engines_of(settings)
    engines.require_device()
    sources = opened.enter_context(closing(SourcesWatch(settings.sources_path)))
    storage = open_storage(settings, opened, files)
    topics = Topics(bootstrap=settings.kafka_bootstrap_server, extra=settings.kafka_config)
    waiting = Waiting(limit=settings.startup_timeout, stop=stop, health=health)
    model_files = ModelFiles(settings.model_path, settings.classes_path)

    def first_engine() -> Engine:
        model_files.reading()
        return engines.first(engines.load())

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
    retention.hold_to(topics, settings.kafka_topic, settings.keep_days, ours=False)
    return Parts(engine, model_files, storage, topics, sources)


def engines_of(settings: ConsumerSettings) -> Engines:
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
    )


def own_topics(settings: ConsumerSettings, *more: str) -> Iterator[tuple[str, int, dict[str, str]]]:
    """The topics that the consumer writes to: name, partitions and configuration."""
    kept = retention.wanted(settings.keep_days)
    large_enough = {"max.message.bytes": str(DEAD_LETTER_BYTES), **kept}
    for letters in (settings.kafka_topic + SUFFIX, *more):
        yield letters, DEAD_LETTER_PARTITIONS, large_enough
    if settings.kafka_results_topic:
        yield settings.kafka_results_topic, settings.kafka_partitions, kept


def join_stages(
    settings: ConsumerSettings, monitoring: Monitoring, parts: Parts, task: Task, opened: ExitStack
) -> Pipeline:
    """Make the stages and join them."""
    metrics, abort, ledger = monitoring.metrics, task.abort, task.ledger
    parts.storage.sweeper.start(metrics)
    breaker = Breaker(share=settings.breaker_share, metrics=metrics, abort=abort)
    counts = SourceCounts(metrics, most=settings.max_sources)
    recorder = _recorder(settings, monitoring, parts, task, breaker, counts, opened)
    models = _models(settings, metrics, parts, opened)

    def rules_taken(sources: Sources) -> None:
        counts.expect(sources)
        models.say_what_is_unknown()

    counts.expect(parts.sources.current)
    parts.sources.start(rules_taken)
    decoder = opened.enter_context(
        closing(
            Decoder(decode, max_pixels=settings.max_image_pixels, threads=settings.decode_threads)
        )
    )
    say_what_the_breaker_cannot_judge(settings.breaker_share, settings.max_image_pixels)
    poller = _poller(settings, metrics, parts.topics, task, opened)
    monitoring.health.look_at(
        vital_signs(
            poller=poller,
            ledger=ledger,
            recorder=recorder,
            breaker=breaker,
            max_poll_interval=settings.max_poll_interval,
            stall_timeout=settings.stall_timeout,
        )
    )
    show(
        metrics,
        health=monitoring.health,
        poller=poller,
        models=models,
        max_poll_interval=settings.max_poll_interval,
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
        decide=Decider(settings.target_labels),
        sources=lambda: parts.sources.current,
        sort=task.sort,
    )


def _recorder(
    settings: ConsumerSettings,
    monitoring: Monitoring,
    parts: Parts,
    task: Task,
    breaker: Breaker,
    counts: SourceCounts,
    opened: ExitStack,
) -> Recorder:
    bootstrap, extra = settings.kafka_bootstrap_server, settings.kafka_config
    results = None
    if settings.kafka_results_topic:
        results = opened.enter_context(
            closing(Results(topic=settings.kafka_results_topic, bootstrap=bootstrap, extra=extra))
        )
    return task.recorder(
        store=parts.storage.store,
        files=parts.storage.files,
        dead_letters=task.letters,
        metrics=monitoring.metrics,
        abort=task.abort,
        results=results,
        latest=monitoring.latest,
        candidates=candidates_of(settings, parts.storage.review, monitoring.metrics, task.abort),
        breaker=breaker,
        sources=counts,
    )


def _models(
    settings: ConsumerSettings, metrics: Metrics, parts: Parts, opened: ExitStack
) -> ModelSlot:
    models = opened.enter_context(
        closing(
            ModelSlot(
                parts.engine,
                metrics,
                Asked(
                    targets=settings.target_labels,
                    with_threshold=settings.confidence_threshold.of_label,
                    sources=lambda: parts.sources.current,
                ),
            )
        )
    )
    if settings.model_reload > 0:
        engines = engines_of(settings)
        watch = ModelWatch(
            models,
            files=parts.model_files,
            load=engines.load,
            engine_of=engines.later,
            metrics=metrics,
            interval=settings.model_reload,
        )
        opened.enter_context(closing(watch)).start()
    return models


def _poller(
    settings: ConsumerSettings, metrics: Metrics, topics: Topics, task: Task, opened: ExitStack
) -> Poller:
    topic = task.topic
    topic_watch = opened.enter_context(
        closing(
            TopicWatch(lambda: topics.identity(topic), partitions=lambda: topics.partitions(topic))
        )
    )
    topic_watch.start()
    return Poller(
        consumer_config(
            bootstrap=settings.kafka_bootstrap_server,
            group=task.group,
            protocol=settings.kafka_group_protocol,
            max_poll_interval=settings.max_poll_interval,
            extra=settings.kafka_config,
        ),
        topic=topic,
        ledger=task.ledger,
        stretch=task.stretch,
        notes=task.notes,
        metrics=metrics,
        topic_watch=topic_watch,
        cluster=lambda: topics.cluster_id,
        # The broker evicts a consumer whose callback waits longer than the poll interval.
        drain_timeout=min(settings.drain_timeout, settings.max_poll_interval / 2),
    )
