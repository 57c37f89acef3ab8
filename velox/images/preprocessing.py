"""From an image of any size to the model's input: the choices that travel with a model.

A model sees what it was trained on only if serving makes the same choices as training did, so they
are part of the checkpoint. What they mean is in `velox.images.pixels`, which does them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

Color = tuple[int, int, int]

STRETCH, CROP, PAD = FITS = ("stretch", "crop", "pad")
OF_TYPE, OF_IMAGE = VALUE_RANGES = ("dtype", "image")
FIRST, REFUSE = MULTI_PAGES = ("first", "refuse")

# The largest side that an input may be resized to before its centre is cut out.
LARGEST_SIDE = 4096


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How an image becomes a square of the model's input size.

    The defaults are what checkpoints mean that say nothing of it.

    Attributes:
        fit: `stretch` resizes each axis on its own; `crop` resizes so that the shorter side has
            `resize_size` pixels and cuts the centre out; `pad` resizes so that the whole image
            fits and fills the rest with `pad_color`, the same on both sides.
        resize_size: the shorter side in pixels before `crop` cuts, at least the input size; 0 for
            the input size itself.
        pad_color: red, green and blue of 255.
        background: red, green and blue of 255 behind what is transparent; None drops the
            transparency, and the colours show that it hid.
        value_range: what becomes 0 and 255 where an image has more than 8 bits: `dtype`, the least
            and the greatest value of its type, or `image`, those of its own pixels. The words are
            those of `skimage.exposure.rescale_intensity`.
        multi_page: of several pages or frames, take the `first`, or `refuse` the image.
    """

    fit: str = STRETCH
    resize_size: int = 0
    pad_color: Color = (0, 0, 0)
    background: Color | None = None
    value_range: str = OF_TYPE
    multi_page: str = FIRST

    def as_dict(self) -> dict[str, Any]:
        """All of it in plain values, as a checkpoint holds it."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def of(cls, content: object) -> Preprocessing:
        """What `as_dict` has made; what is missing has its default.

        Raises:
            ValueError: naming the first entry that is unknown or has a value that is not allowed.
        """
        if not isinstance(content, Mapping):
            raise ValueError(f"preprocessing={content!r} is not a dict")
        known = {each.name for each in fields(cls)}
        for name in content:
            if name not in known:
                raise ValueError(f"preprocessing has an unknown entry {name!r}")
        return cls(**{name: _parsed(name, value) for name, value in content.items()})


def _parsed(name: str, value: object) -> Any:
    convert, allowed = _ALLOWED[name]
    try:
        return convert(value)
    except (TypeError, ValueError):
        raise ValueError(f"preprocessing has {name}={value!r}; allowed: {allowed}") from None


def _one_of(names: tuple[str, ...]) -> tuple[Callable[[Any], object], str]:
    def convert(value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise ValueError
        return value

    return convert, ", ".join(names)


def _integer(value: Any, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError
    return value


def _color(value: Any) -> Color:
    red, green, blue = (_integer(each, 255) for each in value)
    return red, green, blue


_COLOR_WORDS = "three whole numbers from 0 to 255"
_ALLOWED: Mapping[str, tuple[Callable[[Any], object], str]] = {
    "fit": _one_of(FITS),
    "resize_size": (
        lambda value: _integer(value, LARGEST_SIDE),
        f"a whole number from 0 to {LARGEST_SIDE}",
    ),
    "pad_color": (_color, _COLOR_WORDS),
    "background": (
        lambda value: None if value is None else _color(value),
        f"{_COLOR_WORDS}, or None",
    ),
    "value_range": _one_of(VALUE_RANGES),
    "multi_page": _one_of(MULTI_PAGES),
}
