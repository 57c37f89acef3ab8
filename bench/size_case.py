"""(i) What a store and a folder are like when they have grown: documents, indexes, kept images.

The documents are put in by the quickest way that the store has; what is measured afterwards is what
Velox does: writes of one batch, the queries of the documents, each figure of the report.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from bench.measure import Figure, figure
from bench.results import Results
from bench.sweeping import Sweeps
from tests.rig.mongod import Mongod
from tests.unit.fakes import record
from velox.base.records import Detection, utc_text
from velox.stores.image_files import ImageFiles
from velox.stores.image_names import file_name, is_ours
from velox.stores.interface import DETECTIONS, Reader, Store
from velox.stores.mongo import MongoStore
from velox.stores.mongo_reader import MongoReader
from velox.stores.mongo_removal import MongoRemoval
from velox.stores.removal import Removal
from velox.stores.sqlite import COLUMNS, SQLITE_FILE, SQLiteStore
from velox.stores.sqlite_reader import SQLiteReader
from velox.stores.sqlite_removal import SQLiteRemoval

LABELS = tuple(f"label_{number:02}" for number in range(20))
SOURCES = 1000
FIRST_MS = 1_790_000_000_000
# Ten a second: ten million are eleven days.
EVERY_MS = 100
BATCH = 64
FILL = 10_000
ROUNDS = 50
LOOKUP_LIMIT_MS = 100.0
IMAGE = b"\xff\xd8\xff" + bytes(500)
LARGER_IMAGE = IMAGE + bytes(9500)


def run(results: Results, scratch: Path, *, documents: int, files: int) -> None:
    """Measure stores of so many documents, and a folder of so many images."""
    mongod = Mongod(scratch / "mongod")
    mongod.start()
    try:
        for count in (documents // 10, documents):
            mongo(results, mongod.uri, count)
            sqlite(results, scratch / f"{count}" / SQLITE_FILE, count)
    finally:
        mongod.stop()
    folder(results, scratch / "images", files)
    synced(results, scratch / "synced")


def detections(first: int, count: int) -> Iterator[Detection]:
    """Detections as a stream of many sources leaves them, each with a number of its own."""
    for number in range(first, first + count):
        label = LABELS[number * 7919 % len(LABELS)]
        moment = FIRST_MS + number * EVERY_MS
        yield Detection(
            id=f"image_data:{number % 8}:{number // 8}:{moment}",
            timestamp=utc_text(moment),
            predicted_label=label,
            confidence=0.9 + number % 1000 / 10_000,
            ground_truth=label if number % 2 else None,
            file_path=f"/discoveries/image_data-{number % 8}-{number // 8}-{moment}.jpg",
            source=f"line-{number % SOURCES}",
            latency_ms=20.0,
            model="0123456789ab",
        )


def mongo(results: Results, uri: str, count: int) -> None:
    """A collection of so many documents."""
    database = f"size-{count}"
    client: MongoClient[dict[str, Any]] = MongoClient(uri)
    with closing(MongoStore(uri=uri, database=database)) as store, closing(client):
        store.open()
        collection = client[database].get_collection(DETECTIONS, write_concern=WriteConcern(w=1))

        def put(some: Sequence[Detection]) -> None:
            collection.insert_many([each.document() for each in some], ordered=False)

        name = f"MongoDB, {count:,} documents"
        put_in(results, name, put, count)
        stats = client[database].command("collStats", DETECTIONS)
        tell_bytes(results, f"{name}, documents", stats["storageSize"])
        tell_bytes(results, f"{name}, indexes", stats["totalIndexSize"])
        lookup(
            results,
            f"{name}, latest of a label",
            lambda: list(
                collection.find({"predicted_label": LABELS[3]}).sort("timestamp", -1).limit(1)
            ),
        )
        writes(results, name, store, count)
        with closing(MongoReader(uri=uri, database=database)) as reader:
            report(results, name, reader)
        with closing(MongoRemoval(uri=uri, database=database)) as removal:
            swept(results, name, store, removal, count)
        client.drop_database(database)


def sqlite(results: Results, path: Path, count: int) -> None:
    """A file of so many documents."""
    name = f"SQLite, {count:,} documents"
    marks = ", ".join("?" * COLUMNS)
    with closing(SQLiteStore(path)) as store:
        store.open()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA synchronous = OFF")

            def put(some: Sequence[Detection]) -> None:
                rows = [tuple(each.document().values()) for each in some]
                with connection:
                    connection.executemany(f"INSERT INTO {DETECTIONS} VALUES ({marks})", rows)  # noqa: S608

            put_in(results, name, put, count)
            lookup(
                results,
                f"{name}, latest of a label",
                lambda: connection.execute(
                    f"SELECT * FROM {DETECTIONS} WHERE predicted_label = ? "  # noqa: S608
                    "ORDER BY timestamp DESC LIMIT 1",
                    (LABELS[3],),
                ).fetchall(),
            )
        tell_bytes(results, f"{name}, file", path.stat().st_size)
        writes(results, name, store, count)
        with closing(SQLiteReader(path)) as reader:
            report(results, name, reader)
        with closing(SQLiteRemoval(path.parent)) as removal:
            swept(results, name, store, removal, count)
    path.unlink()


def put_in(
    results: Results, name: str, put: Callable[[Sequence[Detection]], None], count: int
) -> None:
    """Put so many documents in."""
    started = time.monotonic()
    for first in range(0, count, FILL):
        put(list(detections(first, min(FILL, count - first))))
    tell(results, f"{name}, put in", count / (time.monotonic() - started), "documents/s")


def writes(results: Results, name: str, store: Store, count: int) -> None:
    """Batches that Velox writes, durable, beside what is there."""
    batches = [list(detections(count + BATCH * number, BATCH)) for number in range(ROUNDS)]
    each = iter(batches)
    found = milliseconds(lambda: store.write(next(each)), len(batches))
    results.add("size", {f"{name}, a batch of {BATCH}": found})


def swept(results: Results, name: str, store: Store, removal: Removal, count: int) -> None:
    """Half of the documents may go, while others come."""
    first = count + BATCH * ROUNDS
    batches = [list(detections(first + BATCH * number, BATCH)) for number in range(2 * ROUNDS)]
    Sweeps(results, name, removal, FIRST_MS + count // 2 * EVERY_MS).measure(store, batches)


def report(results: Results, name: str, reader: Reader) -> None:
    """Each figure of the report."""
    lookup(results, f"{name}, the latest 48", lambda: reader.latest(48))
    sums: dict[str, Callable[[], object]] = {
        "totals": reader.totals,
        "by label": lambda: reader.by_label(20),
        "by hour": lambda: reader.by_hour(24, 20),
        "by confidence": lambda: reader.by_confidence(0.9, 20),
        "confusion": lambda: reader.confusion(2000),
        "models": lambda: reader.models(20),
    }
    for what, call in sums.items():
        results.add("size", {f"{name}, {what}": milliseconds(call, 1)})


def lookup(results: Results, name: str, call: Callable[[], object]) -> None:
    """A query that an index answers."""
    found = milliseconds(call, ROUNDS)
    results.add("size", {name: found})
    results.bar("size", name, found.median, LOOKUP_LIMIT_MS, at_least=False)


def folder(results: Results, path: Path, count: int) -> None:
    """A folder of so many kept images, one more for each that comes."""
    started = time.monotonic()
    path.mkdir(parents=True)
    for number in range(count):
        (path / file_name(record(number, value=IMAGE))).write_bytes(IMAGE)
    tell(results, f"{count:,} images, put in", count / (time.monotonic() - started), "files/s")
    started = time.monotonic()
    files = ImageFiles(path, keep=count)
    tell(results, f"{count:,} images, the start", time.monotonic() - started, "s")
    numbers = itertools.count(count)
    found = milliseconds(lambda: files.write(record(next(numbers), value=IMAGE)), 1000)
    results.add("size", {f"{count:,} images, one more": found})
    started = time.monotonic()
    files.close()
    tell(results, f"{count:,} images, the end", time.monotonic() - started, "s")
    left = [name for name in os.listdir(path) if is_ours(name)]
    tell(results, f"{count:,} images, files at the end", len(left), "files")


def synced(results: Results, path: Path) -> None:
    """What it costs that files survive a power cut, by how many matches a batch has."""
    numbers = itertools.count()
    for sync in (False, True):
        files = ImageFiles(path, keep=10**6, sync=sync)
        for size in (1, 8, 64):
            found = milliseconds(
                lambda size=size, files=files: files.write_all(  # type: ignore[misc]
                    [record(next(numbers), value=LARGER_IMAGE) for _ in range(size)]
                ),
                ROUNDS,
            )
            results.add("size", {f"SYNC_FILES={int(sync)}, {size} images of 10 kB": found})
        files.close()


def milliseconds(call: Callable[[], object], rounds: int) -> Figure:
    """How long each of some calls took."""
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - started))
    return figure(found, "ms")


def tell(results: Results, name: str, value: float, unit: str) -> None:
    """One figure."""
    results.add("size", {name: figure([value], unit)})


def tell_bytes(results: Results, name: str, size: float) -> None:
    """A size."""
    tell(results, name, size / 1e6, "MB")
