"""The metrics of a producer: its sources, as they are when somebody asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from velox.base.source_figures import SourceFigures

_SOURCE = ["source"]


class ProducerMetrics(Collector):
    """Exposes what is known of each source. Nothing is counted here, so that nothing costs time.

    Args:
        look: gives the figures of every source as they are now.
        wall_clock: seconds since the epoch.
    """

    def __init__(
        self,
        look: Callable[[], Iterable[SourceFigures]],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._look = look
        self._wall_clock = wall_clock
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Every metric; Prometheus gets what this yields."""
        figures, now = list(self._look()), self._wall_clock()

        def gauge(
            name: str, text: str, value: Callable[[SourceFigures], float | None]
        ) -> GaugeMetricFamily:
            family = GaugeMetricFamily(f"velox_producer_{name}", text, labels=_SOURCE)
            for each in figures:
                if (found := value(each)) is not None:
                    family.add_metric([each.source], found)
            return family

        def counter(
            name: str, text: str, value: Callable[[SourceFigures], int]
        ) -> CounterMetricFamily:
            family = CounterMetricFamily(f"velox_producer_{name}", text, labels=_SOURCE)
            for each in figures:
                family.add_metric([each.source], value(each))
            return family

        def age(of: Callable[[SourceFigures], float | None]) -> Callable[..., float | None]:
            def since(each: SourceFigures) -> float | None:
                at = of(each)
                return None if at is None else max(0.0, now - at)

            return since

        yield gauge("connected", "1 while images can come from a source.", lambda f: f.connected)
        yield gauge(
            "unreachable",
            "1 while nothing answers at the address of a camera.",
            lambda f: f.unreachable,
        )
        yield gauge("age_seconds", "Since the last image of a source.", age(lambda f: f.last_read))
        yield gauge(
            "acknowledged_age_seconds",
            "Since the broker last acknowledged an image of a source.",
            age(lambda f: f.last_acknowledged),
        )
        yield counter("connections", "Connections that gave a frame.", lambda f: f.connections)
        yield counter("read", "Images that came from a source.", lambda f: f.read)
        yield counter("sent", "Images handed to the Kafka client.", lambda f: f.sent)
        yield counter("sent_bytes", "Bytes of these images.", lambda f: f.sent_bytes)
        images = CounterMetricFamily(
            "velox_producer_images",
            "What became of images: acknowledged, failed, dropped, unreadable, left_out.",
            labels=["source", "outcome"],
        )
        for each in figures:
            for outcome, count in each.came_to.items():
                images.add_metric([each.source, outcome], count)
        yield images
