"""What the probes and the gauges look at while the pipeline runs."""

from __future__ import annotations

from collections.abc import Callable

from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.poller import Poller
from velox.consumer.stages.breaker import Breaker
from velox.consumer.stages.model_slot import ModelSlot
from velox.consumer.stages.recorder import Recorder
from velox.monitoring.health import Health
from velox.monitoring.metrics import Metrics


def watch(
    *,
    health: Health,
    metrics: Metrics,
    poller: Poller,
    ledger: Ledger,
    recorder: Recorder,
    models: ModelSlot,
    max_poll_interval: float,
    breaker: Breaker | None = None,
) -> None:
    """Let health and metrics look at the parts of the pipeline.

    A database, dead-letter topic or broker that is away, or a fault for which the breaker holds
    records, excuses a standstill: a restart of this
    process would not bring it back. The broker is no excuse while records are in flight, because
    nothing that becomes of them waits for the topic they came from. Commits that a broker refuses,
    and goes on refusing, are no outage: what is done now would be done again.

    `max_poll_interval` is in seconds: after that the broker evicts a consumer that does not poll.
    """

    def paused() -> str | None:
        return breaker.paused() if breaker is not None else None

    def excuse() -> str | None:
        if (reason := paused()) is not None:
            return reason
        if recorder.waiting_for is not None:
            return f"waiting for {recorder.waiting_for}"
        if ledger.images == 0 and poller.broker_in_trouble():
            reason = poller.why_away()
            return f"waiting for the broker: {reason}" if reason else "waiting for the broker"
        return None

    health.poll_age = poller.poll_age
    health.poll_age_limit = min(health.poll_age_limit, max_poll_interval)
    health.idle = ledger.idle_seconds
    health.work = lambda: max(ledger.images, poller.known_lag)
    health.refusal = lambda: poller.commit_refusal(health.stall_timeout)
    health.excuse = excuse
    health.paused = paused
    health.joined = lambda: poller.joined
    health.starting = None
    metrics.max_poll_interval.set(max_poll_interval)
    metrics.poll_age.set_function(poller.poll_age)
    metrics.commit_age.set_function(poller.commit_age)
    metrics.ready.set_function(lambda: float(health.ready()[0]))
    for kind in models.current.engine.memory():
        metrics.device_memory.labels(kind).set_function(_memory(models, kind))


def _memory(models: ModelSlot, kind: str) -> Callable[[], float]:
    return lambda: models.current.engine.memory().get(kind, 0)
