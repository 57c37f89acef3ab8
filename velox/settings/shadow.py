"""How a new model comes in: at once, or once it has earned its place beside the one in use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from velox.settings.declare import Settings, setting
from velox.settings.parsers import OPTIONAL_PATH, Parser, integer, number

# Decisions that are as before in so many images are often enough, unless a setting says otherwise.
SHARE = 0.95
_IMAGES = integer(100, 1_000_000)
_SHARE = number(0.5, 1)


class SwapGate(NamedTuple):
    """What a new model has to show.

    Attributes:
        images: on so many.
        share: of them it must decide so many as the one in use, to be taken without a truth.
    """

    images: int
    share: float


def _gate(value: str) -> SwapGate | None:
    """`0`, `IMAGES` or `IMAGES,SHARE`."""
    if value in ("", "0"):
        return None
    images, comma, share = value.partition(",")
    return SwapGate(
        _IMAGES.convert(images.strip()), _SHARE.convert(share.strip()) if comma else SHARE
    )


SWAP_GATE = Parser(
    _gate,
    "a whole number from 100 to 1000000, perhaps with a comma and a share from 0.5 to 1 as in "
    "1000,0.98; 0 for none",
)


@dataclass(frozen=True, kw_only=True)
class ShadowSettings(Settings):
    """Models beside the one in use."""

    swap_gate: SwapGate | None = setting(
        "SWAP_GATE",
        "0",
        SWAP_GATE,
        "Live images that a new model decides beside the one in use before it takes its place, if "
        "it decides 0.95 of them as before, or is not worse where the truth is known; 0 takes it "
        "at once",
    )
    shadow_model_path: Path | None = setting(
        "SHADOW_MODEL_PATH",
        "",
        OPTIONAL_PATH,
        "Checkpoint that is compared with the model in use on live images, and decides nothing; "
        "its labels are in the file named as that of CLASSES_PATH, beside it",
    )
