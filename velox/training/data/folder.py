"""A folder of one's own images: one folder a label, as torchvision's ImageFolder has it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from velox.base.errors import BadImage, SettingError
from velox.base.waiting import Stopped
from velox.images.pixels import decode
from velox.images.preprocessing import Preprocessing
from velox.training.data.dataset import Dataset, Indices, Pixels

# Fewer leave too little to learn from beside one image to validate and one to test.
LEAST_PER_LABEL = 5
# Small images stay in memory; of large data sets the rest is read again in each epoch.
KEPT_BYTES = 2**30
NAMED_FILES = 20
_CHUNK = 64

log = logging.getLogger(__name__)


class FolderImages:
    """Image files, decoded as a consumer decodes them; see `velox.training.data.dataset.Images`.

    Args:
        paths: of the files.
        size: height and width of the images in pixels.
        max_pixels: pixels above which an image is refused.
        preprocessing: how an image becomes one of that size.
        kept_bytes: bytes of decoded images to keep in memory at most.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        size: int,
        max_pixels: int,
        preprocessing: Preprocessing,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        cv2.setNumThreads(1)
        self.paths = paths
        self._size = size
        self._max_pixels = max_pixels
        self._preprocessing = preprocessing
        fit = min(len(paths), kept_bytes // (size * size * 3))
        self._kept = np.empty((fit, size, size, 3), np.uint8)
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
                pixels = self._decoded(row)
            except (BadImage, OSError) as error:
                bad[row] = str(error)
                return
            if row < len(self._kept):
                self._kept[row] = pixels

        for first in range(0, len(self.paths), _CHUNK):
            if stop.is_set():
                raise Stopped("stopped while the images were read; no model was written")
            end = min(first + _CHUNK, len(self.paths))
            list(self._pool.map(check, range(first, end)))
            on_progress(end, len(self.paths))
        return bad

    def take(self, rows: Indices) -> Pixels:
        """The images of these rows; see `velox.training.data.dataset.Images.take`."""
        return np.stack(list(self._pool.map(self._image, rows.tolist())))

    def _image(self, row: int) -> Pixels:
        if row < len(self._kept):
            return np.asarray(self._kept[row])
        try:
            return self._decoded(row)
        except (BadImage, OSError) as error:
            raise SettingError(f"DATASET_PATH changed in training: {error}") from error

    def _decoded(self, row: int) -> Pixels:
        data = self.paths[row].read_bytes()
        return decode(
            data,
            size=self._size,
            max_pixels=self._max_pixels,
            preprocessing=self._preprocessing,
        )


def read_folder(
    folder: Path,
    *,
    size: int,
    max_pixels: int,
    preprocessing: Preprocessing,
    stop: threading.Event,
    on_progress: Callable[[int, int], None],
) -> tuple[Dataset, dict[Path, str]]:
    """The data set of a folder whose folders are named after the labels.

    Every file below a label's folder is one of its images, but for those whose names begin with a
    dot. What cannot be decoded is left out.

    Args:
        folder: the DATASET_PATH.
        size: height and width of the data set's images in pixels.
        max_pixels: pixels above which an image is left out.
        preprocessing: how an image becomes one of that size.
        stop: ends it early.
        on_progress: called with the files read and their number.

    Returns:
        The data set, its labels in the order of their names, and the files left out with why.

    Raises:
        SettingError: when there is no such folder, fewer than two labels, or too few images.
        Stopped: when told to stop.
    """
    labels, paths, targets = _listed(folder)
    images = FolderImages(paths, size=size, max_pixels=max_pixels, preprocessing=preprocessing)
    bad = images.read(stop=stop, on_progress=on_progress)
    skipped = {paths[row]: bad[row] for row in sorted(bad)}
    _tell(skipped, len(paths))
    rows = np.array([row for row in range(len(paths)) if row not in bad], np.int64)
    data = Dataset(images, rows, targets[rows], labels)
    for label, count in zip(labels, data.counts().tolist(), strict=True):
        if count < LEAST_PER_LABEL:
            raise _refused(
                folder,
                f"{folder / label} has {count} usable images; "
                f"each label needs at least {LEAST_PER_LABEL}",
            )
    return data, skipped


def _listed(folder: Path) -> tuple[tuple[str, ...], list[Path], Indices]:
    """The labels, their files, and each file's label as an index, int64 [N]."""
    try:
        labels = sorted(
            each.name for each in folder.iterdir() if each.is_dir() and each.name[0] != "."
        )
        paths = [sorted(_files(folder / label)) for label in labels]
    except OSError as error:
        raise _refused(folder, f"{error.filename}: {error.strerror}") from None
    if len(labels) < 2:
        found = f"only one, {labels[0]}" if labels else "none"
        raise _refused(folder, f"it must hold a folder of images for each label, and has {found}")
    targets = np.repeat(np.arange(len(labels), dtype=np.int64), [len(each) for each in paths])
    return tuple(labels), [path for each in paths for path in each], targets


def _files(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    for found, folders, names in os.walk(folder, onerror=fail, followlinks=True):
        folders[:] = [name for name in folders if name[0] != "."]
        yield from (Path(found, name) for name in names if name[0] != ".")


def _refused(folder: Path, reason: str) -> SettingError:
    return SettingError(f"DATASET_PATH={str(folder)!r} cannot be used: {reason}")


def _tell(skipped: dict[Path, str], files: int) -> None:
    for path, reason in list(skipped.items())[:NAMED_FILES]:
        log.warning("skipped file=%s reason=%r", path, reason)
    if skipped:
        log.warning("skipped files=%d of=%d that cannot be used", len(skipped), files)
