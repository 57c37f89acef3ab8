"""From an image's own shape to a model's square: stretched, cut out of the middle, or padded."""

from __future__ import annotations

import math

import cv2

from velox.images.cropping import Crop
from velox.images.header import Header
from velox.images.preprocessing import CROP, PAD, Preprocessing

# Decoding a JPEG at 1/2, 1/4 or 1/8 skips most of the work and averages as it goes.
_REDUCED = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
)
# Up to this ratio the two neighbours in each direction that bilinear sampling takes stand for
# all that a pixel of the result covers.
_LARGEST_BILINEAR_RATIO = 1.2
# Pixels in between, for each pixel of the image and of the result, above which the axes are resized
# one after the other. Images whose sides are both at least as long as the result's stay below.
_MOST_BETWEEN = 3
# Images so low and so long are resized as columns first.
_LOW, _LONG = 3, 10_000
# Of an image that is cropped, so many times the shorter side are resized: what lies further out is
# not in the result, and of a long and low image it would be nearly all.
_MOST_CROPPED = 4


def fitted(
    image: cv2.typing.MatLike,
    size: int,
    preprocessing: Preprocessing,
    *,
    rgb: bool = False,
    out: cv2.typing.MatLike | None = None,
) -> cv2.typing.MatLike:
    """Make a square of an image.

    Args:
        image: uint8 BGR, or RGB, [height, width, 3].
        size: height and width of the result in pixels.
        preprocessing: its `fit`, `resize_size` and `pad_color` say how.
        rgb: whether red is first.
        out: uint8 [size, size, 3], where the result may be written to.

    Returns:
        uint8 [size, size, 3] in the image's order of colours; it is `out` if that was written to.
    """
    if preprocessing.fit == CROP:
        return _cropped(image, size, preprocessing.resize_size or size)
    if preprocessing.fit == PAD:
        color = preprocessing.pad_color
        return _padded(image, size, color if rgb else color[::-1])
    return _resized(image, size, size, out)


def reduced(
    header: Header, size: int, preprocessing: Preprocessing, crop: Crop | None = None
) -> int:
    """OpenCV's flag for the smallest scale that has all the pixels that the result needs.

    Only JPEG decoders can reduce; other formats are read at their full size.
    """
    if header.extension == ".jpg":
        sides: tuple[float, float] = (header.width, header.height)
        if crop is not None:
            sides = crop.shorter_and_longer(header.width, header.height)
        side = max(sides) if preprocessing.fit == PAD else min(sides)
        wanted = max(size, preprocessing.resize_size) if preprocessing.fit == CROP else size
        for factor, flag in _REDUCED:
            if side >= factor * wanted:
                return flag
    return cv2.IMREAD_COLOR


def _cropped(image: cv2.typing.MatLike, size: int, resize_size: int) -> cv2.typing.MatLike:
    """Resize the shorter side to `resize_size` and cut the middle out.

    The sides and the first row and column are those of `Resize(resize_size)` and
    `CenterCrop(size)`, of which torchvision's presets are made (torchvision
    transforms/_presets.py, ImageClassification; transforms/functional.py,
    _compute_resized_output_size and center_crop).
    """
    shorter = min(image.shape[:2])
    image = _middle(image, *(min(side, _MOST_CROPPED * shorter) for side in image.shape[:2]))
    height, width = (int(resize_size * side / shorter) for side in image.shape[:2])
    return _middle(_resized(image, width, height), size, size)


def _middle(image: cv2.typing.MatLike, height: int, width: int) -> cv2.typing.MatLike:
    top = round((image.shape[0] - height) / 2)
    left = round((image.shape[1] - width) / 2)
    return image[top : top + height, left : left + width]


def _padded(
    image: cv2.typing.MatLike, size: int, color: tuple[int, int, int]
) -> cv2.typing.MatLike:
    """Resize the longer side to `size` and fill what is left on both sides of the other."""
    longer = max(image.shape[:2])
    height, width = (max(1, round(size * side / longer)) for side in image.shape[:2])
    above, before = (size - height) // 2, (size - width) // 2
    return cv2.copyMakeBorder(
        _resized(image, width, height),
        above,
        size - height - above,
        before,
        size - width - before,
        cv2.BORDER_CONSTANT,
        value=color,
    )


def _resized(
    image: cv2.typing.MatLike, width: int, height: int, out: cv2.typing.MatLike | None = None
) -> cv2.typing.MatLike:
    """Resize so that every pixel of the image counts.

    Where one axis shrinks and the other grows much, the one that shrinks goes first: else an image
    one pixel high would be made `height` pixels high at its full width.
    """
    rows, columns = image.shape[:2]
    wide, high = _whole_multiple(columns, width), _whole_multiple(rows, height)
    grows = wide * high > _MOST_BETWEEN * (columns * rows + width * height)
    if grows or (rows <= _LOW and columns > _LONG):
        if columns > rows:
            # By columns, OpenCV keeps 36 bytes for each of them, more than a low image has itself.
            image = cv2.transpose(_scaled(cv2.transpose(image), rows, width))
        else:
            image = _scaled(image, columns, height)
    return _scaled(image, width, height, out)


def _scaled(
    image: cv2.typing.MatLike, width: int, height: int, out: cv2.typing.MatLike | None = None
) -> cv2.typing.MatLike:
    """Resize each axis on its own terms.

    Bilinear sampling to a whole multiple of the size, then means of whole blocks: for that OpenCV
    has fast code, and the result is closer to an antialiased resize than its own INTER_AREA is.
    """
    wide = _whole_multiple(image.shape[1], width)
    high = _whole_multiple(image.shape[0], height)
    last = (high, wide) == (height, width)
    if image.shape[:2] != (high, wide):
        between = out if last else None
        image = cv2.resize(image, (wide, high), between, interpolation=cv2.INTER_LINEAR)
    if not last:
        image = cv2.resize(image, (width, height), out, interpolation=cv2.INTER_AREA)
    return image


def _whole_multiple(side: int, size: int) -> int:
    """The whole multiple of `size` to sample to, so that the rest are means of whole blocks."""
    return max(1, math.ceil(side / size - _LARGEST_BILINEAR_RATIO + 1)) * size
