"""A judgement as text and as a picture."""

from __future__ import annotations

import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from velox.training.data.dataset import Dataset, Held, Splits
from velox.training.doubt import Doubt
from velox.training.judgement import judge
from velox.training.judgement_report import as_png, as_text
from velox.training.look import Look
from velox.training.thresholds import Promise, Threshold

LABELS = ("cat", "dog", "owl")


def report() -> str:
    targets = torch.tensor([0, 1, 2, 2])
    logits = 9.0 * torch.nn.functional.one_hot(torch.tensor([0, 1, 2, 1]), 3)
    never = Threshold(at=None, images=3, right=2, missing=470)
    promise = Promise(0.99, (Threshold(at=0.75, images=400, right=400), never, never))
    found = judge(logits, targets, labels=LABELS, temperature=2.0, promise=promise)
    none = Dataset(Held(np.zeros((0, 2, 2, 3), np.uint8)), np.arange(0), np.arange(0), LABELS)
    look = Look(
        splits=Splits(none, none, none),
        names=[],
        label_of={},
        contradictions=[],
        copies=[],
        tiny=[],
        skipped={
            Path("a/b.png"): "cut short",
            Path(os.fsdecode(b"caf\xe9.png")): "empty",
            Path("\x1b[31m\n.png"): "empty",
        },
    )
    doubts = [
        Doubt(row=n, name=f"a/{n}.png", given="cat", called="dog", confidence=0.99)
        for n in range(23)
    ]
    return as_text(found, None, facts={"model": "m.pth"}, look=look, doubts=doubts)


@pytest.mark.parametrize(
    "line",
    [
        r"model +m\.pth",
        r"test images +4,",
        r"accuracy +0\.7500; of other images like these 0\.3006 to 0\.9544 \(95 %\)",
        r"without a model +0\.5000, by always answering 'owl'; the model may be no better",
        r"temperature +2\.000",
        r" +1 dog +1 +0\.5000 +1\.0000   0\.2065 to 1\.0000",
        r" +2 owl +2 +1\.0000 +0\.5000",
        r"Thresholds: from this confidence on, at least 0\.99 of a label's matches are right",
        r" +0 cat +0\.7500   1 of 1, 1 right; 400 of 400 unseen images at or above it are",
        r" +1 dog +-   none of 2; never matched: of the 3 surest unseen images 1 is wrong",
        r" +2  0 1 1",
        r"Images",
        r"- 3 files left out, as unusable: a/b\.png, caf\\xe9\.png, \\x1b\[31m\\n\.png",
        r"Labels that may be wrong, by cross-validation: 23\na/0\.png: cat, called dog \(0\.99\)\n",
        r"a/19\.png: cat, called dog \(0\.99\)\nand 3 more\n\n",
        r"Files left out: 3",
        r"caf\\xe9\.png: empty",
        r"a/b\.png: cut short",
        # A name does not paint the terminal that the report is read on.
        r"\\x1b\[31m\\n\.png: empty",
    ],
)
def test_the_report_says(line: str) -> None:
    assert re.search(f"^{line}", report(), re.MULTILINE), report()


def test_a_model_that_is_sure_of_nothing_is_told_so_in_words() -> None:
    found = judge(torch.zeros(4, 3), torch.tensor([0, 1, 2, 2]), labels=LABELS, temperature=1.0)
    text = as_text(found, None, facts={}, look=None, doubts=None)
    assert re.search(r"^confidence >= 0\.90 +none of the images$", text, re.MULTILINE), text
    assert "nan" not in text


@pytest.mark.parametrize("count", [2, 12, 300])
def test_the_picture_has_a_cell_for_each_pair(count: int) -> None:
    labels = (*(f"label {index}" for index in range(count - 1)), "Öl")
    targets = torch.arange(count)
    found = judge(torch.eye(count) * 9, targets, labels=labels, temperature=1.0)
    image = cv2.imdecode(np.frombuffer(as_png(found), np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert min(image.shape[:2]) >= 2 * count
    # The diagonal is dark and as many cells wide as there are labels.
    dark = (image.astype(int).sum(axis=2) < 500).sum()
    assert dark > 0.5 * count * (2 if count > 40 else 30) ** 2
