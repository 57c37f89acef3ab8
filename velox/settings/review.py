"""What is kept for people to look at, and how they get to it."""

from __future__ import annotations

from dataclasses import dataclass

from velox.settings.declare import Settings, setting
from velox.settings.parsers import SWITCH, integer, number


@dataclass(frozen=True, kw_only=True)
class CandidateSettings(Settings):
    """Which images the consumer keeps for review."""

    review: bool = setting(
        "REVIEW",
        "0",
        SWITCH,
        "1 keeps images of unsure decisions and a random share of all for people to look at",
    )
    review_share: float = setting(
        "REVIEW_SHARE",
        "0.01",
        number(0, 1),
        "Share of all images that is kept by chance, to tell how often the model is right",
    )
    review_per_hour: int = setting(
        "REVIEW_PER_HOUR",
        "1000",
        integer(10, 10_000_000),
        "Most images that each consumer keeps for review in an hour; the random share is left out "
        "last",
    )
    review_keep: int = setting(
        "REVIEW_KEEP",
        "10000",
        integer(10, 1_000_000),
        "Most images kept for review in all; the oldest go first, the random share after the "
        "others, and those with a verdict last",
    )
