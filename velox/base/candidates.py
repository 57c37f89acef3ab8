"""Images kept for people to look at: what is known of each, and which are a random share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

# Why an image is kept.
UNKNOWN, BELOW, NEAR, DISAGREEMENT, RANDOM = REASONS = (
    *("unknown", "below", "near"),
    *("disagreement", "random"),
)
# In which order what is too many goes, the oldest of each first: those that nobody has looked at,
# then the others, and of either the random share last.
UNSURE_RANK, RANDOM_RANK = 0, 1
JUDGED = 2
RANKS = 4
_WHOLE = 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One image for review, but for its bytes. `id` is the document's `_id`, its record's id.

    Attributes:
        timestamp: of the record, as in a detection.
        kept_at: when it was kept last, as text like that.
        predicted_label, confidence, outcome: what the model makes of it.
        threshold: the least confidence of a match of that label; None where there is none.
        reason: one of `REASONS`; `random` only where there is no other.
        chance: a number of its id's own in [0, 1), as good as drawn; see `chance_of`.
        random: whether it is of the random share, whatever else speaks for it.
        ground_truth, source: from the record, None where it has none.
        model: the checkpoint's digest.
        extension: of the image's format, as `.jpg`.
    """

    id: str
    timestamp: str
    kept_at: str
    predicted_label: str
    confidence: float
    outcome: str
    threshold: float | None
    reason: str
    chance: float
    random: bool
    ground_truth: str | None
    source: str | None
    model: str
    extension: str

    @property
    def rank(self) -> int:
        """As long as nobody has looked at it."""
        return RANDOM_RANK if self.random else UNSURE_RANK

    def document(self) -> dict[str, str | float | bool | None]:
        """The candidate as the document that MongoDB and SQLite hold, without its verdict."""
        fields = asdict(self)
        return {"_id": fields.pop("id"), **fields}

    @classmethod
    def of(cls, document: Mapping[str, object]) -> Candidate:
        """From a document; what is in it besides is left out."""
        names = cls.__dataclass_fields__.keys() - {"id", "random"}
        fields = {name: document[name] for name in names}
        return cls(id=document["_id"], random=bool(document["random"]), **fields)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Kept:
    """A candidate with its image.

    Attributes:
        candidate: what is known of it.
        image: the encoded bytes as they came.
    """

    candidate: Candidate
    image: bytes

    @property
    def id(self) -> str:
        """The candidate's."""
        return self.candidate.id


def chance_of(identity: str) -> float:
    """A number in [0, 1) that is the same for the same id, and evenly spread over ids.

    BLAKE2b (RFC 7693) under a name of its own, so that it goes with nothing else made of ids.
    """
    digest = hashlib.blake2b(identity.encode(), digest_size=8, person=b"velox review").digest()
    return int.from_bytes(digest) / _WHOLE


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate with what somebody said of it.

    Attributes:
        candidate: what is known of it.
        label: what it shows; None where that cannot be told.
        by: who said so.
        at: when, as text like a timestamp.
    """

    candidate: Candidate
    label: str | None
    by: str
    at: str


class Tally(NamedTuple):
    """How many images of the random share were called so and are so.

    Attributes:
        called: the predicted label.
        label: the verdict; None where it cannot be told.
        images: how many.
    """

    called: str
    label: str | None
    images: int
