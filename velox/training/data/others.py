"""Images that have none of the labels: all files of a folder, whatever its folders are."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from velox.base.errors import SettingError
from velox.base.names import shown
from velox.images.preprocessing import Preprocessing
from velox.training.data.dataset import Dataset
from velox.training.data.folder import tell
from velox.training.data.image_files import FolderImages
from velox.training.data.listing import files


def read_others(
    folder: Path,
    *,
    size: int,
    max_pixels: int,
    preprocessing: Preprocessing,
    stop: threading.Event,
    on_progress: Callable[[int, int], None],
) -> Dataset:
    """Every image below a folder; what cannot be decoded is left out, and said.

    Args:
        folder: the UNKNOWN_PATH.
        size: height and width of the data set's images in pixels.
        max_pixels: pixels above which an image is left out.
        preprocessing: how an image becomes one of that size.
        stop: ends it early.
        on_progress: called with the files read and their number.

    Returns:
        The images; their data set has no labels, and each target is 0.

    Raises:
        SettingError: when there is no such folder, or no image in it.
        Stopped: when told to stop.
    """
    passed_over: dict[Path, str] = {}
    try:
        paths = sorted(files(folder, set(), passed_over))
    except OSError as error:
        raise _refused(folder, f"{shown(str(error.filename))}: {error.strerror}") from None
    images = FolderImages(
        paths,
        size=size,
        max_pixels=max_pixels,
        preprocessing=preprocessing,
        setting="UNKNOWN_PATH",
    )
    bad = images.read(stop=stop, on_progress=on_progress)
    skipped = passed_over | {paths[row]: bad[row] for row in sorted(bad)}
    tell(skipped, len(passed_over) + len(paths))
    rows = np.array([row for row in range(len(paths)) if row not in bad], np.int64)
    if not len(rows):
        raise _refused(folder, "there is no usable image in it")
    return Dataset(images, rows, np.zeros(len(rows), np.int64), ())


def require_usable(folder: Path | None, dataset: Path | None) -> None:
    """Refuse, before anything takes long, what is no folder, and images that are learned from.

    Those tell nothing of what is unlike them.

    Args:
        folder: the UNKNOWN_PATH.
        dataset: the DATASET_PATH.

    Raises:
        SettingError: when there is no such folder, or one lies in the other.
    """
    if folder is None:
        return
    if not folder.is_dir():
        raise _refused(folder, "it is no folder" if folder.exists() else os.strerror(errno.ENOENT))
    if dataset is None:
        return
    others, learned = folder.resolve(), dataset.resolve()
    if others.is_relative_to(learned) or learned.is_relative_to(others):
        raise _refused(
            folder,
            f"DATASET_PATH={str(dataset)!r} is the same folder, or one lies in the other; images "
            "that have none of the labels need a folder of their own",
        )


def _refused(folder: Path, reason: str) -> SettingError:
    return SettingError(f"UNKNOWN_PATH={str(folder)!r} cannot be used: {reason}")
