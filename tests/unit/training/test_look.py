"""What is said of a folder of images before it is trained on, in words and in pictures."""

from __future__ import annotations

import os
import re
import threading
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from velox.images.preprocessing import Preprocessing
from velox.training.data.folder import read_folder
from velox.training.data.image_files import FolderImages
from velox.training.data.split import split
from velox.training.doubt import Doubt, doubts_of
from velox.training.judgement import judge
from velox.training.look import Look, look
from velox.training.page import look_page, report_page


def noise(path: Path, seed: int, side: int = 32) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def looked_over(root: Path) -> Look:
    data, skipped = read_folder(
        root,
        size=32,
        max_pixels=10**6,
        preprocessing=Preprocessing(),
        stop=threading.Event(),
        on_progress=lambda _done, _total: None,
    )
    assert isinstance(data.images, FolderImages)
    return look(split(data, hold_out=0.2, seed=0), data.images, skipped)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two labels of twelve images that have nothing to be said of them."""
    for number in range(24):
        noise(tmp_path / ("cat" if number < 12 else "dog") / f"{number:02}.png", number)
    return tmp_path


def test_of_a_good_folder_there_is_nothing_to_say(root: Path) -> None:
    assert looked_over(root).remarks() == []


def copied(root: Path) -> None:
    (root / "dog" / "same.png").write_bytes((root / "cat" / "03.png").read_bytes())


def mirrored(root: Path) -> None:
    image = cv2.imread(str(root / "cat" / "03.png"))
    assert image is not None
    cv2.imwrite(str(root / "dog" / "mirrored.png"), image[:, ::-1])


def single_scene(root: Path) -> None:
    for number in range(20):
        (root / "owl").mkdir(exist_ok=True)
        noise(root / "owl" / f"{number:02}.png", 99)


def unequal(root: Path) -> None:
    for number in range(100, 208):
        noise(root / "dog" / f"{number}.png", number)


def tiny(root: Path) -> None:
    noise(root / "cat" / "tiny.png", 77, side=7)


def unreadable(root: Path) -> None:
    (root / "cat" / "notes.txt").write_text("no image")


@pytest.mark.parametrize(
    ("change", "remark"),
    [
        (
            copied,
            r"nearly the same image lies under two labels, 1 time; .*03\.png and .*same\.png",
        ),
        (copied, r"2 images are copies or nearly the same, in 1 group; the largest has 2"),
        (mirrored, r"2 images are copies or nearly the same, in 1 group;"),
        (single_scene, r"2 of 4 test images are nearly the same as training images"),
        (unequal, r"very unequal labels: 'dog' has 120 images, 'cat' has 12"),
        (tiny, r"1 image less than a quarter of INPUT_SIZE wide or high: .*/cat/tiny\.png"),
        (unreadable, r"1 file left out, as unusable: .*/cat/notes\.txt"),
    ],
)
def test_what_is_to_be_known_is_said(root: Path, change: object, remark: str) -> None:
    change(root)  # type: ignore[operator]
    said = looked_over(root).remarks()
    assert any(re.search(remark, each) for each in said), said


def test_a_mirrored_image_contradicts_no_label(root: Path) -> None:
    mirrored(root)
    assert looked_over(root).contradictions == []


class Page(HTMLParser):
    """The tags, the addresses and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_what_was_found_and_loads_nothing(root: Path) -> None:
    copied(root)
    tiny(root)
    unreadable(root)
    (root / "cat" / os.fsdecode(b"<script>\xe9.png")).write_bytes(b"")
    found = looked_over(root)
    images = found.splits.training.images
    doubts = [Doubt(row=1, name="<b>1", given="cat", called="dog", confidence=0.97)]
    text = look_page(found, images, doubts)
    page = Page(text)
    assert "script" not in page.tags
    assert "b" not in page.tags
    assert r"<script>\xe9.png: " in page.text
    assert text.encode()
    # A pair under two labels, the same pair as copies, a tiny one, and a doubtful one.
    assert page.tags.count("img") == 6
    assert all(each.startswith("data:image/jpeg;base64,") for each in page.addresses)
    assert "cat, called dog (0.97)" in page.text
    assert "default-src &#x27;none&#x27;" in text


def test_a_page_of_many_findings_is_bounded(root: Path) -> None:
    for number in range(60):
        noise(root / "cat" / f"tiny-{number}.png", 1000 + number, side=7)
        noise(root / "cat" / f"one-{number}.png", 5000 + number)
        noise(root / "dog" / f"other-{number}.png", 5000 + number)
    for number in range(250):
        (root / "cat" / f"{number}.txt").write_text("no image")
    found = looked_over(root)
    assert len(found.contradictions) == 60
    text = look_page(found, found.splits.training.images, None)
    assert Page(text).tags.count("img") == 2 * 24 + 2 * 24 + 48
    assert "24 of 60" in text
    assert "200 of 250" in text
    assert len(text) < 2_000_000


def test_the_page_of_a_model_shows_its_mistakes(root: Path) -> None:
    found = looked_over(root)
    test = found.splits.test
    targets = torch.from_numpy(test.targets)
    logits = 3.0 * torch.nn.functional.one_hot(1 - targets, 2)
    judgement = judge(logits, targets, labels=test.labels, temperature=1.0)
    mistakes = doubts_of(judgement.wrong, test, found)
    page = Page(
        report_page(
            judgement,
            judgement,
            facts={"model": "m<1>.pth"},
            mistakes=mistakes,
            images=test.images,
            confusion=b"png",
        )
    )
    assert page.tags.count("img") == len(test) + 1
    assert "m<1>.pth" in page.text
    for row in test.rows:
        assert found.names[row] in page.text
    assert "cat, called dog (0.95)" in page.text
