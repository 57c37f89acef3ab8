"""Training and serving make the same pixels of the same files, whatever a model has chosen."""

from __future__ import annotations

import contextlib
import random
import threading
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.unit.fakes import record
from tests.unit.images.odd_files import odd_files
from velox.base.errors import BadImage
from velox.consumer.stages.decoder import Decoder
from velox.images.pixels import decode
from velox.images.preprocessing import FITS, MULTI_PAGES, VALUE_RANGES, Preprocessing
from velox.training.data.image_files import FolderImages

SIZE, MAX_PIXELS = 32, 10**6
BACKGROUNDS = (None, (255, 255, 255), (10, 200, 60))
CHOICES = [
    Preprocessing(
        fit=fit, resize_size=36, pad_color=(9, 8, 7), background=background, value_range=own,
        multi_page=pages,
    )
    for fit, (background, own, pages) in zip(
        FITS * 12, product(BACKGROUNDS, VALUE_RANGES, MULTI_PAGES), strict=False
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("odd")
    files = sorted(odd_files().items())
    for number, (_, data) in enumerate(files):
        (folder / f"{number:03d}").write_bytes(data)
    return sorted(folder.iterdir())


def test_every_choice_is_made() -> None:
    for name in ("fit", "background", "value_range", "multi_page"):
        made = {getattr(each, name) for each in CHOICES}
        assert len(made) == len({"fit": FITS, "background": BACKGROUNDS}.get(name, (0, 1)))
    assert len(CHOICES) == 12


@pytest.mark.parametrize("preprocessing", CHOICES, ids=str)
def test_training_and_serving_see_the_same(paths: list[Path], preprocessing: Preprocessing) -> None:
    trained = FolderImages(paths, size=SIZE, max_pixels=MAX_PIXELS, preprocessing=preprocessing)
    refused = trained.read(stop=threading.Event(), on_progress=lambda *_now: None)
    rows = np.array([row for row in range(len(paths)) if row not in refused])
    decoder = Decoder(decode, max_pixels=MAX_PIXELS, threads=2)
    records = [record(number, value=path.read_bytes()) for number, path in enumerate(paths)]
    served, good, dead = decoder.decode(records, SIZE, preprocessing)
    decoder.close()
    assert [each.offset for each in good] == rows.tolist()
    assert {each.record.offset: str(each.error) for each in dead} == refused
    assert np.array_equal(trained.take(rows), served)
    assert len(rows) > len(refused) > 0


@pytest.mark.parametrize("preprocessing", [CHOICES[0], CHOICES[-1], Preprocessing()], ids=str)
def test_whatever_is_damaged_is_an_image_or_none(preprocessing: Preprocessing) -> None:
    """Any other error would end the process instead of making a dead letter."""
    chance = random.Random(0)
    for data in odd_files().values():
        for _ in range(10):
            mutant = bytearray(data)
            at = chance.randrange(min(len(mutant), 200))
            mutant[at : at + chance.randrange(9)] = chance.randbytes(chance.randrange(9))
            with contextlib.suppress(BadImage):
                decode(bytes(mutant), size=SIZE, max_pixels=MAX_PIXELS, preprocessing=preprocessing)


def test_every_choice_makes_a_difference(paths: list[Path]) -> None:
    """Else the test above would prove less than it says."""
    data = [path.read_bytes() for path in paths]

    def pixels(preprocessing: Preprocessing) -> list[bytes]:
        made = []
        for each in data:
            try:
                image = decode(each, size=SIZE, max_pixels=MAX_PIXELS, preprocessing=preprocessing)
            except BadImage as error:
                made.append(str(error).encode())
            else:
                made.append(image.tobytes())
        return made

    plain = pixels(Preprocessing())
    for other, least in (
        (Preprocessing(fit="crop"), 90),
        (Preprocessing(fit="pad"), 90),
        (Preprocessing(fit="crop", resize_size=36), 90),
        (Preprocessing(background=(10, 200, 60)), 15),
        (Preprocessing(value_range="image"), 10),
        (Preprocessing(multi_page="refuse"), 4),
    ):
        found = sum(one != two for one, two in zip(plain, pixels(other), strict=True))
        assert found >= least, other
