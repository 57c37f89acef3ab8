"""Which images show nearly the same."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from velox.images.near import SKETCH, Near, groups, near, sketch
from velox.images.preprocessing import Preprocessing
from velox.training.data.image_files import FolderImages

Picture = NDArray[np.uint8]


def scene(number: int, size: int = 320) -> Picture:
    """A picture with large and small things in it, uint8 BGR."""
    random = np.random.default_rng(number)
    coarse = random.integers(0, 255, (5, 5, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    for _ in range(20):
        at, colour = random.integers(0, size, 2), random.integers(0, 255, 3)
        radius = int(random.integers(3, 30))
        cv2.circle(image, at.tolist(), radius, colour.tolist(), cv2.FILLED)
    return np.asarray(image, np.uint8)


def decoded(data: bytes, size: int = 64) -> Picture:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert image is not None
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def saved(image: Picture, form: str = ".png", quality: int = 90) -> bytes:
    return cv2.imencode(form, image, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()


def halved(image: Picture) -> Picture:
    return np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5), np.uint8)


COPIES = {
    "the same bytes": lambda image: saved(image),
    "saved again": lambda image: saved(image, ".jpg", 40),
    "half the size": lambda image: saved(halved(image), ".jpg", 75),
    "a little brighter": lambda image: saved((0.98 * image + 3).astype(np.uint8)),
}


def found(*images: Picture) -> list[Near]:
    return near(np.array([sketch(each) for each in images]))


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_found_among_others(kind: str) -> None:
    others = [decoded(saved(scene(number))) for number in range(1, 40)]
    pairs = found(decoded(saved(scene(0))), *others, decoded(COPIES[kind](scene(0))))
    assert [(pair.one, pair.other, pair.mirrored) for pair in pairs] in (
        [(0, 40, False)],
        [(40, 0, False)],
    )


def test_a_mirrored_copy_is_found_and_said_to_be_one() -> None:
    others = [decoded(saved(scene(number))) for number in range(1, 40)]
    (pair,) = found(decoded(saved(scene(0))), *others, decoded(saved(scene(0)[:, ::-1])))
    assert ({pair.one, pair.other}, pair.mirrored) == ({0, 40}, True)


def test_a_small_difference_makes_another_image() -> None:
    scratched = scene(0)
    cv2.line(scratched, (100, 100), (160, 130), (0, 0, 0), 8)
    assert not found(decoded(saved(scene(0))), decoded(saved(scratched)))


def test_pale_images_differ_by_less() -> None:
    pale = [(200 + scene(number) // 32).astype(np.uint8) for number in range(20)]
    assert not found(*(decoded(saved(each)) for each in pale))
    assert found(decoded(saved(pale[0])), decoded(saved(pale[0], ".jpg", 95)))


def test_the_colour_counts() -> None:
    green, red = np.zeros((2, 64, 64, 3), np.uint8)
    green[16:48, 16:48], red[16:48, 16:48] = (0, 100, 0), (196, 0, 0)
    assert not found(green, red)


def test_handwritten_digits_and_photographs_are_all_their_own() -> None:
    # Takes seconds to import, which a run that only collects the tests must not wait for.
    from sklearn.datasets import load_digits, load_sample_images

    images, _ = load_digits(return_X_y=True)
    digits = [
        cv2.cvtColor(
            cv2.resize((each.reshape(8, 8) * 15.9).astype(np.uint8), (32, 32)), cv2.COLOR_GRAY2RGB
        )
        for each in images
    ]
    photographs = [cv2.resize(each, (64, 64)) for each in load_sample_images().images]
    pairs = found(*(np.asarray(each, np.uint8) for each in (*digits, *photographs)))
    assert len(pairs) < 0.01 * len(digits)


def test_neighbours_in_a_chain_are_one_group() -> None:
    chain = [Near(3, 4, False), Near(1, 2, False), Near(2, 3, True)]
    assert groups(6, chain).tolist() == [0, 1, 1, 1, 1, 5]


def test_thousands_that_are_all_the_same_are_one_group_with_few_pairs() -> None:
    random = np.random.default_rng(0)
    noise = random.normal(0, 0.4, (6_000, SKETCH)).round()
    still = np.clip(random.integers(0, 255, SKETCH) + noise, 0, 255).astype(np.uint8)
    pairs = near(still)
    assert set(groups(len(still), pairs).tolist()) == {0}
    assert len(pairs) < 10 * len(still)


def test_the_time_grows_with_the_images_and_not_with_their_square() -> None:
    random = np.random.default_rng(0)
    coarse = random.integers(0, 255, (16_000, 6, 6, 3), dtype=np.uint8)
    sketches = np.array([sketch(cv2.resize(each, (16, 16))) for each in coarse])
    sketches[8_000:9_000] = sketches[:1_000]
    begun = time.process_time()
    pairs = near(sketches)
    assert {(min(pair[:2]), max(pair[:2])) for pair in pairs} >= {
        (row, row + 8_000) for row in range(1_000)
    }
    # Comparing each with each, 10^8 pairs of 384 values, takes minutes.
    assert time.process_time() - begun < 30


def test_a_link_and_a_copy_of_a_file_are_in_its_group(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for number in range(3):
        paths[number].write_bytes(saved(scene(number)))
    paths[3].symlink_to(paths[0])
    paths[4].hardlink_to(paths[1])
    images = FolderImages(paths, size=64, max_pixels=10**6, preprocessing=Preprocessing())
    assert not images.read(stop=threading.Event(), on_progress=lambda _done, _total: None)
    assert images.groups(np.arange(5)).tolist() == [0, 1, 2, 0, 1]
    assert images.groups(np.array([1, 3, 4])).tolist() == [1, 3, 1]
