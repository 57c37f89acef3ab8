"""A folder of one's own images: one folder a label, as torchvision's ImageFolder has it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from velox.base.errors import SettingError
from velox.base.names import shown
from velox.images.preprocessing import Preprocessing
from velox.training.data.dataset import Dataset
from velox.training.data.image_files import FolderImages
from velox.training.data.layout import folders
from velox.training.data.listing import Listing, listed
from velox.training.data.reviewed import joined

# Fewer leave too little to learn from beside one image to validate and one to test.
LEAST_PER_LABEL = 5
NAMED_FILES = 20
NAMED_FOLDERS = 3

log = logging.getLogger(__name__)


def read_folder(
    folder: Path,
    *,
    reviewed: Path | None = None,
    size: int,
    max_pixels: int,
    preprocessing: Preprocessing,
    stop: threading.Event,
    on_progress: Callable[[int, int], None],
) -> tuple[Dataset, dict[Path, str]]:
    """The data set of a folder whose folders are named after the labels.

    `velox.training.data.listing` says which files are its images. What cannot be decoded is left
    out.

    Args:
        folder: the DATASET_PATH.
        reviewed: REVIEW_EXPORT, verdicts that beat the labels of the folder; the folder itself
            where there are only these, None for none.
        size: height and width of the data set's images in pixels.
        max_pixels: pixels above which an image is left out.
        preprocessing: how an image becomes one of that size.
        stop: ends it early.
        on_progress: called with the files read and their number.

    Returns:
        The data set, its images a `FolderImages` and its labels in the order of their names, and
        the files left out with why.

    Raises:
        SettingError: when there is no such folder, fewer than two labels, or too few images.
        Stopped: when told to stop.
    """
    listing = list_own(folder, reviewed)
    if reviewed is not None:
        own = listing if reviewed != folder else listing.emptied()
        listing = joined(own, list_verdicts(reviewed), least=LEAST_PER_LABEL)
        require_labels(folder, listing.labels)
    parts = listing.layout.parts
    if parts:
        log.info("using the split of %s", ", ".join(parts[part] for part in sorted(parts)))
    for name in listing.layout.unlabelled:
        log.warning("left out folder=%s: it holds no folders of labels", folder / name)
    if listing.layout.in_each:
        log.warning(
            "each label's folder holds folders of the same names labels=%s folders=%s: if these "
            "are the labels, lay the images out as train, val and test",
            ",".join(listing.labels),
            ",".join(listing.layout.in_each),
        )
    images = FolderImages(
        listing.paths, size=size, max_pixels=max_pixels, preprocessing=preprocessing
    )
    bad = images.read(stop=stop, on_progress=on_progress)
    skipped = listing.passed_over | {images.paths[row]: bad[row] for row in sorted(bad)}
    tell(skipped, len(listing.passed_over) + len(listing.paths))
    rows = np.array([row for row in range(len(listing.paths)) if row not in bad], np.int64)
    data = Dataset(
        images,
        rows,
        listing.targets[rows],
        listing.labels,
        images.groups(rows),
        listing.parts[rows],
    )
    for label, count in zip(data.labels, data.counts().tolist(), strict=True):
        if count < LEAST_PER_LABEL:
            raise _refused(
                folder,
                f"{folder / label} has {count or 'no'} usable images; each label needs at least "
                f"{LEAST_PER_LABEL}: add some, or move the folder elsewhere",
            )
    return data, skipped


def list_folder(folder: Path) -> Listing:
    """The files of a DATASET_PATH.

    Raises:
        SettingError: when there is no such folder, or fewer than two labels.
    """
    try:
        listing = listed(folder)
    except OSError as error:
        raise _refused(folder, f"{shown(error.filename)}: {error.strerror}") from None
    except ValueError as error:
        raise _refused(folder, str(error)) from None
    require_labels(folder, listing.labels)
    return listing


def list_own(folder: Path, reviewed: Path | None) -> Listing:
    """The files of a DATASET_PATH; where there are verdicts alone, those of their export.

    Raises:
        SettingError: when there is no such folder, or fewer than two labels.
    """
    if folder != reviewed:
        return list_folder(folder)
    listing = list_verdicts(folder)
    require_labels(folder, listing.labels)
    return listing


def require_labels(folder: Path, labels: Sequence[str]) -> None:
    """Refuse what there is nothing to tell apart in.

    Raises:
        SettingError: when there are fewer than two labels.
    """
    if len(labels) < 2:
        found = f"only {labels[0]!r}" if labels else "none"
        if labels and (inner := _folders_of(folder / labels[0])):
            found += f", which holds {inner}: perhaps it is the DATASET_PATH"
        raise _refused(
            folder, f"it needs a folder of images for each label, at least two, but has {found}"
        )


def _folders_of(folder: Path) -> str:
    """The names of a folder's folders where there are several, else nothing."""
    names = folders(str(folder)) if folder.is_dir() else []
    more = ", ..." if len(names) > NAMED_FOLDERS else ""
    return ", ".join(map(shown, names[:NAMED_FOLDERS])) + more if len(names) > 1 else ""


def list_verdicts(folder: Path) -> Listing:
    """The files of a REVIEW_EXPORT; there may be none.

    Raises:
        SettingError: when there is no such folder.
    """
    try:
        return listed(folder, exported=True)
    except OSError as error:
        reason = f"{shown(error.filename)}: {error.strerror}"
    except ValueError as error:
        reason = str(error)
    raise SettingError(f"REVIEW_EXPORT={str(folder)!r} cannot be used: {reason}")


def _refused(folder: Path, reason: str) -> SettingError:
    return SettingError(f"DATASET_PATH={str(folder)!r} cannot be used: {reason}")


def tell(skipped: dict[Path, str], files: int) -> None:
    """Log which of so many files are left out, and why."""
    for path, reason in list(skipped.items())[:NAMED_FILES]:
        log.warning("skipped file=%s reason=%r", shown(str(path)), reason)
    if skipped:
        log.warning("skipped unusable files=%d of=%d", len(skipped), files)
