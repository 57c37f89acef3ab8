"""What is known to be good is an image and a detection like any other."""

from __future__ import annotations

from velox.images import known_good
from velox.images.pixels import decode


def test_the_image_is_one_of_the_usual_size() -> None:
    image = decode(known_good.encoded(), size=64, max_pixels=known_good.SIDE**2)
    assert image.shape == (64, 64, 3)
    assert image.std() > 10, "not blank"


def test_the_pixels_are_a_batch_of_one_for_any_model() -> None:
    for size in (32, 224):
        pixels = known_good.pixels(size)
        assert (pixels.shape, str(pixels.dtype)) == ((1, size, size, 3), "uint8")
        red = pixels[0, :, :, 0].astype(int) - pixels[0, :, :, 2]
        assert red.max() > 80, "a red circle, in RGB"


def test_a_detection_is_unlike_every_other() -> None:
    one, two = (known_good.detection(("cat", "dog"), "0123456789ab") for _ in range(2))
    assert one.predicted_label == "cat"
    for name in ("id", "source", "file_path"):
        texts = {getattr(each, name) for each in (one, two)}
        assert len(texts) == 2
        assert all(text.startswith(known_good.ID_PREFIX) for text in texts)
