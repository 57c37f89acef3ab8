"""Removing what is held of one source: each part's image files first, then its documents."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from velox.base.records import LONGEST_TEXT
from velox.stores.image_names import is_ours, names_of
from velox.stores.removal import FOUND, HOLDINGS, Holding, Named, Removal, name_of_file
from velox.stores.unfinished import TEMPORARY, image_of

AT_ONCE = 200


@dataclass(slots=True)
class Forgotten:
    """What was found of a source, and removed.

    Attributes:
        documents: by collection.
        files: of images.
        elsewhere: documents that named a file which was not in the folder.
        left: documents that stay because their file cannot be removed, and why one cannot.
    """

    documents: dict[str, int] = field(default_factory=dict)
    files: int = 0
    elsewhere: int = 0
    left: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Removes what is held of one source. It can be interrupted anywhere, and begun again.

    As long as a document is there it leads to its files, so these go first. Nothing is read of the
    images themselves.

    Args:
        removal: of the documents.
        folder: of the image files, STORAGE_PATH.
        source: as documents have it.
        before_ms: only what was captured earlier; None for all.
        dry: whether to count only.
    """

    removal: Removal
    folder: Path
    source: str
    before_ms: int | None = None
    dry: bool = False

    def run(self, until: Callable[[], bool] = lambda: False) -> Forgotten:
        """Do it, until it is done or told to end.

        Raises:
            VeloxError: see Removal.
        """
        done = Forgotten()
        halves = self._halves()
        for holding in HOLDINGS:
            done.documents[holding.collection] = 0
            for part in self._parts(holding):
                if until():
                    return done
                self._forget(holding, part, halves, done)
        return done

    def _halves(self) -> dict[str, list[str]]:
        """By image, the files of those that a process began to write and never finished."""
        found: dict[str, list[str]] = {}
        for entry in os.scandir(self.folder):
            if entry.name.endswith(TEMPORARY):
                found.setdefault(image_of(entry.name), []).append(entry.name)
        return found

    def _parts(self, holding: Holding) -> Iterator[list[Named]]:
        source = self.source[:LONGEST_TEXT]
        return self.removal.of_source(holding, source, self.before_ms, AT_ONCE)

    def _forget(
        self,
        holding: Holding,
        part: list[Named],
        halves: Mapping[str, list[str]],
        done: Forgotten,
    ) -> None:
        going = part
        if holding is FOUND:
            going = [each for each in part if self._without_files(each, halves, done)]
            if not self.dry:
                # Or a power cut could bring a file back that nothing leads to any more.
                _sync(self.folder)
        if self.dry:
            done.documents[holding.collection] += len(going)
        else:
            done.documents[holding.collection] += self.removal.remove(
                holding, [each.id for each in going]
            )

    def _without_files(
        self, document: Named, halves: Mapping[str, list[str]], done: Forgotten
    ) -> bool:
        """Remove the files of a document; whether none is left."""
        found = 0
        names = _names(document)
        for name in names.union(*(halves.get(name, ()) for name in names)):
            path = self.folder / name
            try:
                if self.dry:
                    found += path.exists()
                else:
                    with suppress(FileNotFoundError):
                        path.unlink()
                        found += 1
            except OSError as error:
                done.left += 1
                done.reason = f"{path}: {error.strerror}"
                return False
        done.files += found
        done.elsewhere += document.file_path is not None and not found
        return True


def _names(document: Named) -> set[str]:
    """What the files of a document may be called.

    A document whose file was removed and came again may say that it has none.
    """
    names = set(names_of(document.id)) if isinstance(document.id, str) else set()
    if (name := name_of_file(document)) is not None:
        names.add(name)
    return {name for name in names if is_ours(name) and "/" not in name and "\0" not in name}


def _sync(folder: Path) -> None:
    if folder.is_dir():
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
