"""Real photographs for training: pieces of the two that scikit-learn brings, with two labels."""

from __future__ import annotations

from pathlib import Path

import cv2

PHOTOGRAPHS = {"flower": "flower.jpg", "temple": "china.jpg"}
SIDE = 64
UNSEEN_COLUMNS = 3


def write(folder: Path) -> tuple[Path, Path]:
    """Write pieces to learn from and others to classify, which overlap nowhere.

    Returns:
        Two folders of `LABEL/ROW-COLUMN.jpg`: 42 pieces of each label, and 18.
    """
    # Takes seconds to import, which a run that only collects the tests must not wait for.
    from sklearn.datasets import load_sample_image

    for label, name in PHOTOGRAPHS.items():
        photograph = cv2.cvtColor(load_sample_image(name), cv2.COLOR_RGB2BGR)
        columns = photograph.shape[1] // SIDE
        for row in range(photograph.shape[0] // SIDE):
            for column in range(columns):
                unseen = column >= columns - UNSEEN_COLUMNS
                place = folder / ("unseen" if unseen else "photos") / label
                place.mkdir(parents=True, exist_ok=True)
                top, left = row * SIDE, column * SIDE
                piece = photograph[top : top + SIDE, left : left + SIDE]
                cv2.imwrite(str(place / f"{row}-{column}.jpg"), piece)
    return folder / "photos", folder / "unseen"
