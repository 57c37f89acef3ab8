#!/usr/bin/env python3
"""Show how far a consumer group is behind, also while no consumer runs.

    python lag.py             # metrics of KAFKA_CONSUMER_GROUP on KAFKA_TOPIC at METRICS_PORT
    python lag.py --help      # every variable, its default and its meaning

The consumers measure their own lag more closely, but only while they run. This asks the broker.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from contextlib import closing

from velox.base import script
from velox.base.errors import BrokerUnavailable
from velox.kafka.group_lag import GroupLag
from velox.monitoring.group_metrics import GroupMetrics
from velox.monitoring.health import Health, VitalSigns
from velox.monitoring.server import answers, serving
from velox.monitoring.watchdog import Watchdog
from velox.settings.programs import LagSettings
from velox.settings.unknown import unknown_variables

EVERY_S = 5.0

log = logging.getLogger("lag")


def main() -> int:
    """Run the exporter; returns the exit code."""
    return script.run(LagSettings, __doc__, expose, doubts=unknown_variables)


def expose(settings: LagSettings, stop: threading.Event) -> int:
    """Measure again and again until told to stop."""
    lag = GroupLag(
        bootstrap=settings.kafka_bootstrap_server,
        group=settings.kafka_consumer_group,
        topic=settings.kafka_topic,
        extra=settings.kafka_config,
    )
    metrics = GroupMetrics()
    measured = time.monotonic()
    health = Health()
    health.look_at(VitalSigns(poll_age=lambda: time.monotonic() - measured, joined=lambda: True))
    routes = answers(metrics.registry, health)
    serve = serving(routes, address=settings.metrics_address, port=settings.metrics_port)
    with closing(lag), serve as address, closing(Watchdog(health)) as watchdog:
        log.info("metrics address=%s", address)
        watchdog.start()
        while not stop.is_set():
            metrics.show(measured_now(lag))
            measured = time.monotonic()
            stop.wait(EVERY_S)
    log.info("stopped")
    return 0


def measured_now(lag: GroupLag) -> dict[int, int]:
    """Records by partition; none while the broker or the topic is away, which is logged."""
    try:
        return lag.measure()
    except BrokerUnavailable as error:
        log.warning("lag unknown reason=%r", str(error))
        return {}


if __name__ == "__main__":
    sys.exit(main())
