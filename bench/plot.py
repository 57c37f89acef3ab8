"""The figures as one picture."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

from bench.results import Results

WIDTH_IN = 9.0
ROW_IN = 0.28


def plot(results: Results, path: Path) -> None:
    """One group of horizontal bars for each case; the whiskers are the spread."""
    mpl.use("Agg")
    cases = {name: case.figures for name, case in results.cases.items()}
    heights = [len(figures) + 1.5 for figures in cases.values()]
    drawing, axes = plt.subplots(
        len(cases),
        1,
        figsize=(WIDTH_IN, ROW_IN * sum(heights) + 1),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for axis, (case, figures) in zip(axes[:, 0], cases.items(), strict=True):
        names = list(figures)
        medians = [figures[name].median for name in names]
        below = [figures[name].median - figures[name].low for name in names]
        above = [figures[name].high - figures[name].median for name in names]
        axis.barh(names, medians, xerr=[below, above], color="#4878a8", ecolor="#555555")
        axis.invert_yaxis()
        axis.set_title(case, loc="left", fontweight="bold")
        units = sorted({figures[name].unit for name in names})
        axis.set_xlabel(", ".join(units))
    drawing.savefig(path, dpi=110)
    plt.close(drawing)
