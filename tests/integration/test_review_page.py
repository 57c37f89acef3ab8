"""The page to label on, in a real browser, on images that a consumer could have kept."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pymongo.read_concern import ReadConcern

from tests.rig import hostile, review_page
from tests.rig.browser import DESKTOP, PHONE, Browser
from tests.rig.http import get, metric
from tests.rig.mongod import Mongod
from tests.rig.processes import script
from tests.rig.review_page import Page, come_in, here, saved
from tests.rig.waiting import eventually
from tests.unit.fakes import candidate
from velox.base.candidates import Candidate, Kept
from velox.stores.mongo_verdicts import MongoVerdicts
from velox.stores.review_interface import Verdicts
from velox.stores.sqlite_verdicts import SQLiteVerdicts

LIMIT_S = 60
LABELS = ("cat", "dog", "deer")
JUDGED = 200


def picture(number: int) -> bytes:
    """A picture unlike all others."""
    coarse = np.random.default_rng(number).integers(0, 255, (5, 5, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_NEAREST)
    return cv2.imencode(".jpg", image)[1].tobytes()


def truth(identity: str) -> str:
    """What the image of an id shows, as the one who labels sees it."""
    return LABELS[int(identity.split(":")[2]) % len(LABELS)]


def known(number: int, **changed: Any) -> Candidate:
    """Half of the predictions are right."""
    label = LABELS[(number + number // 3 % 2) % len(LABELS)]
    known = replace(candidate(number, label=label), confidence=0.3 + (number % 60) / 100)
    return replace(known, **changed)


@dataclass(frozen=True)
class Stored:
    """Where the images are, and what a bystander sees of the verdicts on them."""

    settings: dict[str, str]
    store: Callable[[], Verdicts]
    verdicts: Callable[[], dict[str, str]]

    def keep(self, images: list[Kept]) -> None:
        with closing(self.store()) as store:
            store.open()
            assert store.write(images) == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "classes.json").write_text('{"0": "cat", "1": "dog", "2": "deer"}')
    return tmp_path


@pytest.fixture
def stored(folder: Path) -> Stored:
    """In SQLite."""
    file = folder / "review.db"

    def verdicts() -> dict[str, str]:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            query = "SELECT _id, verdict FROM review WHERE verdict NOT NULL"
            return dict(database.execute(query).fetchall())

    return Stored({}, lambda: SQLiteVerdicts(file), verdicts)


@pytest.fixture
def in_mongodb(mongod: Mongod) -> Iterator[Stored]:
    """In a database of a real mongod."""
    name = f"db-{uuid.uuid4().hex[:8]}"
    with mongod.client() as client:
        review = client[name].get_collection("review", read_concern=ReadConcern("majority"))

        def verdicts() -> dict[str, str]:
            found = review.find({"verdict": {"$ne": None}})
            return {each["_id"]: each["verdict"] for each in found}

        yield Stored(
            {"MONGO_URI": mongod.uri, "DB_NAME": name},
            lambda: MongoVerdicts(uri=mongod.uri, database=name),
            verdicts,
        )


def start(folder: Path, stored: Stored, **more: str) -> Page:
    return review_page.start(folder, **stored.settings, **more)


def test_two_hundred_images_are_labelled_by_keyboard(
    folder: Path, stored: Stored, window: Browser
) -> None:
    stored.keep([Kept(known(number), picture(number)) for number in range(JUDGED + 20)])
    page = start(folder, stored)
    come_in(window, page)
    for number in range(JUDGED):
        shown = here(window)
        label = truth(shown["id"])
        if shown["label"] == label:
            window.type(window.ENTER)
        else:
            window.type({"cat": "1", "dog": "do", "deer": "de"}[label])
        if number % 20 == 19:
            saved(window, number + 1)
    verdicts = stored.verdicts()
    assert len(verdicts) == JUDGED
    assert all(label == truth(identity) for identity, label in verdicts.items())
    assert metric(page.address, "velox_review_verdicts_total") == JUDGED

    window.type(window.BACKSPACE)
    saved(window, JUDGED - 1)
    assert len(stored.verdicts()) == JUDGED - 1
    assert here(window)["id"] not in stored.verdicts()
    assert window.console() == []


def test_the_page_on_mongodb_is_the_same(folder: Path, in_mongodb: Stored, window: Browser) -> None:
    """Verdicts, a new label, undo, and the accuracy of the random share."""
    unsure = [Kept(known(number), picture(number)) for number in range(12)]
    random = [Kept(known(number, random=True), picture(number)) for number in range(20, 26)]
    in_mongodb.keep([*unsure, *random])
    page = start(folder, in_mongodb)
    come_in(window, page)
    for number in range(3):
        shown = here(window)
        window.type({"cat": "1", "dog": "do", "deer": "de"}[truth(shown["id"])])
        saved(window, number + 1)
        assert in_mongodb.verdicts()[shown["id"]] == truth(shown["id"])
    new = here(window)["id"]
    window.type("+")
    window.type("red fox" + window.ENTER)
    saved(window, 4)
    assert in_mongodb.verdicts()[new] == "red fox"
    window.type(window.BACKSPACE)
    saved(window, 3)
    assert new not in in_mongodb.verdicts()
    window.run("document.querySelector('[data-view=random]').click()")
    eventually(lambda: "by chance" in window.text("#why"), LIMIT_S, lambda: window.text("body"))
    for number in range(6):
        shown = here(window)
        window.type({"cat": "1", "dog": "2", "deer": "3"}[truth(shown["id"])])
        saved(window, number + 4)
    right = sum(each.candidate.predicted_label == truth(each.id) for each in random)
    expected = f"{100 * right / 6:.1f} %"
    eventually(lambda: window.text("#accuracy") == expected, LIMIT_S, lambda: window.text("aside"))
    assert len(in_mongodb.verdicts()) == 9
    assert window.console() == []
    assert page.process.terminate(LIMIT_S) == 0, str(page.process)


def test_many_are_labelled_at_once_and_a_group_is_one(
    folder: Path, stored: Stored, window: Browser
) -> None:
    same = picture(1)
    images = [Kept(known(number, predicted_label="cat"), same) for number in range(1, 6)]
    images += [
        Kept(known(number, predicted_label="dog"), picture(number)) for number in range(6, 12)
    ]
    stored.keep(images)
    page = start(folder, stored)
    come_in(window, page)
    eventually(lambda: "5 \u00d7 cat" in window.texts("#wall .label"), LIMIT_S, "one group of five")
    while not here(window)["label"].endswith("\u00d7 cat"):
        window.type(window.RIGHT)
    window.type("/")
    eventually(lambda: len(window.texts("#wall li")) == 11, LIMIT_S, "each image alone")
    window.type(f" {window.RIGHT} {window.RIGHT} 3")
    saved(window, 3)
    assert sorted(stored.verdicts().values()) == ["deer"] * 3
    window.type(window.SHIFT_ENTER)
    saved(window, 11)
    assert sorted(stored.verdicts().values()) == sorted(["deer"] * 3 + ["cat"] * 2 + ["dog"] * 6)


def test_a_new_label_takes_a_step_of_its_own(folder: Path, stored: Stored, window: Browser) -> None:
    stored.keep([Kept(known(number), picture(number)) for number in range(3)])
    page = start(folder, stored)
    come_in(window, page)
    here(window)
    window.type("f")
    assert "No label begins with f" in window.text("#status")
    window.type("+")
    window.type("red fox" + window.ENTER)
    saved(window, 1)
    assert set(stored.verdicts().values()) == {"red fox"}
    eventually(lambda: "red fox" in window.text("#labels"), LIMIT_S, "the new label")
    window.type("r")
    saved(window, 2)
    assert set(stored.verdicts().values()) == {"red fox"}


def test_the_random_share_tells_how_good_the_model_is(
    folder: Path, stored: Stored, window: Browser
) -> None:
    stored.keep([Kept(known(number, random=True), picture(number)) for number in range(30)])
    page = start(folder, stored)
    come_in(window, page)
    assert window.text("#accuracy") == "\u2013"
    window.run("document.querySelector('[data-view=random]').click()")
    right = 0
    for number in range(20):
        shown = here(window)
        right += shown["label"] == truth(shown["id"])
        window.type({"cat": "1", "dog": "2", "deer": "3"}[truth(shown["id"])])
        saved(window, number + 1)
    window.type(".")
    expected = f"{100 * right / 20:.1f} %"
    eventually(
        lambda: (
            window.text("#accuracy") == expected and "cannot be told" in window.text("#interval")
        ),
        LIMIT_S,
        lambda: window.text("aside"),
    )
    assert "more verdicts for" in window.text("#next")
    for size in (PHONE, DESKTOP):
        window.resize(size)
        assert window.run("return document.documentElement.scrollWidth <= innerWidth")
    assert metric(page.address, 'velox_review_accuracy{bound="found"}') == right / 20


def test_texts_of_strangers_are_shown_and_run_nothing(
    folder: Path, stored: Stored, window: Browser
) -> None:
    odd = known(
        1, id=f"../../x?{hostile.SCRIPT}", predicted_label=hostile.SCRIPT, source=hostile.QUOTES
    )
    stored.keep([Kept(odd, picture(1)), Kept(known(2, predicted_label="dog"), picture(2))])
    page = start(folder, stored)
    come_in(window, page, hostile.QUOTES[:20])
    eventually(lambda: hostile.SCRIPT in window.texts("#wall .label"), LIMIT_S, "the odd label")
    eventually(
        lambda: window.run(
            "const all = [...document.querySelectorAll('#wall img')];"
            "return all.length == 2 && all.every((each) => each.naturalWidth > 0)"
        ),
        LIMIT_S,
        "every picture loaded",
    )
    while here(window)["label"] != hostile.SCRIPT:
        window.type(window.RIGHT)
    window.type(window.ENTER)
    saved(window, 1)
    assert stored.verdicts() == {odd.id: hostile.SCRIPT}
    assert window.run("return window.hacked ?? null") is None
    assert window.run("return document.scripts.length") == 1
    assert window.console() == []


def test_it_fits_a_phone_and_can_be_used_by_touch(
    folder: Path, stored: Stored, window: Browser
) -> None:
    stored.keep([Kept(known(number), picture(number)) for number in range(30)])
    page = start(folder, stored)
    window.resize(PHONE)
    come_in(window, page)
    shown = here(window)
    assert window.run("return document.documentElement.scrollWidth <= innerWidth")
    window.run("[...document.querySelectorAll('#labels button')][2].click()")
    saved(window, 1)
    assert stored.verdicts() == {shown["id"]: "deer"}
    window.run("document.getElementById('undo').click()")
    saved(window, 0)
    assert stored.verdicts() == {}


def test_a_verdict_that_is_not_saved_comes_back(
    folder: Path, stored: Stored, window: Browser
) -> None:
    stored.keep([Kept(known(number), picture(number)) for number in range(2)])
    page = start(folder, stored)
    come_in(window, page)
    here(window)
    page.process.kill()
    window.type("1")
    eventually(lambda: "Not saved" in window.text("#status"), LIMIT_S, lambda: window.text("body"))
    assert len(window.texts("#wall li:not(.saving)")) == 2
    assert window.text("#saved") == "0 saved"


def test_what_was_saved_is_there_whatever_kills_the_page(
    folder: Path, stored: Stored, window: Browser
) -> None:
    stored.keep([Kept(known(number), picture(number)) for number in range(6)])
    page = start(folder, stored)
    come_in(window, page)
    for number in range(3):
        shown = here(window)
        window.type("1")
        saved(window, number + 1)
        page.process.kill()
        assert stored.verdicts().get(shown["id"]) == "cat"
        page = start(folder, stored, REVIEW_PORT=page.port)
        eventually(lambda: window.text("#status") == "", LIMIT_S, lambda: window.text("header"))
    assert len(stored.verdicts()) == 3


def test_probes_and_metrics_need_no_token_and_all_else_does(folder: Path, stored: Stored) -> None:
    page = start(folder, stored)
    assert get(f"{page.address}/readyz")[0] == 200
    assert get(f"{page.address}/healthz") == (200, "ok\n")
    assert get(f"{page.address}/metrics")[0] == 200
    assert get(f"{page.address}/board.json")[0] == 401
    assert page.process.terminate(LIMIT_S) == 0


@pytest.mark.parametrize("token", ["", "short", "with spaces in it, and long enough"])
def test_without_a_proper_token_it_does_not_start(folder: Path, token: str) -> None:
    env = {"REVIEW_TOKEN": token, "MONGO_URI": "", "STORAGE_PATH": str(folder)}
    process = script("review.py", env=env, log=folder / "review.log")
    assert process.wait(LIMIT_S) == 2
    (line,) = [each for each in process.log.splitlines() if "error" in each]
    assert "REVIEW_TOKEN=<hidden> is not allowed: at least 16 characters" in line
