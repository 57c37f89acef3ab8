"""What is kept for people to look at, and how they get to it."""

from __future__ import annotations

from dataclasses import dataclass

from velox.settings.declare import Settings, setting
from velox.settings.parsers import SWITCH, integer, number, text
from velox.settings.shared import AddressSettings, ImageSettings, LabelSettings, StorageSettings


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


@dataclass(frozen=True, kw_only=True)
class ReviewSettings(StorageSettings, AddressSettings, LabelSettings, ImageSettings):
    """What `review.py` reads."""

    review_token: str = setting(
        "REVIEW_TOKEN",
        "",
        text(r"\S{16,1000}", "at least 16 characters without spaces; the page has no default one"),
        "Secret that opens the page to label on",
        secret=True,
    )
    review_port: int = setting(
        "REVIEW_PORT",
        "8010",
        integer(0, 65_535),
        "Port of the page to label on, with its own metrics; 0 for any free one",
    )
