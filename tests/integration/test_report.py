"""`python -m velox.report` on real stores, and its page in a real browser."""

from __future__ import annotations

import os
import random
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.rig import hostile, pictures
from tests.rig.browser import PHONE, Browser
from tests.rig.mongod import Mongod
from tests.rig.processes import Child, module
from tests.unit.fakes import detection
from velox.base.records import Detection
from velox.stores.interface import DETECTIONS, Reader, Store
from velox.stores.mongo import MongoStore
from velox.stores.mongo_reader import MongoReader
from velox.stores.sqlite import SQLiteStore
from velox.stores.sqlite_reader import SQLiteReader

LIMIT_S = 120
MANY = 200_000
LABELS = ("red_circle", *hostile.LABELS)


def found(count: int, folder: Path | None = None, images: int = 0) -> Iterator[Detection]:
    """Detections of a day and a half, the last ones with images."""
    rng = random.Random(7)
    for number in range(count):
        label, truth = rng.choices(LABELS, (6, 3, 1), k=2)
        minutes = 2160 * number // count
        path = None
        if folder is not None and number >= count - images:
            path = folder / f"image_data-0-{number}-1700000000123.png"
            path.write_bytes(pictures.odd_png(number))
        yield replace(
            detection(number, label=label, truth=truth if number % 2 else None),
            timestamp=f"2026-01-{1 + minutes // 1440:02}T{minutes // 60 % 24:02}:00:00."
            f"{number % 1000:03}Z",
            confidence=0.9 + 0.1 * rng.random(),
            file_path=str(path) if path else None,
            model=("older", "newer")[number * 2 // count],
        )


def fill(store: Store, detections: Iterable[Detection]) -> list[Detection]:
    kept = list(detections)
    with closing(store):
        store.open()
        for start in range(0, len(kept), 10_000):
            assert store.write(kept[start : start + 10_000]) == []
    return kept


def report(folder: Path, **more: str) -> Child:
    env = {"MONGO_URI": "", "STORAGE_PATH": str(folder), "REPORT_PATH": "report.html", **more}
    child = module("velox.report", env=env, log=folder / "log")
    child.wait(LIMIT_S)
    return child


def table(window: Browser, section: str) -> list[list[str]]:
    """The texts of a section's table, row by row."""
    rows = window.run(
        "return [...document.querySelectorAll(arguments[0] + ' tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.innerText))",
        section,
    )
    return list(rows)


def number(text: str) -> int:
    return int(text.replace(",", "") or 0)


def test_the_page_tells_what_is_stored_and_runs_nothing(tmp_path: Path, window: Browser) -> None:
    images = 12
    stored = fill(SQLiteStore(tmp_path / "detections.db"), found(500, tmp_path, images))
    child = report(tmp_path)
    assert child.returncode == 0, str(child)
    assert "libpng" not in child.log
    window.open((tmp_path / "report.html").as_uri())

    assert window.text("#total-matches") == "500"
    labels = Counter(each.predicted_label for each in stored)
    shown = {row[0]: number(row[1]) for row in table(window, "#labels")}
    assert {" ".join(label.split()): count for label, count in labels.items()} == shown
    hours = {each.timestamp[:13] for each in stored}
    head, *rows = table(window, "#hours")
    assert len(head) == 1 + 24 < 1 + len(hours)
    latest = sorted(hours)[-24:]
    assert sum(number(cell) for row in rows for cell in row[1:]) == sum(
        each.timestamp[:13] in latest for each in stored
    )
    _, *rows = table(window, "#confusion")
    known = [each for each in stored if each.ground_truth is not None]
    assert sum(number(cell) for row in rows for cell in row[1:]) == len(known)
    diagonal = window.texts("#confusion td.right")
    right = sum(each.ground_truth == each.predicted_label for each in known)
    assert sum(map(number, diagonal)) == right
    assert window.text("#total-correct") == f"{100 * right / len(known):.1f} %"
    titles = window.run(
        "return [...document.querySelectorAll('#confidence title')].map((e) => e.textContent)"
    )
    assert sum(number(title.rpartition(": ")[2]) for title in titles) == 500
    assert [row[:2] for row in table(window, "#models")[1:]] == [["newer", "250"], ["older", "250"]]

    assert len(window.texts("#latest li")) == 48
    widths = window.run("return [...document.images].map((each) => each.naturalWidth)")
    assert widths == [48] * images
    assert window.texts("#latest .missing") == ["image not kept"] * (48 - images)

    assert window.run("return window.hacked ?? null") is None
    assert window.run("return document.scripts.length") == 0
    assert window.console() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(scheme: str, tmp_path: Path, window: Browser) -> None:
    fill(SQLiteStore(tmp_path / "detections.db"), found(200, tmp_path, 4))
    assert report(tmp_path).returncode == 0
    window.colours(scheme)
    window.resize(PHONE)
    window.open((tmp_path / "report.html").as_uri())
    assert window.run("return document.documentElement.scrollWidth <= innerWidth")
    ground = window.run("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(243, 244, 241)", "dark": "rgb(16, 19, 18)"}[scheme]


def test_an_empty_store(tmp_path: Path, window: Browser) -> None:
    fill(SQLiteStore(tmp_path / "detections.db"), [])
    assert report(tmp_path).returncode == 0
    window.open((tmp_path / "report.html").as_uri())
    assert "No match is stored." in window.text("#latest")
    assert window.console() == []


def test_a_large_store_is_summed_up_in_the_database(tmp_path: Path) -> None:
    fill(SQLiteStore(tmp_path / "detections.db"), found(MANY))
    started = time.monotonic()
    child = report(tmp_path)
    assert child.returncode == 0, str(child)
    assert f"matches={MANY}" in child.log
    assert time.monotonic() - started < 60
    assert (tmp_path / "report.html").stat().st_size < 200_000


def test_mongodb_gives_the_same_figures_as_sqlite(mongod: Mongod, tmp_path: Path) -> None:
    database = f"report-{uuid.uuid4().hex[:8]}"
    fill(SQLiteStore(tmp_path / "detections.db"), found(1000))
    fill(MongoStore(uri=mongod.uri, database=database), found(1000))
    with (
        closing(SQLiteReader(tmp_path / "detections.db")) as first,
        closing(MongoReader(uri=mongod.uri, database=database)) as second,
    ):
        assert everything(first) == everything(second)
    child = report(tmp_path, MONGO_URI=mongod.uri, DB_NAME=database)
    assert child.returncode == 0, str(child)
    assert f"matches=1000 store=mongodb:127.0.0.1:{mongod.port}/{database}" in child.log


def everything(reader: Reader) -> list[object]:
    return [
        reader.totals(),
        reader.by_label(20),
        reader.by_label(1),
        reader.by_hour(24, 20),
        reader.by_hour(2, 1),
        reader.by_confidence(0.9, 20),
        reader.confusion(100),
        reader.models(10),
        {each.id for each in reader.latest(10)},
        reader.latest(0),
    ]


def test_documents_that_others_wrote_do_not_stop_it(mongod: Mongod, tmp_path: Path) -> None:
    database = f"others-{uuid.uuid4().hex[:8]}"
    with mongod.client() as client:
        client[database][DETECTIONS].insert_many(
            [
                {"timestamp": datetime(2025, 1, 1, 9, tzinfo=UTC), "predicted_label": "a"},
                {"predicted_label": {"$literal": 1}, "confidence": "high", "timestamp": 5},
                {"ground_truth": 3, "file_path": ["x"], "confidence": 0.5},
                {},
            ]
        )
    child = report(tmp_path, MONGO_URI=mongod.uri, DB_NAME=database)
    assert child.returncode == 0, str(child)
    assert "matches=4" in child.log
    assert "2025-01-01 09:00:00 UTC" in (tmp_path / "report.html").read_text()


def test_an_empty_collection(mongod: Mongod, tmp_path: Path) -> None:
    child = report(tmp_path, MONGO_URI=mongod.uri, DB_NAME=f"empty-{uuid.uuid4().hex[:8]}")
    assert child.returncode == 0, str(child)
    assert "matches=0" in child.log


@pytest.mark.parametrize(
    ("variables", "code", "named"),
    [
        ({}, 1, "detections.db: no such file"),
        ({"MONGO_URI": "mongodb://me:secret@127.0.0.1:1/"}, 1, "mongodb:127.0.0.1:1/"),
        ({"REPORT_IMAGES": "many"}, 2, "REPORT_IMAGES"),
        ({"REPORT_PATH": "/nowhere/report.html"}, 2, "REPORT_PATH='/nowhere/report.html'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    variables: dict[str, str], code: int, named: str, tmp_path: Path
) -> None:
    if "REPORT_PATH" in variables:
        fill(SQLiteStore(tmp_path / "detections.db"), [])
    child = report(tmp_path, **variables)
    assert child.returncode == code, str(child)
    (line,) = child.log.splitlines()
    assert line.startswith("error: ")
    assert named in line
    assert "secret" not in child.log


def test_the_report_of_a_container_says_where_its_folder_is(tmp_path: Path) -> None:
    """Images are found by name in STORAGE_PATH, whatever the consumer's path to it was."""
    stored = fill(SQLiteStore(tmp_path / "detections.db"), found(3, tmp_path, 3))
    moved = [
        replace(each, file_path=f"/discoveries/{os.path.basename(each.file_path or '')}")
        for each in stored
    ]
    fill(SQLiteStore(tmp_path / "detections.db"), moved)
    assert report(tmp_path).returncode == 0
    assert (tmp_path / "report.html").read_text().count("data:image/jpeg;base64,") == 3
