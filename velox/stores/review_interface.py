"""What a store of images for review does: kept by consumers, looked at and judged by people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from velox.base.candidates import Candidate, Judged, Kept, Tally
from velox.base.errors import DocumentRejected

# The collections or the tables: what is known of the images, and their bytes.
REVIEW = "review"
IMAGES = "review_images"
# Removed at once at most, so that nobody waits long for a store that was made smaller.
MOST_REMOVED = 500
# Of what was said of an image, the last so many are remembered.
MOST_SAID = 50

KeptRejected = list[tuple[Kept, DocumentRejected]]


class ReviewStore(Protocol):
    """open / write / trim / close. Writing a candidate twice leaves one, and its verdict."""

    name: str

    def open(self) -> None:
        """Connect and make tables or indexes; raises as `velox.stores.interface.Store.open`."""

    def write(self, kept: Sequence[Kept]) -> KeptRejected:
        """Make images and documents durable, in this order; a verdict that is there stays.

        Returns and raises as `velox.stores.interface.Store.write`.
        """

    def trim(self, most: int) -> Sequence[int]:
        """Remove what is more than so many, `MOST_REMOVED` at once.

        Returns:
            How many were removed of each rank; see `velox.base.candidates.RANKS`.

        Raises:
            StoreUnavailable: when that is not known; calling again can help.
        """

    def close(self) -> None:
        """Let go of the connection."""


class Verdicts(ReviewStore, Protocol):
    """What people see of the images, and what they say of them. Safe to share between threads.

    All raise StoreUnavailable when the store cannot be reached, and StoreRefuses when somebody must
    change it first.
    """

    def open_to_read(self) -> None:
        """In the place of `open`: nothing is made, and nothing can be judged."""

    def unsure(self, limit: int) -> list[Candidate]:
        """Those without a verdict that are not of the random share, the newest first."""

    def random(self, model: str, limit: int) -> list[Candidate]:
        """Those without a verdict of a model's random share, in the order of their chance."""

    def counts(self) -> Sequence[int]:
        """How many there are of each rank; see `velox.base.candidates.RANKS`."""

    def newest_model(self) -> str | None:
        """The model of the image that was kept last; None where there is none."""

    def labels(self) -> set[str]:
        """Every label that was predicted or said."""

    def image(self, identity: str) -> bytes | None:
        """The image of that id, None where there is none."""

    def judge(self, ids: Sequence[str], label: str | None, by: str, at: str) -> list[str]:
        """Give images a verdict, in the place of an earlier one; durable at the return.

        Args:
            ids: of the images.
            label: what they show; None where that cannot be told.
            by: who says so.
            at: when, as text like a timestamp.

        Returns:
            Those that are there and have it.
        """

    def take_back(self, ids: Sequence[str], by: str, at: str) -> list[str]:
        """Take away the verdicts on them that `by` gave, durably; returns which these were.

        What somebody else has said since then stays.
        """

    def judged(self) -> Iterator[Judged]:
        """All with a verdict, in the order of their ids."""

    def tally(self, model: str) -> list[Tally]:
        """The verdicts on a model's random share, in the order of the labels."""
