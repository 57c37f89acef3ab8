"""Documents that name an image which is not in the folder any more: they are to say so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from velox.stores.removal import Named, Removal, name_of_file

AT_ONCE = 500


def clear_lost(
    removal: Removal, folder: Path, *, dry: bool, until: Callable[[], bool] = lambda: False
) -> tuple[int, int]:
    """Let documents whose image is not there say that they have none.

    Consumers see to it by themselves for what they remove. This is for what others removed, or
    consumers of a version that did not see to it.

    Args:
        removal: of the documents.
        folder: of the images, STORAGE_PATH.
        dry: whether to count only.
        until: true when told to end.

    Returns:
        How many documents name an image, and how many of these one that is not there.

    Raises:
        VeloxError: see Removal.
    """
    named = lost = 0
    for part in removal.with_files(AT_ONCE):
        if until():
            break
        missing = [each.id for each in part if not _is_there(each, folder)]
        if missing and not dry:
            removal.clear_files(missing)
        named += len(part)
        lost += len(missing)
    return named, lost


def _is_there(document: Named, folder: Path) -> bool:
    """Only the name counts: containers call the folder as they like."""
    name = name_of_file(document)
    return name is not None and (folder / name).exists()
