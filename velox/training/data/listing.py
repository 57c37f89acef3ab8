"""The files of a folder of own images, each with its label and its part of the split."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from velox.base.names import label_named, shown
from velox.training.data.dataset import Indices
from velox.training.data.layout import TRAINING, Layout, folders, layout_of


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a folder holds.

    Attributes:
        labels: in the order of their names.
        paths: of the files, in the order of labels, parts and names.
        targets: int64 [N], each file's label as an index.
        parts: int64 [N], the part of the split that each file lies in; the training without such
            folders.
        layout: how the folder is laid out.
        passed_over: what is no regular file, with why. It was not opened.
    """

    labels: tuple[str, ...]
    paths: Sequence[Path]
    targets: Indices
    parts: Indices
    layout: Layout
    passed_over: dict[Path, str]

    def emptied(self) -> Listing:
        """The same folder without its files."""
        none = np.zeros(0, np.int64)
        return replace(self, labels=(), paths=(), targets=none, parts=none)


def listed(folder: Path, *, exported: bool = False) -> Listing:
    """List a folder of own images.

    Every file below a label's folder is one of its images, but for those whose names begin with a
    dot. Links are followed, each folder once, but not to the folder itself: in it lie other labels.

    Args:
        folder: the top of it.
        exported: whether it is an export of verdicts. It has no parts, so a label may be called
            train, and what a folder's name cannot hold of a label is percent-encoded in it.

    Raises:
        OSError: when a folder cannot be listed.
        ValueError: saying why the labels are unclear.
    """
    layout = Layout({}) if exported else layout_of(str(folder))
    tops = {part: folder / name for part, name in sorted(layout.parts.items())} or {
        TRAINING: folder
    }
    by_label: dict[str, dict[int, Path]] = {}
    for part, top in tops.items():
        for name in folders(str(top)):
            label = unquote(label_named(name)) if exported else label_named(name)
            places = by_label.setdefault(label, {})
            if part in places:
                raise ValueError(
                    f"{top} has two folders for the label {label!r}, "
                    "in two Unicode forms; put their files into one"
                )
            places[part] = top / name
    trained = min(tops)
    for places in by_label.values():
        if trained not in places:
            named = shown(str(places[min(places)]))
            raise ValueError(f"{named} belongs to a label that {tops[trained]} does not have")
    labels = tuple(sorted(by_label))
    paths: list[Path] = []
    targets: list[int] = []
    parts: list[int] = []
    outside = {_identity(os.stat(place)) for place in (folder, *tops.values())}
    passed_over: dict[Path, str] = {}
    for target, label in enumerate(labels):
        for part, place in sorted(by_label[label].items()):
            found = sorted(files(place, outside, passed_over))
            paths += found
            targets += [target] * len(found)
            parts += [part] * len(found)
    return Listing(
        labels=labels,
        paths=paths,
        targets=np.array(targets, np.int64),
        parts=np.array(parts, np.int64),
        layout=layout,
        passed_over=passed_over,
    )


def files(
    top: Path, outside: AbstractSet[tuple[int, int]], passed_over: dict[Path, str]
) -> Iterator[Path]:
    """Every regular file below a folder, but for those whose names begin with a dot.

    Args:
        top: the folder.
        outside: folders that are not entered, by device and inode.
        passed_over: is told what is no regular file, with why.

    Raises:
        OSError: when a folder cannot be listed.
    """
    waiting, entered = [str(top)], set(outside)
    while waiting:
        folder = waiting.pop()
        # A link may lead to a folder that it lies in.
        if (here := _identity(os.stat(folder))) in entered:
            continue
        entered.add(here)
        for name in sorted(os.listdir(folder)):
            if name[0] == ".":
                continue
            path = os.path.join(folder, name)
            try:
                found = os.stat(path)
            except OSError as error:
                passed_over[Path(path)] = error.strerror or str(error)
                continue
            if stat.S_ISDIR(found.st_mode):
                waiting.append(path)
            elif stat.S_ISREG(found.st_mode):
                yield Path(path)
            else:
                passed_over[Path(path)] = f"it is a {_kind(found.st_mode)}, not a file"


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _kind(mode: int) -> str:
    kinds = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
    return kinds.get(stat.S_IFMT(mode), "device")
