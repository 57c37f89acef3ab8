import re
from typing import Any

import cv2
import numpy as np
import pytest

from velox.images.shapes import COLORS, SHAPES, Image, ShapeGenerator, class_labels
from velox.settings.shared import COLOR_NAMES, SHAPE_NAMES


def generator(**changes: Any) -> ShapeGenerator:
    arguments: dict[str, Any] = {
        "colors": ("red", "green"),
        "shapes": ("circle", "square"),
        "height": 128,
        "width": 160,
        "seed": 7,
    }
    return ShapeGenerator(**(arguments | changes))


def test_the_settings_allow_exactly_the_names_that_can_be_drawn() -> None:
    assert tuple(SHAPES) == SHAPE_NAMES
    assert tuple(COLORS) == COLOR_NAMES


def test_labels_go_colour_by_colour() -> None:
    assert class_labels(("red", "green"), ("circle", "square")) == (
        "red_circle",
        "red_square",
        "green_circle",
        "green_square",
    )


def test_an_image_has_the_size_and_a_label_of_the_generator() -> None:
    image, label = generator().draw()
    assert image.shape == (128, 160, 3)
    assert image.dtype == np.uint8
    assert label in generator().labels


def test_the_same_seed_gives_the_same_images_and_another_seed_others() -> None:
    def drawn(seed: int) -> list[tuple[bytes, str]]:
        shapes = generator(seed=seed)
        return [shapes.encoded(quality=90) for _ in range(3)]

    assert drawn(7) == drawn(7)
    assert not {data for data, _ in drawn(7)} & {data for data, _ in drawn(8)}


def test_the_streams_of_one_seed_differ() -> None:
    one, two = generator(seed=[7, 0]), generator(seed=[7, 1])
    assert not np.array_equal(one.draw("red_circle")[0], two.draw("red_circle")[0])


def test_every_label_is_drawn() -> None:
    shapes = generator()
    assert {shapes.draw()[1] for _ in range(200)} == set(shapes.labels)


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(KeyError, match="red_heart"):
        generator().draw("red_heart")


def test_an_encoded_image_is_a_jpeg_of_the_size() -> None:
    data, label = generator().encoded("green_square", quality=80)
    assert label == "green_square"
    assert data[:3] == b"\xff\xd8\xff"
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (128, 160, 3)


def saturated(image: Image) -> Image:
    """Where an image is no grey, so where a shape is (noise makes single pixels of colour)."""
    smooth = cv2.GaussianBlur(image, (0, 0), 2).astype(int)
    return np.asarray(smooth.max(axis=2) - smooth.min(axis=2) > 75, np.uint8)


@pytest.mark.parametrize("color", [name for name in COLOR_NAMES if name != "white"])
def test_only_the_shape_has_a_shapes_colour(color: str) -> None:
    shapes = generator(colors=[color], shapes=["circle"], height=256, width=256)
    for _ in range(10):
        image, _ = shapes.draw()
        mask = saturated(image)
        count, _ = cv2.connectedComponents(mask)
        assert count == 2, "the ground and one shape"
        area = mask.mean()
        assert 0.05 < area < 0.6
        mean = image[mask.astype(bool)].mean(axis=0)[::-1]
        nearest = min(COLORS, key=lambda name: np.linalg.norm(mean - np.array(COLORS[name])))
        assert nearest == color


def test_white_shapes_stand_out_by_brightness() -> None:
    shapes = generator(colors=["white"], shapes=["square"], height=256, width=256)
    for _ in range(10):
        bright = cv2.GaussianBlur(shapes.draw()[0], (0, 0), 2).min(axis=2) > 165
        assert 0.03 < bright.mean() < 0.6


def test_every_shape_has_its_own_outline_inside_the_unit_circle() -> None:
    outlines = {name: corners.round(6).tobytes() for name, corners in SHAPES.items()}
    assert len(set(outlines.values())) == len(SHAPES)
    for corners in SHAPES.values():
        assert np.hypot(*corners.T).max() == pytest.approx(1.0)


@pytest.mark.parametrize("shape", SHAPE_NAMES)
def test_the_drawn_shape_has_the_area_of_its_outline(shape: str) -> None:
    """Whatever its rotation, and whatever its size: as a share of the circle around it."""
    corners = SHAPES[shape].astype(np.float32)
    expected = cv2.contourArea(corners) / np.pi
    shapes = generator(colors=["magenta"], shapes=[shape], height=400, width=400)
    for _ in range(5):
        mask = saturated(shapes.draw()[0])
        (contour,), _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        _, radius = cv2.minEnclosingCircle(contour)

        share = cv2.contourArea(contour) / (np.pi * radius**2)
        assert share == pytest.approx(expected, rel=0.2)


def test_position_size_and_rotation_vary() -> None:
    shapes = generator(colors=["blue"], shapes=["square"], height=200, width=200)
    places = []
    for _ in range(30):
        mask = saturated(shapes.draw()[0])
        (contour,), _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        center, (side, _), angle = cv2.minAreaRect(contour)
        places.append((*center, side, angle % 90))
    spread = np.ptp(np.array(places), axis=0)
    assert (spread > (40, 40, 25, 45)).all()


@pytest.mark.parametrize(("height", "width"), [(32, 32), (32, 700), (700, 600)])
def test_any_size_can_be_drawn(height: int, width: int) -> None:
    image, _ = generator(height=height, width=width).draw()
    assert image.shape == (height, width, 3)


def test_names_make_labels_that_need_no_escape() -> None:
    assert all(
        re.fullmatch(r"[a-z]+_[a-z]+", label) for label in class_labels(COLOR_NAMES, SHAPE_NAMES)
    )
