"""What the probes and the gauges look at while the pipeline runs."""

from __future__ import annotations

from collections.abc import Callable

from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.poller import Poller
from velox.consumer.stages.breaker import Breaker
from velox.consumer.stages.model_slot import ModelSlot
from velox.consumer.stages.recorder import Recorder
from velox.monitoring.health import Health, VitalSigns
from velox.monitoring.metrics import Metrics

# Longer than the poll loop may take for one turn, whatever it waits for in it.
LONGEST_TURN_S = 60.0


def vital_signs(
    *,
    poller: Poller,
    ledger: Ledger,
    recorder: Recorder,
    breaker: Breaker,
    max_poll_interval: float,
    stall_timeout: float,
) -> VitalSigns:
    """What the parts of the pipeline tell the probes.

    A database, dead-letter topic or broker that is away, or a fault for which the breaker holds
    records, excuses a standstill: a restart of this process would not bring it back. The broker is
    no excuse while records are in flight, because nothing that becomes of them waits for the topic
    they came from. Commits that a broker refuses, and goes on refusing, are no outage: what is done
    now would be done again.

    Args:
        poller: asked for its loop, the broker and commits.
        ledger: asked for what is in flight.
        recorder: asked whom it waits for.
        breaker: asked whether it holds records.
        max_poll_interval: seconds after which the broker evicts a consumer that does not poll.
        stall_timeout: seconds for which commits may be refused.
    """

    def excuse() -> str | None:
        if (reason := breaker.paused()) is not None:
            return reason
        if recorder.waiting_for is not None:
            return f"waiting for {recorder.waiting_for}"
        if ledger.images == 0 and poller.broker_in_trouble():
            reason = poller.why_away()
            return f"waiting for the broker: {reason}" if reason else "waiting for the broker"
        return None

    return VitalSigns(
        poll_age=poller.poll_age,
        poll_age_limit=min(LONGEST_TURN_S, max_poll_interval),
        idle=ledger.idle_seconds,
        work=lambda: max(ledger.images, poller.known_lag),
        refusal=lambda: poller.commit_refusal(stall_timeout),
        excuse=excuse,
        paused=breaker.paused,
        joined=lambda: poller.joined,
    )


def show(
    metrics: Metrics,
    *,
    health: Health,
    poller: Poller,
    models: ModelSlot,
    max_poll_interval: float,
) -> None:
    """Let the gauges of age, readiness and device memory look at the parts of the pipeline."""
    metrics.max_poll_interval.set(max_poll_interval)
    metrics.poll_age.set_function(poller.poll_age)
    metrics.commit_age.set_function(poller.commit_age)
    metrics.ready.set_function(lambda: float(health.ready()[0]))
    for kind in models.current.engine.memory():
        metrics.device_memory.labels(kind).set_function(_memory(models, kind))


def _memory(models: ModelSlot, kind: str) -> Callable[[], float]:
    return lambda: models.current.engine.memory().get(kind, 0)
