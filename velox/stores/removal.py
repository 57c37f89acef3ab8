"""What is held of images, and what takes it away: by age, by source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from velox.stores.image_names import is_ours
from velox.stores.interface import DETECTIONS
from velox.stores.review_interface import IMAGES, REVIEW
from velox.stores.sqlite import SQLITE_FILE
from velox.stores.sqlite_review import REVIEW_FILE


@dataclass(frozen=True, slots=True)
class Holding:
    """Documents that each come of one record.

    They have `_id`, the record's id; `timestamp`, as `velox.base.records.utc_text` writes it, with
    an index; `source`, text or null. Of a store that was not used yet nothing need be there.

    Attributes:
        collection: of MongoDB, or the table of SQLite.
        file: of SQLite, in STORAGE_PATH.
        images: a collection or table beside it, with the bytes of the images under the same `_id`s;
            empty where there is none. What is removed goes from there first.
    """

    collection: str
    file: str
    images: str = ""


FOUND = Holding(DETECTIONS, SQLITE_FILE)
TO_REVIEW = Holding(REVIEW, REVIEW_FILE, images=IMAGES)
# What a replay has withdrawn, where that is kept.
WITHDRAWN = Holding("withdrawn", SQLITE_FILE)
# Whatever else Velox holds of images belongs in here: KEEP_DAYS and `velox.forget` go by this.
HOLDINGS = (FOUND, TO_REVIEW, WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Named:
    """A document, and the image file that it names.

    Attributes:
        id: its `_id`; of a document that others wrote it may be no text.
        file_path: as the document has it, None where it has none.
    """

    id: object
    file_path: str | None


def name_of_file(document: Named) -> str | None:
    """The name of the file that a document names, None if it names none of ours.

    It may hold any path, of which the name alone counts.
    """
    if document.file_path is None:
        return None
    name = document.file_path.replace("\\", "/").rpartition("/")[2]
    return name if is_ours(name) and "\0" not in name else None


@dataclass(frozen=True, slots=True)
class Removed:
    """What one step came to.

    Attributes:
        found: documents that were to be removed, by this process or by another.
        removed: those of them that this one removed.
    """

    found: int = 0
    removed: int = 0


class Removal(Protocol):
    """Takes documents away, a bounded number at a time.

    Any number of processes may do the same at once, and write beside it; each by one thread. All
    methods but `close` raise

    - StoreUnavailable: when the store cannot be reached now; calling again can help;
    - StoreUnclear: the same, and nobody knows why;
    - StoreRefuses: when somebody must change it first, for instance the rights of its user.
    """

    name: str

    def remove_before(self, holding: Holding, moment_ms: int, limit: int) -> Removed:
        """Remove documents, the oldest first.

        Args:
            holding: of which.
            moment_ms: those whose timestamp is earlier, in milliseconds since the epoch.
            limit: at most so many.

        Returns:
            What was found; fewer than `limit` means that no more are there.
        """

    def of_source(
        self, holding: Holding, source: str, before_ms: int | None, at_once: int
    ) -> Iterator[list[Named]]:
        """The documents of a source, so many at a time, by one look at each.

        Args:
            holding: of which.
            source: as the document has it.
            before_ms: those whose timestamp is earlier; None for all, whatever their timestamp.
            at_once: documents in one part.
        """

    def with_files(self, at_once: int) -> Iterator[list[Named]]:
        """The detections that name a file, so many at a time, by one look at each."""

    def remove(self, holding: Holding, ids: Sequence[object]) -> int:
        """Remove these documents; returns how many were there."""

    def clear_files(self, ids: Sequence[object]) -> None:
        """Let these detections say that they have no file; those that are not there stay so."""

    def close(self) -> None:
        """Let go of the connection."""
