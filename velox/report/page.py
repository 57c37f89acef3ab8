"""The report: what was found, as one HTML page that needs nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from velox.base import html
from velox.base.accuracy import Figures
from velox.base.files import write_whole
from velox.base.html import Html, element
from velox.base.records import Detection, utc_text
from velox.report.accuracy import accuracy_section
from velox.report.charts import bars, by_hour, confusion, count, histogram
from velox.report.pictures import pictures
from velox.stores.interface import Reader, Totals

MOST_LABELS = 20
HOURS = 24
BINS = 20
MOST_PAIRS = 2000
MOST_MODELS = 20

_STYLE = Path(__file__).with_name("page.css")


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All that the page shows; see `velox.stores.interface.Reader` for what each holds."""

    source: str
    written: str
    totals: Totals
    labels: Sequence[tuple[str, int]]
    hours: Sequence[tuple[str, str, int]]
    low: float
    confidences: Sequence[int]
    pairs: Sequence[tuple[str, str, int]]
    models: Sequence[tuple[str, int, str, str]]
    latest: Sequence[Detection]
    pictures: Mapping[str, str]
    accuracy: Figures | None = None


def write_report(
    path: Path,
    *,
    reader: Reader,
    folder: Path,
    images: int,
    accuracy: Figures | None = None,
    wall_clock: Callable[[], float] = time.time,
) -> Totals:
    """Sum up what is stored and write the page.

    Args:
        path: the file to write.
        reader: of the detections.
        folder: of the images.
        images: latest detections to show at most.
        accuracy: by the verdicts on a random share, None where nothing is known of it.
        wall_clock: seconds since the epoch.

    Returns:
        The totals that the page shows.

    Raises:
        StoreUnavailable: when the store cannot be read.
        OSError: when the file cannot be written.
    """
    totals = reader.totals()
    low = min(0.9, int(10 * max(0.0, totals.lowest_confidence)) / 10)
    latest = reader.latest(images)
    findings = Findings(
        source=reader.name,
        written=utc_text(int(1000 * wall_clock())),
        totals=totals,
        labels=reader.by_label(MOST_LABELS),
        hours=reader.by_hour(HOURS, MOST_LABELS),
        low=low,
        confidences=reader.by_confidence(low, BINS),
        pairs=reader.confusion(MOST_PAIRS),
        models=reader.models(MOST_MODELS),
        latest=latest,
        pictures=pictures(latest, folder),
        accuracy=accuracy,
    )
    write_whole(path, page(findings).encode("utf-8", "replace"))
    return totals


def page(findings: Findings) -> str:
    """The whole page; see `velox.base.html.page`."""
    style = Html(_STYLE.read_text(encoding="utf-8"))
    main = element("main", *_sections(findings))
    return html.page("Velox: what was found", style, _header(findings), main)


def _header(findings: Findings) -> Html:
    return element(
        "header",
        element("h1", "What was found"),
        element("p", f"Read from {findings.source} at {_moment(findings.written)}"),
    )


def _sections(findings: Findings) -> list[Html]:
    return [
        _totals(findings.totals),
        *([accuracy_section(findings.accuracy)] if findings.accuracy else []),
        _section(
            "Latest matches",
            f"the newest {len(findings.latest)}",
            element("ol", *(_tile(each, findings.pictures) for each in findings.latest))
            if findings.latest
            else element("p", "No match is stored.", class_="none"),
            id_="latest",
        ),
        _section("Matches by label", _most(findings.labels), bars(findings.labels), id_="labels"),
        _section(
            "Confidence",
            "matches by confidence, in equal steps",
            histogram(findings.confidences, findings.low),
            id_="confidence",
        ),
        _section(
            "Matches by label and hour",
            f"the latest {HOURS} hours that have any, UTC",
            by_hour(findings.hours),
            id_="hours",
        ),
        _section(
            "Truth and prediction",
            "stored matches whose truth is known",
            confusion(findings.pairs, MOST_LABELS),
            id_="confusion",
        ),
        _section("Models", "newest first", _models(findings.models), id_="models"),
    ]


def _section(title: str, note: str, *content: Html, id_: str) -> Html:
    heading = element("h2", title, " ", element("span", note, class_="note"))
    return element("section", heading, *content, id_=id_)


def _totals(totals: Totals) -> Html:
    share = f"{100 * totals.correct / totals.labelled:.1f} %" if totals.labelled else "-"
    figures = {
        "matches": (count(totals.detections), "stored"),
        "correct": (share, f"of {count(totals.labelled)} with known truth"),
        "first": _day_and_time(totals.first),
        "last": _day_and_time(totals.last),
    }
    tiles = [
        element(
            "div",
            element("dt", name),
            element("dd", value, id_=f"total-{name}"),
            element("dd", note, class_="note"),
        )
        for name, (value, note) in figures.items()
    ]
    return element("dl", *tiles, id_="totals")


def _tile(detection: Detection, addresses: Mapping[str, str]) -> Html:
    wrong = detection.ground_truth not in (None, detection.predicted_label)
    confidence = f"{100 * detection.confidence:.0f} %"
    alternative = f"{detection.predicted_label}, {confidence}"
    if detection.id in addresses:
        picture = element("img", src=addresses[detection.id], alt=alternative)
    else:
        picture = element("div", "image not kept", class_="missing")
    truth = f"✗ is {detection.ground_truth}" if wrong else "✓ correct"
    return element(
        "li",
        picture,
        element("span", confidence, class_="confidence"),
        element("div", detection.predicted_label, class_="label"),
        element("div", truth if detection.ground_truth is not None else "", class_="truth"),
        class_="wrong" if wrong else "",
        title=f"{_moment(detection.timestamp)}\n{detection.source or ''}\n{detection.id}",
    )


def _models(rows: Sequence[tuple[str, int, str, str]]) -> Html:
    lines = [
        element(
            "tr",
            element("th", model or "unknown", scope="row", class_="name"),
            element("td", count(found), class_="number"),
            element("td", _moment(first)),
            element("td", _moment(last)),
        )
        for model, found, first, last in rows
    ]
    names = ("model", "matches", "first", "last")
    head = element("tr", *(element("th", name, scope="col") for name in names))
    table = element("table", element("thead", head), element("tbody", *lines), class_="models")
    return element("div", table, class_="scroll", tabindex=0, role="group")


def _most(labels: Sequence[tuple[str, int]]) -> str:
    return f"the {MOST_LABELS} most frequent" if len(labels) == MOST_LABELS else ""


def _moment(timestamp: str) -> str:
    return f"{timestamp[:10]} {timestamp[11:19]} UTC" if timestamp else "-"


def _day_and_time(timestamp: str) -> tuple[str, str]:
    return (f"{timestamp[11:19]} UTC", timestamp[:10]) if timestamp else ("-", "")
