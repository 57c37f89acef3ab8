from __future__ import annotations

from pathlib import Path

import pytest

from tests.rig.pictures import encoded
from velox.training.data.sides import suiting, usual_side


def test_the_side_of_most_images_counts(tmp_path: Path) -> None:
    paths = []
    for number, size in enumerate((28, 28, 28, 28, 700)):
        paths.append(tmp_path / f"{number}.png")
        paths[-1].write_bytes(encoded(number, ".png", size))
    (tmp_path / "none.png").write_bytes(b"no image")
    assert usual_side([*paths, tmp_path / "none.png", tmp_path / "missing.png"]) == 28
    assert usual_side([tmp_path / "none.png"]) is None


@pytest.mark.parametrize(
    ("side", "size"),
    [(None, 224), (28, 96), (96, 96), (97, 128), (150, 160), (224, 224), (4000, 224)],
)
def test_the_input_is_as_large_as_the_images_ask_for(side: int | None, size: int) -> None:
    assert suiting(224, side) == size
