import math
from dataclasses import replace
from pathlib import Path

from velox.demo.text import live_line, percent, progress, rate, summary
from velox.monitoring.snapshot import Figures

FIGURES = Figures(
    matched=90,
    unmatched=8,
    dead_lettered=2,
    correct=97,
    labelled=98,
    latency=[(0.1, 49), (0.2, 98), (math.inf, 98)],
)


def test_the_live_line_has_every_figure() -> None:
    figures = "51/s  p50 100 ms  p99 198 ms  matches 90  right 99.0 %  dead letters 2"
    assert live_line(FIGURES, 51.4, 0) == f"100 images  {figures}"
    assert live_line(FIGURES, 51.4, 400) == f"[##        ] 100/400  {figures}"


def test_a_line_without_dead_letters_fits_a_terminal() -> None:
    fine = replace(FIGURES, dead_lettered=0, matched=900, latency=[(0.9, 1), (math.inf, 1)])
    line = live_line(fine, 50, 2_000)
    assert "dead" not in line
    assert len(line) < 80


def test_the_bar_is_full_at_the_end_and_never_fuller() -> None:
    assert progress(0, 3) == "[          ] 0/3"
    assert progress(3, 3) == "[##########] 3/3"
    assert progress(4, 3) == "[##########] 4/3"


def test_the_summary_says_what_was_lost_and_where_to_look() -> None:
    text = summary(FIGURES, 103, Path("data/discoveries"), "data/report.html")
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
        "report": "data/report.html",
    }


def test_what_is_not_known_is_a_dash() -> None:
    assert percent(math.nan) == "-"
    assert "p50 -  p99 -" in live_line(Figures(), 0.0, 0)


def test_rate_over_the_readings() -> None:
    assert rate([(10.0, 100), (11.0, 130), (14.0, 200)]) == 25.0
    assert rate([(10.0, 100)]) == 0.0
