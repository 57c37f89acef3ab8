import numpy as np
import pytest

from velox.models.samples import Samples


def test_images_come_back_nearly_as_they_were() -> None:
    rows = np.linspace(0, 255, 32).astype(np.uint8)
    pixels = np.stack([np.stack([rows + 0 * rows[:, None]] * 3, axis=-1)] * 2)
    pixels[1, :, :, 0] = 200
    samples = Samples.of(pixels, [1, 0])
    assert samples.targets == (1, 0)
    assert len(samples) == 2
    np.testing.assert_allclose(samples.pixels().astype(int), pixels, atol=12)


def test_an_image_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="cannot be decoded"):
        Samples((b"no image",), (0,)).pixels()
