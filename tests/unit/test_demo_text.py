import math
from pathlib import Path

from velox.demo_text import live_line, percent, rate, summary
from velox.figures import Figures

FIGURES = Figures(
    matched=90,
    unmatched=8,
    dead_lettered=2,
    correct=97,
    labelled=98,
    latency=[(0.1, 49), (0.2, 98), (math.inf, 98)],
)


def test_the_live_line_has_every_figure() -> None:
    assert live_line(FIGURES, 51.4) == (
        "   51 images/s | p50 100 ms p99 198 ms | classified 98 | matches 90 | "
        "dead letters 2 | accuracy 99.0 %"
    )


def test_the_summary_says_what_was_lost_and_where_to_look() -> None:
    text = summary(FIGURES, 103, Path("data/discoveries"), "http://127.0.0.1:8000")
    found = dict(line.split(None, 1) for line in text.strip().splitlines())
    assert found == {
        "produced": "103",
        "classified": "98",
        "matched": "90",
        "dead-lettered": "2",
        "lost": "3",
        "accuracy": "99.0 %",
        "latency": "p50 100 ms, p99 198 ms",
        "detections": "data/discoveries/detections.db (SQLite, table shapes_found)",
        "images": "data/discoveries",
        "metrics": "http://127.0.0.1:8000/metrics (while it ran)",
    }


def test_what_is_not_known_is_a_dash() -> None:
    assert percent(math.nan) == "-"
    assert "p50 - p99 -" in live_line(Figures(), 0.0)


def test_rate_over_the_readings() -> None:
    assert rate([(10.0, 100), (11.0, 130), (14.0, 200)]) == 25.0
    assert rate([(10.0, 100)]) == 0.0
