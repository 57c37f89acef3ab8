"""The pages about a training, in a real browser as wide as a phone and as a desk's."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from tests.rig.browser import DESKTOP, PHONE, Browser
from tests.rig.pictures import encoded
from velox.images.preprocessing import Preprocessing
from velox.training.data.folder import read_folder
from velox.training.data.image_files import FolderImages
from velox.training.data.split import split
from velox.training.doubt import doubts_of
from velox.training.judgement import judge
from velox.training.judgement_report import as_png, figures
from velox.training.look import look
from velox.training.page import look_page, report_page
from velox.training.thresholds import Promise, Threshold

LABELS = ("small_animal", "thing", "a-label-with-a-very-long-name-and-no-space-in-it-at-all")
BROKEN_CELLS = """
    return [...document.querySelectorAll(".scroll td")]
        .filter((cell) => {
            const text = new Range();
            text.selectNodeContents(cell);
            return text.getClientRects().length !== 1;
        })
        .map((cell) => cell.innerText)
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Pages of a folder with copies and one unreadable file, and of a model that knows little."""
    folder = tmp_path_factory.mktemp("pages")
    for number in range(60):
        path = folder / "photos" / LABELS[number % 3] / f"{'photograph-' * 9}{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(number % 50))
    (folder / "photos" / LABELS[0] / "cut.jpg").write_bytes(encoded(1)[:200])
    data, skipped = read_folder(
        folder / "photos",
        size=32,
        max_pixels=10**6,
        preprocessing=Preprocessing(),
        stop=threading.Event(),
        on_progress=lambda _done, _total: None,
    )
    assert isinstance(data.images, FolderImages)
    splits = split(data, hold_out=0.4, seed=0)
    seen = look(splits, data.images, skipped)
    targets = torch.from_numpy(splits.test.targets)
    logits = 3.0 * torch.nn.functional.one_hot(torch.zeros_like(targets), 3)
    never = Threshold(at=None, images=3, right=2, missing=470)
    promise = Promise(0.99, (Threshold(at=0.75, images=400, right=400), never, never))
    found = judge(logits, targets, labels=data.labels, temperature=1.0, promise=promise)
    doubts = doubts_of(found.wrong, splits.test, seen)
    report = report_page(
        found,
        found,
        facts={"model": f"{folder}/model.pth (0123456789ab)", **figures(found)},
        mistakes=doubts,
        images=data.images,
        confusion=as_png(found),
    )
    for name, text in (("look", look_page(seen, data.images, doubts)), ("report", report)):
        (folder / f"{name}.html").write_text(text)
    return folder / "look.html", folder / "report.html"


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desk"])
def test_figures_stay_on_one_line_and_nothing_stands_out(
    size: tuple[int, int], pages: tuple[Path, ...], window: Browser
) -> None:
    window.resize(size)
    for page in pages:
        window.open(page.as_uri())
        assert window.run("return document.documentElement.scrollWidth <= innerWidth")
        assert window.run("return document.images.length") > 0
        assert window.run("return [...document.images].every((each) => each.naturalWidth > 0)")
        assert window.run(BROKEN_CELLS) == []
        assert window.console() == []
    # Nothing was ever taken for two of the labels: there is no precision of them.
    assert "nan" not in window.text("main")
    assert "-" in window.texts("td")
