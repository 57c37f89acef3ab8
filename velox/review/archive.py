"""The whole export: into a folder, or as one ZIP file on its way to a browser."""

from __future__ import annotations

import csv
import io
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from velox.base.files import write_whole
from velox.review.exports import tables, with_images, without_images
from velox.review.labels import CSV
from velox.stores.review_interface import Verdicts

# Beside the tables while an export is written: what it may have put there, and those before it.
UNFINISHED = ".unfinished.csv"


def write_zip(store: Verdicts, file: BinaryIO, *, without: frozenset[str]) -> None:
    """Write the verdicts with their images; the file need not be able to go back.

    Args:
        store: of the verdicts.
        file: that takes the archive.
        without: ids whose images are left out.
    """
    found = []
    with zipfile.ZipFile(file, "w") as archive:
        for each, image in with_images(store, without=without):
            found.append(each)
            if image is not None:
                archive.writestr(each.file, image)
        for name, content in tables(found).items():
            archive.writestr(name, content)


def write_folder(store: Verdicts, folder: Path, *, without: frozenset[str]) -> tuple[int, int]:
    """Make a folder hold the verdicts with their images, and no image that has none any more.

    Args:
        store: of the verdicts.
        folder: made if it is missing; of an export before, what does not hold any more is removed.
        without: ids whose images are left out.

    Returns:
        How many images are in it, and how many verdicts there are.

    Raises:
        OSError: when it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # One that was ended halfway has told no table what it wrote.
    unfinished = folder / UNFINISHED
    before = _files_of(folder / CSV) | _files_of(unfinished)
    planned = {each.file for each in without_images(store, without=without)} - {""}
    write_whole(unfinished, _as_list(before | planned))
    found, files = [], set()
    for each, image in with_images(store, without=without):
        found.append(each)
        if image is None:
            continue
        files.add(each.file)
        path = folder / each.file
        path.parent.mkdir(exist_ok=True)
        if not (path.is_file() and path.read_bytes() == image):
            write_whole(path, image)
    for name, content in tables(found).items():
        write_whole(folder / name, content)
    for file in (before | planned) - files:
        (folder / file).unlink(missing_ok=True)
        with suppress(OSError):
            (folder / file).parent.rmdir()
    unfinished.unlink()
    return len(files), len(found)


def _as_list(files: set[str]) -> bytes:
    """A table of files alone, as `_files_of` reads it."""
    text = io.StringIO()
    csv.writer(text).writerows([["file"], *([each] for each in sorted(files))])
    return text.getvalue().encode("utf-8", "replace")


def _files_of(path: Path) -> set[str]:
    """The files that the export before wrote: those alone that lie in a folder of a label."""
    try:
        rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
        files = {row.get("file") or "" for row in rows}
    except (OSError, ValueError, csv.Error):
        return set()
    return {each for each in files if _is_ours(each)}


def _is_ours(file: str) -> bool:
    """Whether it is a name in a folder, both as `as_file_name` gives them."""
    parts = file.split("/")
    return len(parts) == 2 and all(part and part[0] != "." for part in parts)
