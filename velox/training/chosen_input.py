"""The input that is trained on: as the settings ask for, else as the weights were trained."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from velox.images.preprocessing import CROP, LARGEST_SIDE, Preprocessing
from velox.training.start_weights import MadeFor

WHITE = (255, 255, 255)
USUAL = Preprocessing(background=WHITE, pad_color=WHITE)
# What the settings can ask for, each by the name of its variable in small letters.
CHOICES = ("fit", "background", "value_range", "multi_page")

log = logging.getLogger(__name__)


def chosen(asked: Mapping[str, Any], made_for: MadeFor | None, *, size: int) -> Preprocessing:
    """How an image becomes the network's input.

    Args:
        asked: each of CHOICES, None where the settings leave it open. The background is the colour
            of the padding too.
        made_for: the input that the weights were trained with; None for random ones.
        size: height and width of the input in pixels.
    """
    wanted = {name: value for name, value in asked.items() if value is not None}
    if "background" in wanted:
        wanted["pad_color"] = wanted["background"]
    if made_for is None or made_for.preprocessing is None:
        return replace(USUAL, **wanted)
    before = made_for.preprocessing
    made = replace(before, **wanted)
    # At another size the same part of an image is cut out.
    side = round(before.resize_size * size / made_for.size) if made.fit == CROP else 0
    made = replace(made, resize_size=min(side, LARGEST_SIDE))
    log.info("the weights to start from were trained with %s", _words(before, CHOICES))
    others = [name for name in CHOICES if getattr(made, name) != getattr(before, name)]
    if others:
        log.warning(
            "the settings are taken, not what the weights to start from were trained with: "
            "%s instead of %s",
            _words(made, others),
            _words(before, others),
        )
    return made


def _words(preprocessing: Preprocessing, names: Iterable[str]) -> str:
    return " ".join(f"{name.upper()}={_word(getattr(preprocessing, name))}" for name in names)


def _word(value: str | tuple[int, ...] | None) -> str:
    """As in the environment."""
    if isinstance(value, str):
        return value
    return "none" if value is None else ",".join(map(str, value))
