"""Real handwritten digits, and what a model is taught of them: of one label only half."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tests.faults.sent import DOCUMENT, Sent
from tests.rig import digits

# What the digits are called here: labels by which a key can tell them.
NAMES = {"1": "one", "4": "four", "7": "seven"}
HALF_KNOWN = "seven"
# Of each label: to learn from, on the stream before and while people look, during the trial of the
# new model, and after it.
COUNTS = {"one": (60, 40, 35, 24), "four": (60, 40, 35, 24), "seven": (40, 65, 35, 39)}

Images = dict[str, list[bytes]]


@dataclass(frozen=True)
class Digits:
    """Images by label, each for one purpose alone.

    Half of all are dark on bright, the others bright on dark. Of one label those to learn from are
    all bright on dark, so a model takes its dark ones for something else.
    """

    learned: Images
    before: Images
    trial: Images
    after: Images

    @classmethod
    def read(cls, folder: Path) -> Digits:
        digits.write(folder)
        parts: tuple[Images, ...] = ({}, {}, {}, {})
        for digit, label in NAMES.items():
            found = sorted((folder / digit).iterdir())
            ends = itertools.pairwise(itertools.accumulate((0, *COUNTS[label])))
            for number, (start, end) in enumerate(ends):
                known = label == HALF_KNOWN and number == 0
                parts[number][label] = [
                    _image(path, dark=not known and place % 2 == 1)
                    for place, path in enumerate(found[start:end])
                ]
        return cls(*parts)

    def taught(self, folder: Path) -> Path:
        """Those to learn from as a DATASET_PATH."""
        for label, images in self.learned.items():
            (folder / label).mkdir(parents=True)
            for number, image in enumerate(images):
                (folder / label / f"{number}.png").write_bytes(image)
        return folder


def mixed(images: Images, name: str) -> list[Sent]:
    """All images as records with their truth, the labels in turns."""
    turns = itertools.zip_longest(*([(label, each) for each in images[label]] for label in images))
    return [
        Sent(f"{name}-{number}", image, DOCUMENT, label=label, source="desk")
        for number, (label, image) in enumerate(filter(None, itertools.chain(*turns)))
    ]


def _image(path: Path, *, dark: bool) -> bytes:
    if not dark:
        return path.read_bytes()
    pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    return bytes(cv2.imencode(".png", np.subtract(255, pixels, dtype=np.uint8))[1])
