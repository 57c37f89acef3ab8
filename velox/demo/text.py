"""The demo's figures as text: one line while it runs, and a summary at its end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from velox.monitoring.snapshot import Figures
from velox.stores.interface import DETECTIONS
from velox.stores.sqlite import SQLITE_FILE

# A line with a bar fits a terminal of 80 columns.
BAR_WIDTH = 10


def rate(readings: Sequence[tuple[float, int]]) -> float:
    """Records a second over the readings of (seconds, records)."""
    (first_at, first), (last_at, last) = readings[0], readings[-1]
    return (last - first) / (last_at - first_at) if last_at > first_at else 0.0


def live_line(now: Figures, images_per_second: float, images: int) -> str:
    """The figures that matter while it runs, with a bar where the number of images is known."""
    parts = [
        f"{images_per_second:.0f}/s",
        f"p50 {milliseconds(now, 0.5)}",
        f"p99 {milliseconds(now, 0.99)}",
        f"matches {now.matched}",
        f"right {percent(now.accuracy)}",
    ]
    if now.dead_lettered:
        parts.append(f"dead letters {now.dead_lettered}")
    return "  ".join([progress(now.finished, images), *parts])


def progress(done: int, images: int) -> str:
    """How far it is."""
    if not images:
        return f"{done} images"
    bar = "#" * (BAR_WIDTH * min(done, images) // images)
    return f"[{bar:<{BAR_WIDTH}}] {done}/{images}"


def summary(last: Figures, produced: int, storage: Path, report: str) -> str:
    """What the run came to, and where to look."""
    lines = {
        "produced": produced,
        "classified": last.classified,
        "matched": last.matched,
        "dead-lettered": last.dead_lettered,
        "lost": max(0, produced - last.finished),
        "accuracy": percent(last.accuracy),
        "latency": f"p50 {milliseconds(last, 0.5)}, p99 {milliseconds(last, 0.99)}",
        "detections": f"{storage / SQLITE_FILE} (SQLite, table {DETECTIONS})",
        "images": storage,
        "report": report,
    }
    return "\n".join(["", *(f"{name:<14} {value}" for name, value in lines.items())])


def milliseconds(now: Figures, share: float) -> str:
    """A quantile of the end-to-end latency as text."""
    seconds = now.latency_quantile(share)
    return "-" if math.isnan(seconds) else f"{1000 * seconds:.0f} ms"


def percent(share: float) -> str:
    """A share as text."""
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"
