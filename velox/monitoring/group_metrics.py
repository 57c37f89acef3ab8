"""What a consumer group's lag exporter exposes; unlike a consumer's metrics, it needs no numpy."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge


class GroupMetrics:
    """What a consumer group's lag exporter exposes."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._lag = Gauge(
            "velox_group_lag_records",
            "Records between the group's committed offset and the log end.",
            ["partition"],
            registry=self.registry,
        )
        self._shown: set[int] = set()

    def show(self, lag: Mapping[int, int]) -> None:
        """Set the lag, records by partition; one that is not known leaves a gap, no old number."""
        for partition in self._shown - lag.keys():
            self._lag.remove(partition)
        for partition, records in lag.items():
            self._lag.labels(partition).set(records)
        self._shown = set(lag)
