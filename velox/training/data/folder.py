"""A folder of one's own images: one folder a label, as torchvision's ImageFolder has it."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from velox.base.errors import BadImage, ImageTooLarge, SettingError
from velox.base.names import shown
from velox.base.waiting import Stopped
from velox.images import header as image_header
from velox.images.near import SKETCH, groups, near, sketch
from velox.images.pixels import decode
from velox.images.preprocessing import Preprocessing
from velox.training.data.dataset import Dataset, Indices, Pixels
from velox.training.data.listing import Listing, listed
from velox.training.data.reviewed import joined

# Fewer leave too little to learn from beside one image to validate and one to test.
LEAST_PER_LABEL = 5
# Small images stay in memory; of large data sets the rest is read again in each epoch.
KEPT_BYTES = 2**30
NAMED_FILES = 20
_CHUNK = 64
_TINY = 4
# Above four channels of 16 bits it is no image; below the bound any size is read.
BYTES_A_PIXEL, LEAST_BOUND = 8, 2**20

log = logging.getLogger(__name__)


class FolderImages:
    """Image files, decoded as a consumer decodes them; see `velox.training.data.dataset.Images`.

    Args:
        paths: of the files.
        size: height and width of the images in pixels.
        max_pixels: pixels above which an image is refused.
        preprocessing: how an image becomes one of that size.
        kept_bytes: bytes of decoded images to keep in memory at most.
        setting: that names their folder.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        size: int,
        max_pixels: int,
        preprocessing: Preprocessing,
        kept_bytes: int = KEPT_BYTES,
        setting: str = "DATASET_PATH",
    ) -> None:
        cv2.setNumThreads(1)
        self.paths = paths
        self._size = size
        self._max_pixels = max_pixels
        self._preprocessing = preprocessing
        self._setting = setting
        fit = min(len(paths), kept_bytes // (size * size * 3))
        self._kept = np.empty((fit, size, size, 3), np.uint8)
        self._stamps = np.zeros((len(paths), 2), np.int64)
        self._shorter = np.zeros(len(paths), np.int64)
        self._sketches = np.empty((len(paths), SKETCH), np.uint8)
        # Pairs of rows that are nearly the same and not mirrored, once `groups` has looked.
        self.upright: list[tuple[int, int]] = []
        self._pool = ThreadPoolExecutor(os.cpu_count(), "decode")

    def read(
        self, *, stop: threading.Event, on_progress: Callable[[int, int], None]
    ) -> dict[int, str]:
        """Decode every file once; those that cannot be used, by row, with the reason.

        Raises:
            Stopped: when told to stop.
        """
        bad: dict[int, str] = {}

        def check(row: int) -> None:
            try:
                found = self.paths[row].stat()
                self._stamps[row] = found.st_size, found.st_mtime_ns
                data = self._data(row)
                pixels = self._decode(data)
            except (BadImage, OSError) as error:
                bad[row] = str(error)
                return
            self._sketches[row] = sketch(pixels)
            header = image_header.read(data)
            self._shorter[row] = min(header.width, header.height) if header else 0
            if row < len(self._kept):
                self._kept[row] = pixels

        for first in range(0, len(self.paths), _CHUNK):
            if stop.is_set():
                raise Stopped("stopped while the images were read; no model was written")
            end = min(first + _CHUNK, len(self.paths))
            list(self._pool.map(check, range(first, end)))
            on_progress(end, len(self.paths))
        return bad

    def fingerprint(self, rows: Indices) -> bytes:
        """A digest of the path, the size and the time of change of each of these files."""
        found = hashlib.sha256(self._stamps[rows].tobytes())
        for row in rows.tolist():
            found.update(os.fsencode(self.paths[row]) + b"\0")
        return found.digest()

    def groups(self, rows: Indices) -> Indices:
        """The same number for those of these images that are nearly the same, int64 [N]."""
        pairs = near(self._sketches[rows])
        self.upright = [
            (int(rows[one]), int(rows[other])) for one, other, mirrored in pairs if not mirrored
        ]
        return rows[groups(len(rows), pairs)]

    def tiny(self, rows: Indices) -> list[int]:
        """Those of these images that are less than a quarter as wide or high as asked for."""
        return [int(row) for row in rows if _TINY * self._shorter[row] < self._size]

    def take(self, rows: Indices) -> Pixels:
        """The images of these rows; see `velox.training.data.dataset.Images.take`."""
        return np.stack(list(self._pool.map(self._image, rows.tolist())))

    def _image(self, row: int) -> Pixels:
        if row < len(self._kept):
            return np.asarray(self._kept[row])
        try:
            return self._decode(self._data(row))
        except (BadImage, OSError) as error:
            raise SettingError(f"{self._setting} changed during training: {error}") from error

    def _data(self, row: int) -> bytes:
        size = self.paths[row].stat().st_size
        if size > BYTES_A_PIXEL * max(self._max_pixels, LEAST_BOUND):
            raise ImageTooLarge(
                f"its {size} bytes are more than {BYTES_A_PIXEL} for each pixel of "
                f"MAX_IMAGE_PIXELS={self._max_pixels}"
            )
        return self.paths[row].read_bytes()

    def _decode(self, data: bytes) -> Pixels:
        return decode(
            data,
            size=self._size,
            max_pixels=self._max_pixels,
            preprocessing=self._preprocessing,
        )


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
    listing = list_folder(folder)
    if reviewed is not None:
        own = listing if reviewed != folder else listing.emptied()
        listing = joined(own, list_verdicts(reviewed), least=LEAST_PER_LABEL)
        require_labels(folder, listing.labels)
    parts = listing.layout.parts
    if parts:
        log.info("using the split of %s", ", ".join(parts[part] for part in sorted(parts)))
    for name in listing.layout.unlabelled:
        log.warning("left out folder=%s: it holds no folders of labels", folder / name)
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


def require_labels(folder: Path, labels: Sequence[str]) -> None:
    """Refuse what there is nothing to tell apart in.

    Raises:
        SettingError: when there are fewer than two labels.
    """
    if len(labels) < 2:
        found = f"only {labels[0]!r}" if labels else "none"
        raise _refused(
            folder, f"it needs a folder of images for each label, at least two, but has {found}"
        )


def list_verdicts(folder: Path) -> Listing:
    """The files of a REVIEW_EXPORT; there may be none.

    Raises:
        SettingError: when there is no such folder.
    """
    try:
        return listed(folder)
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
