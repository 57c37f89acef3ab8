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

from prometheus_client import CollectorRegistry, Gauge

from velox.base import script
from velox.base.errors import BrokerUnavailable
from velox.kafka.group_lag import GroupLag
from velox.monitoring.health import Health
from velox.monitoring.server import answers, serving
from velox.monitoring.watchdog import Watchdog
from velox.settings.config import LagSettings

EVERY_S = 5.0

log = logging.getLogger("lag")


def main() -> int:
    """Run the exporter; returns the exit code."""
    return script.run(LagSettings, __doc__, expose)


def expose(settings: LagSettings, stop: threading.Event) -> int:
    """Measure again and again until told to stop."""
    lag = GroupLag(
        bootstrap=settings.kafka_bootstrap_server,
        group=settings.kafka_consumer_group,
        topic=settings.kafka_topic,
        extra=settings.kafka_config,
    )
    registry = CollectorRegistry()
    gauge = Gauge(
        "velox_group_lag_records",
        "Records between the group's committed offset and the log end.",
        ["partition"],
        registry=registry,
    )
    shown: set[int] = set()
    measured = time.monotonic()
    health = Health(poll_age=lambda: time.monotonic() - measured, idle=lambda: 0.0)
    routes = answers(registry, health)
    serve = serving(routes, address=settings.metrics_address, port=settings.metrics_port)
    with closing(lag), serve as address, closing(Watchdog(health)) as watchdog:
        log.info("metrics address=%s", address)
        watchdog.start()
        while not stop.is_set():
            shown = show(lag, gauge, shown)
            measured = time.monotonic()
            stop.wait(EVERY_S)
    log.info("stopped")
    return 0


def show(lag: GroupLag, gauge: Gauge, shown: set[int]) -> set[int]:
    """Set the gauge; a broker that is away leaves a gap, never an old number.

    Args:
        lag: is measured.
        gauge: by partition.
        shown: the partitions that it shows.

    Returns:
        The partitions that it shows now.
    """
    measured: dict[int, int] = {}
    try:
        measured = lag.measure()
    except BrokerUnavailable as error:
        log.warning("lag unknown reason=%r", str(error))
    for partition in shown - measured.keys():
        gauge.remove(partition)
    for partition, records in measured.items():
        gauge.labels(partition).set(records)
    return set(measured)


if __name__ == "__main__":
    sys.exit(main())
