"""The report's charts: plain HTML tables and SVG, readable without colour and without scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from velox.base.html import Html, element, join

SHADES = 9
NONE = element("p", "None.", class_="none")
BAR_WIDTH = 100
COLUMN_WIDTH, COLUMN_GAP, CHART_HEIGHT = 28, 4, 120
OTHERS = "others"


def count(number: int) -> str:
    """A number with its thousands apart."""
    return f"{number:,}"


def bars(rows: Sequence[tuple[str, int]]) -> Html:
    """A table of names, counts and bars."""
    if not rows:
        return NONE
    most = max(number for _, number in rows)
    lines = [
        element(
            "tr",
            element("th", name, scope="row", class_="name"),
            element("td", count(number), class_="number"),
            element("td", _bar(number / most), class_="bar"),
        )
        for name, number in rows
    ]
    return element("table", element("tbody", *lines), class_="bars")


def _bar(share: float) -> Html:
    return element(
        "svg",
        element("rect", width=f"{BAR_WIDTH * share:.2f}", height=8, rx=2, class_="fill"),
        viewBox=f"0 0 {BAR_WIDTH} 8",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def histogram(counts: Sequence[int], low: float) -> Html:
    """Columns for equal bins from `low` to 1, each with its count as a tooltip."""
    if not any(counts):
        return NONE
    most = max(counts)
    step = (1 - low) / len(counts)
    width = len(counts) * (COLUMN_WIDTH + COLUMN_GAP)
    columns = []
    for place, number in enumerate(counts):
        height = max(1.0, CHART_HEIGHT * number / most) if number else 0.0
        title = f"{low + place * step:.3f} to {low + (place + 1) * step:.3f}: {count(number)}"
        bar = element(
            "rect",
            element("title", title),
            x=place * (COLUMN_WIDTH + COLUMN_GAP),
            y=f"{CHART_HEIGHT - height:.1f}",
            width=COLUMN_WIDTH,
            height=f"{height:.1f}",
            class_="fill",
        )
        columns.append(bar)
    chart = element(
        "svg",
        *columns,
        viewBox=f"0 0 {width} {CHART_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"Histogram of confidence from {low:.2f} to 1, at most {count(most)} in a bin",
        class_="histogram",
    )
    ticks = [element("span", f"{low + (1 - low) * part / 4:.3f}") for part in range(5)]
    return join(chart, element("div", *ticks, class_="ticks"))


def by_hour(rows: Sequence[tuple[str, str, int]]) -> Html:
    """A table with a row a label and a column an hour, the newest first, shaded by count."""
    if not rows:
        return NONE
    cells = {(label, hour): number for hour, label, number in rows}
    hours = sorted({hour for hour, _, _ in rows}, reverse=True)
    totals: Counter[str] = Counter()
    for _, label, number in rows:
        totals[label] += number
    most = max(cells.values())
    head = [element("th", f"{hour[5:10]} {hour[11:]} h", scope="col", title=hour) for hour in hours]
    lines = [
        element(
            "tr",
            element("th", label, scope="row", class_="name"),
            *(_shaded(cells.get((label, hour), 0), most) for hour in hours),
        )
        for label, _ in totals.most_common()
    ]
    return _grid(element("tr", element("th", "label", scope="col"), *head), lines)


def confusion(rows: Sequence[tuple[str, str, int]], most_labels: int) -> Html:
    """A table with a row a truth and a column a prediction; rarer ones are `others`.

    That is in brackets where it is a label itself.
    """
    if not rows:
        return NONE
    truths = _frequent([(truth, number) for truth, _, number in rows], most_labels)
    labels = _frequent([(label, number) for _, label, number in rows], most_labels)
    others = OTHERS
    while others in truths or others in labels:
        others = f"({others})"
    cells: Counter[tuple[str, str]] = Counter()
    for truth, label, number in rows:
        cells[truth if truth in truths else others, label if label in labels else others] += number
    order = [*dict.fromkeys((*truths, *labels)), others]
    lines_of = [each for each in order if any(truth == each for truth, _ in cells)]
    columns = [each for each in order if any(label == each for _, label in cells)]
    most = max(cells.values())
    head = [element("th", each, scope="col") for each in columns]
    lines = [
        element(
            "tr",
            element("th", truth, scope="row", class_="name"),
            *(_shaded(cells[truth, each], most, right=truth == each != others) for each in columns),
        )
        for truth in lines_of
    ]
    return _grid(element("tr", element("th", "truth \\ predicted", scope="col"), *head), lines)


def _frequent(counts: Sequence[tuple[str, int]], most: int) -> list[str]:
    totals: Counter[str] = Counter()
    for name, number in counts:
        totals[name] += number
    return [name for name, _ in totals.most_common(most)]


def _shaded(number: int, most: int, *, right: bool = False) -> Html:
    shade = -(-SHADES * number // most) if number else 0
    return element(
        "td", count(number) if number else "", class_=f"q{shade}" + (" right" if right else "")
    )


def _grid(head: Html, lines: Sequence[Html]) -> Html:
    table = element("table", element("thead", head), element("tbody", *lines), class_="grid")
    return element("div", table, class_="scroll", tabindex=0, role="group")
