"""The page to label on, in a real browser, on images that a consumer could have kept."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.rig import hostile
from tests.rig.browser import DESKTOP, PHONE, Browser, browser
from tests.rig.http import get, metric
from tests.rig.processes import Child, script
from tests.rig.waiting import eventually
from tests.unit.fakes import candidate
from velox.base.candidates import Candidate, Kept
from velox.stores.sqlite_verdicts import SQLiteVerdicts

LIMIT_S = 60
TOKEN = "a-token-of-the-tests"  # noqa: S105 - nobody's
LABELS = ("cat", "dog", "deer")
JUDGED = 200
# What the tile with the cursor shows.
HERE = """
const here = document.querySelector("#wall li.here:not(.saving)");
return here && {
  id: decodeURIComponent(new URL(here.querySelector("img").src).search.slice(1)),
  label: here.querySelector(".label").textContent,
}"""


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


@dataclass
class Page:
    """The page's process, and its store."""

    process: Child
    address: str
    store: Path

    def verdicts(self) -> dict[str, str]:
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as database:
            query = "SELECT _id, verdict FROM review WHERE verdict NOT NULL"
            return dict(database.execute(query).fetchall())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "classes.json").write_text('{"0": "cat", "1": "dog", "2": "deer"}')
    return tmp_path


def kept(folder: Path, images: list[Kept]) -> None:
    with closing(SQLiteVerdicts(folder / "review.db")) as store:
        store.open()
        assert store.write(images) == []


def start(folder: Path, **more: str) -> Page:
    process = script(
        "review.py",
        env={
            "REVIEW_TOKEN": TOKEN,
            "REVIEW_PORT": "0",
            "MONGO_URI": "",
            "STORAGE_PATH": str(folder),
            "CLASSES_PATH": str(folder / "classes.json"),
            **more,
        },
        log=folder / f"{uuid.uuid4()}.log",
    )
    address = process.wait_for_line(r"page address=(\S+)", LIMIT_S)[1]
    return Page(process, address, folder / "review.db")


@pytest.fixture
def window() -> Iterator[Browser]:
    with browser() as window:
        yield window


def come_in(window: Browser, page: Page, name: str = "Ann") -> None:
    window.open(f"{page.address}/")
    window.focus("#name")
    window.type(name)
    window.focus("#token")
    window.type(TOKEN + window.ENTER)
    eventually(lambda: window.text("#who") == f"· {name}", LIMIT_S, lambda: window.text("body"))


def here(window: Browser) -> dict[str, str]:
    found: dict[str, str] = eventually(
        lambda: window.run(HERE), LIMIT_S, lambda: window.text("body")
    )
    return found


def saved(window: Browser, count: int) -> None:
    eventually(
        lambda: window.text("#saved") == f"{count} saved",
        LIMIT_S,
        lambda: f"{count} saved: {window.text('header')}",
    )


def test_two_hundred_images_are_labelled_by_keyboard(folder: Path, window: Browser) -> None:
    kept(folder, [Kept(known(number), picture(number)) for number in range(JUDGED + 20)])
    page = start(folder)
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
    verdicts = page.verdicts()
    assert len(verdicts) == JUDGED
    assert all(label == truth(identity) for identity, label in verdicts.items())
    assert metric(page.address, "velox_review_verdicts_total") == JUDGED

    window.type(window.BACKSPACE)
    saved(window, JUDGED - 1)
    assert len(page.verdicts()) == JUDGED - 1
    assert here(window)["id"] not in page.verdicts()
    assert window.console() == []


def test_many_are_labelled_at_once_and_a_group_is_one(folder: Path, window: Browser) -> None:
    same = picture(1)
    images = [Kept(known(number, predicted_label="cat"), same) for number in range(1, 6)]
    images += [
        Kept(known(number, predicted_label="dog"), picture(number)) for number in range(6, 12)
    ]
    kept(folder, images)
    page = start(folder)
    come_in(window, page)
    eventually(lambda: "5 \u00d7 cat" in window.texts("#wall .label"), LIMIT_S, "one group of five")
    while not here(window)["label"].endswith("\u00d7 cat"):
        window.type(window.RIGHT)
    window.type("/")
    eventually(lambda: len(window.texts("#wall li")) == 11, LIMIT_S, "each image alone")
    window.type(f" {window.RIGHT} {window.RIGHT} 3")
    saved(window, 3)
    assert sorted(page.verdicts().values()) == ["deer"] * 3
    window.type(window.SHIFT_ENTER)
    saved(window, 11)
    assert sorted(page.verdicts().values()) == sorted(["deer"] * 3 + ["cat"] * 2 + ["dog"] * 6)


def test_a_new_label_takes_a_step_of_its_own(folder: Path, window: Browser) -> None:
    kept(folder, [Kept(known(number), picture(number)) for number in range(3)])
    page = start(folder)
    come_in(window, page)
    here(window)
    window.type("f")
    assert "No label begins with f" in window.text("#status")
    window.type("+")
    window.type("red fox" + window.ENTER)
    saved(window, 1)
    assert set(page.verdicts().values()) == {"red fox"}
    eventually(lambda: "red fox" in window.text("#labels"), LIMIT_S, "the new label")
    window.type("r")
    saved(window, 2)
    assert set(page.verdicts().values()) == {"red fox"}


def test_the_random_share_tells_how_good_the_model_is(folder: Path, window: Browser) -> None:
    kept(folder, [Kept(known(number, random=True), picture(number)) for number in range(30)])
    page = start(folder)
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


def test_texts_of_strangers_are_shown_and_run_nothing(folder: Path, window: Browser) -> None:
    odd = known(
        1, id=f"../../x?{hostile.SCRIPT}", predicted_label=hostile.SCRIPT, source=hostile.QUOTES
    )
    kept(folder, [Kept(odd, picture(1)), Kept(known(2, predicted_label="dog"), picture(2))])
    page = start(folder)
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
    assert page.verdicts() == {odd.id: hostile.SCRIPT}
    assert window.run("return window.hacked ?? null") is None
    assert window.run("return document.scripts.length") == 1
    assert window.console() == []


def test_it_fits_a_phone_and_can_be_used_by_touch(folder: Path, window: Browser) -> None:
    kept(folder, [Kept(known(number), picture(number)) for number in range(30)])
    page = start(folder)
    window.resize(PHONE)
    come_in(window, page)
    shown = here(window)
    assert window.run("return document.documentElement.scrollWidth <= innerWidth")
    window.run("[...document.querySelectorAll('#labels button')][2].click()")
    saved(window, 1)
    assert page.verdicts() == {shown["id"]: "deer"}
    window.run("document.getElementById('undo').click()")
    saved(window, 0)
    assert page.verdicts() == {}


def test_a_verdict_that_is_not_saved_comes_back(folder: Path, window: Browser) -> None:
    kept(folder, [Kept(known(number), picture(number)) for number in range(2)])
    page = start(folder)
    come_in(window, page)
    here(window)
    page.process.kill()
    window.type("1")
    eventually(lambda: "Not saved" in window.text("#status"), LIMIT_S, lambda: window.text("body"))
    assert len(window.texts("#wall li:not(.saving)")) == 2
    assert window.text("#saved") == "0 saved"


def test_what_was_saved_is_there_whatever_kills_the_page(folder: Path, window: Browser) -> None:
    kept(folder, [Kept(known(number), picture(number)) for number in range(6)])
    page = start(folder)
    come_in(window, page)
    for number in range(3):
        shown = here(window)
        window.type("1")
        saved(window, number + 1)
        page.process.kill()
        assert page.verdicts().get(shown["id"]) == "cat"
        page = start(folder, REVIEW_PORT=page.address.rpartition(":")[2])
        eventually(lambda: window.text("#status") == "", LIMIT_S, lambda: window.text("header"))
    assert len(page.verdicts()) == 3


def test_probes_and_metrics_need_no_token_and_all_else_does(folder: Path) -> None:
    page = start(folder)
    eventually(lambda: get(f"{page.address}/readyz")[0] == 200, LIMIT_S, "ready")
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
