"""The live page of a real consumer, in a real browser."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.rig import hostile, pictures, settings
from tests.rig.browser import PHONE, Browser
from tests.rig.http import get, metric
from tests.rig.processes import Child, script
from tests.rig.waiting import eventually
from velox.demo import broker as embedded_broker

LIMIT_S = 90
TOPIC = "image_data"
IMAGES, RUBBISH = 40, 3


@dataclass
class Running:
    """A consumer on the embedded broker, where its page and its documents are, and what it got."""

    bootstrap: str
    consumer: Child
    address: str
    storage: Path
    records: int = 0

    def send(self) -> None:
        """Images with the headers of a stranger, and a few records that are no images."""
        producer = Producer({"bootstrap.servers": self.bootstrap})
        headers: dict[str, str | bytes | None] = {
            "label": hostile.SCRIPT.encode(),
            "source": hostile.QUOTES.encode(),
        }
        for number in range(IMAGES):
            producer.produce(TOPIC, pictures.encoded(number), headers=headers)
        for _ in range(RUBBISH):
            producer.produce(TOPIC, b"no image")
        assert producer.flush(LIMIT_S) == 0
        self.records += IMAGES + RUBBISH

    def documents(self) -> dict[str, int]:
        """Documents in the store by label."""
        with closing(sqlite3.connect(self.storage / "detections.db")) as database:
            rows = database.execute(
                "SELECT predicted_label, COUNT(*) FROM shapes_found GROUP BY predicted_label"
            )
            return dict(rows.fetchall())


def start(bootstrap: str, folder: Path, **more: str | int) -> Running:
    storage = folder / "images"
    env = settings.consumer(bootstrap, TOPIC, storage, KAFKA_PARTITIONS=4, **more)
    consumer = script(
        "consumer.py", env={**env, **hostile.checkpoint(folder)}, log=folder / "consumer.log"
    )
    address = consumer.wait_for_line(r"metrics address=(\S+)", LIMIT_S)[1]
    return Running(bootstrap, consumer, address, storage)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for all: the first test is the first to send it images, the last of them ends it."""
    with embedded_broker.running() as bootstrap:
        running = start(bootstrap, tmp_path_factory.mktemp("running"), LIVE_PAGE=1)
        yield running
        running.consumer.kill()


def ready(running: Running) -> bool:
    assert running.consumer.running, str(running.consumer)
    return get(f"{running.address}/readyz")[0] == 200


def test_the_page_shows_what_is_found_and_runs_nothing(running: Running, window: Browser) -> None:
    window.open(f"{running.address}/")
    # Pictures that come in turns move those before them, as they should: here they come at once.
    window.run("document.getElementById('pause').click()")
    window.run(
        "window.shifts = 0;"
        "new PerformanceObserver((seen) => seen.getEntries().forEach((each) => {"
        "  window.shifts += each.value })).observe({type: 'layout-shift', buffered: true})"
    )
    eventually(lambda: ready(running), LIMIT_S, lambda: f"ready: {running.consumer}")
    running.send()

    def total() -> bool:
        return window.text("#classified") == f"of {IMAGES + RUBBISH} images"

    eventually(total, LIMIT_S, lambda: f"all counted: {window.text('body')} {running.consumer}")
    window.run("document.getElementById('pause').click()")
    # One counter comes after the other, and the page may have looked in between.
    latest = "velox_end_to_end_seconds_count"
    eventually(lambda: metric(running.address, latest) == IMAGES, LIMIT_S, "all of it counted")
    found = running.documents()
    right = found.get(hostile.SCRIPT, 0)

    def shown() -> list[object]:
        figures = ("#word", "#dead_lettered", "#matched", "#accuracy")
        lists = ("#reasons li .name", "#reasons li .count")
        return [*map(window.text, figures), *map(window.texts, lists), labels()]

    def labels() -> dict[str, int]:
        counts = map(int, window.texts("#labels .count"))
        pairs = zip(window.texts("#labels .name"), counts, strict=False)
        return {label: count for label, count in pairs if count}

    expected = [
        *("running", str(RUBBISH), f"{IMAGES} in all", f"{100 * right / IMAGES:.1f} %"),
        *(["decode: UndecodableImage"], [str(RUBBISH)], found),
    ]
    eventually(lambda: shown() == expected, LIMIT_S, lambda: f"{expected}: {shown()}")
    assert "mobilenet_v3_small on cpu" in window.text("#model")

    def loaded() -> bool:
        return bool(
            window.run(
                "const all = [...document.querySelectorAll('#wall img')];"
                "return all.length > 0 && all.every((each) => each.naturalWidth > 0)"
            )
        )

    eventually(loaded, LIMIT_S, "every picture loaded")
    assert set(window.texts("#wall .label")) <= set(hostile.LABELS)
    alternatives = window.run(
        "return [...document.querySelectorAll('#wall img')].map((each) => each.alt)"
    )
    assert all(each.startswith(hostile.LABELS) for each in alternatives)

    assert window.run("return window.hacked ?? null") is None
    assert window.run("return document.querySelectorAll('img:not(.picture)').length") == 0
    assert window.run("return document.scripts.length") == 1
    assert window.console() == []
    assert window.run("return window.shifts") < 0.1


def test_inline_scripts_are_refused(running: Running, window: Browser) -> None:
    window.open(f"{running.address}/")
    window.run(
        "const added = document.createElement('script');"
        "added.textContent = 'window.hacked = 1'; document.body.append(added)"
    )
    assert window.run("return window.hacked ?? null") is None
    assert any("Content Security Policy" in line for line in window.console())


def test_it_fits_a_phone_and_can_be_paused_by_keyboard(running: Running, window: Browser) -> None:
    window.resize(PHONE)
    window.open(f"{running.address}/")
    eventually(lambda: ready(running), LIMIT_S, lambda: f"ready: {running.consumer}")
    running.send()
    eventually(lambda: bool(window.texts("#wall li")), LIMIT_S, "a match on the page")
    assert window.run("return document.documentElement.scrollWidth <= innerWidth")
    window.run("document.getElementById('pause').focus(); document.activeElement.click()")
    assert window.text("#pause") == "Go on"
    before = window.run("return document.querySelector('#wall li').dataset.key")
    running.send()
    counted = f"of {running.records} images"
    eventually(lambda: window.text("#classified") == counted, LIMIT_S, "figures that go on")
    assert window.run("return document.querySelector('#wall li').dataset.key") == before


def test_it_says_when_the_consumer_is_gone(running: Running, window: Browser) -> None:
    window.open(f"{running.address}/")
    eventually(
        lambda: window.text("#word") in ("starting", "waiting", "running"), LIMIT_S, "a state"
    )
    running.consumer.kill()
    eventually(lambda: window.text("#word") == "no connection", LIMIT_S, "no connection")
    assert window.run("return document.title") == "Velox: no connection"


def test_without_live_page_there_is_a_list_and_no_picture(tmp_path: Path) -> None:
    with embedded_broker.running() as bootstrap:
        running = start(bootstrap, tmp_path)
        status, text = get(f"{running.address}/")
        assert status == 200
        assert text.splitlines()[:3] == ["/metrics", "/healthz", "/readyz"]
        for path in ("/live.json", "/live.jpg?1", "/live.js"):
            assert get(f"{running.address}{path}")[0] == 404
        running.consumer.kill()
