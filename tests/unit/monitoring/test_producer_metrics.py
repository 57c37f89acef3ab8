"""A producer's metrics: what is known of each source when somebody asks."""

from __future__ import annotations

from velox.base.source_figures import SourceFigures
from velox.monitoring.producer_metrics import ProducerMetrics

DOOR = SourceFigures(
    source="door",
    connected=True,
    unreachable=False,
    connections=2,
    read=9,
    sent=7,
    sent_bytes=700,
    came_to={"acknowledged": 6, "dropped": 2},
    last_read=100.0,
    last_acknowledged=None,
)


def test_every_source_is_shown_as_it_is_now() -> None:
    figures: list[SourceFigures] = []
    metrics = ProducerMetrics(lambda: figures, wall_clock=lambda: 103.5)
    value = metrics.registry.get_sample_value
    assert value("velox_producer_read_total", {"source": "door"}) is None
    figures.append(DOOR)
    shown = {
        name: value(f"velox_producer_{name}", {"source": "door"})
        for name in (
            *("connected", "unreachable", "age_seconds", "acknowledged_age_seconds"),
            *("connections_total", "read_total", "sent_total", "sent_bytes_total"),
        )
    }
    assert shown == {
        "connected": 1,
        "unreachable": 0,
        "age_seconds": 3.5,
        "acknowledged_age_seconds": None,
        "connections_total": 2,
        "read_total": 9,
        "sent_total": 7,
        "sent_bytes_total": 700,
    }
    images = {"source": "door", "outcome": "dropped"}
    assert value("velox_producer_images_total", images) == 2
