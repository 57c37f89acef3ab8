"""The stages that the settings of `consumer.py` ask for, made and joined."""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import partial

from velox.consumer.monitoring import Monitoring
from velox.consumer.opening import Parts
from velox.consumer.pipeline import Pipeline
from velox.consumer.polling.old_stretches import OldStretches
from velox.consumer.polling.poller import Poller
from velox.consumer.polling.skipping import Skipping
from velox.consumer.polling.topic_identity import TopicWatch
from velox.consumer.shadowing import beside, watch_models
from velox.consumer.sources.counts import SourceCounts
from velox.consumer.sources.rules import Sources
from velox.consumer.stages.asked import Asked
from velox.consumer.stages.breaker import Breaker
from velox.consumer.stages.candidates import Candidates
from velox.consumer.stages.decider import Decider
from velox.consumer.stages.decoder import Decoder
from velox.consumer.stages.decoding import Decoding
from velox.consumer.stages.inference import Inference, Show, to_nobody
from velox.consumer.stages.model_slot import ModelSlot
from velox.consumer.stages.recorder import Recorder
from velox.consumer.stages.results import Results
from velox.consumer.startup import say_what_the_breaker_cannot_judge
from velox.consumer.storage import candidates_of
from velox.consumer.task import Task
from velox.consumer.untried import say_what_is_untried
from velox.consumer.vital_signs import show, vital_signs
from velox.images.pixels import decode
from velox.kafka.client import consumer_config
from velox.kafka.topic_log import TopicLog
from velox.kafka.topics import Topics
from velox.monitoring.metrics import Metrics
from velox.settings.consumer import ConsumerSettings


def join_stages(
    settings: ConsumerSettings, monitoring: Monitoring, parts: Parts, task: Task, opened: ExitStack
) -> Pipeline:
    """Make the stages and join them."""
    metrics, abort, ledger = monitoring.metrics, task.abort, task.ledger
    parts.storage.sweeper.start(metrics)
    breaker = Breaker(share=settings.breaker_share, metrics=metrics, abort=abort)
    counts = SourceCounts(metrics, most=settings.max_sources)
    candidates = candidates_of(settings, parts.storage.review, metrics, abort)
    recorder = _recorder(settings, monitoring, parts, task, breaker, counts, candidates, opened)
    models = opened.enter_context(
        closing(ModelSlot(parts.engine, metrics, asked_by(settings, parts)))
    )
    show_to: Show = to_nobody
    if task.live:
        show_to = beside(settings, metrics, parts, models, candidates, abort, opened)
    elif settings.swap_gate is None:
        watch_models(settings, metrics, parts, models, opened)

    def rules_taken(sources: Sources) -> None:
        counts.expect(sources)
        models.say_what_is_unknown()
        say_what_is_untried(models.current.engine, sources)

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
        models=models,
        sources=lambda: parts.sources.current,
        decode=Decoding(decoder, breaker, ledger.is_current, task.sort, task.freshness),
        infer=Inference(
            models, decoder, breaker, Decider(settings.target_labels), show_to, task.freshness
        ),
        recorder=recorder,
        metrics=metrics,
        batch_size=settings.batch_size,
        batch_timeout=settings.batch_timeout_ms / 1000,
        abort=abort,
        breaker=breaker,
    )


def _recorder(
    settings: ConsumerSettings,
    monitoring: Monitoring,
    parts: Parts,
    task: Task,
    breaker: Breaker,
    counts: SourceCounts,
    candidates: Candidates | None,
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
        candidates=candidates,
        breaker=breaker,
        sources=counts,
    )


def asked_by(settings: ConsumerSettings, parts: Parts) -> Asked:
    """The labels that the settings ask for."""
    return Asked(
        targets=settings.target_labels,
        with_threshold=settings.confidence_threshold.of_label,
        sources=lambda: parts.sources.current,
    )


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

    def open_log() -> TopicLog:
        return TopicLog(
            topic=topic,
            bootstrap=settings.kafka_bootstrap_server,
            group=task.group,
            # One batch is enough to see one record.
            extra={**settings.kafka_config, "max.partition.fetch.bytes": "1"},
        )

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
        skipping=partial(Skipping, task.freshness, OldStretches(open_log, task.freshness).ends),
        metrics=metrics,
        topic_watch=topic_watch,
        cluster=lambda: topics.cluster_id,
        # The broker evicts a consumer whose callback waits longer than the poll interval.
        drain_timeout=min(settings.drain_timeout, settings.max_poll_interval / 2),
    )
