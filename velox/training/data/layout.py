"""How a folder of own images is laid out: by label, or by part and label."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TRAINING, VALIDATION, TEST = range(3)
# As Ultralytics, Roboflow, Keras, torchvision's tutorials and others name them.
NAMES = {
    "train": TRAINING,
    "training": TRAINING,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "dev": VALIDATION,
    "test": TEST,
    "testing": TEST,
    "eval": TEST,
    "evaluation": TEST,
}
# As in `training_set`, which is a part's name as well.
_SET = re.compile(r"[ _-]?set$")
# What macOS writes beside the files of an archive.
_NO_DATA = {"__MACOSX"}


@dataclass(frozen=True)
class Layout:
    """Where the labels' folders lie.

    Attributes:
        parts: name of a folder by part; empty where the labels' folders lie in the top folder.
        unlabelled: folders of a part that hold no labels' folders, as of a competition's test.
        in_each: names of folders that each label's folder holds; these may be the labels.
    """

    parts: Mapping[int, str]
    unlabelled: Sequence[str] = ()
    in_each: Sequence[str] = ()


def layout_of(folder: str) -> Layout:
    """How a folder is laid out.

    Folders are parts of a split where they all have such a part's name, one of them is for
    training, and there is another.

    Raises:
        OSError: when a folder cannot be listed.
        ValueError: saying why it is unclear.
    """
    names = folders(folder)
    parts: dict[int, str] = {}
    for name in names:
        part = NAMES.get(_SET.sub("", name.casefold()))
        if part is not None and part in parts:
            raise ValueError(f"{parts[part]} and {name} both name the same part of a split")
        if part is not None:
            parts[part] = name
    if TRAINING not in parts or len(parts) < 2:
        _require_no_labels_again(folder, names, parts)
        return Layout({}, in_each=_in_each(folder, names))
    if len(parts) < len(names):
        beside = next(name for name in names if name not in parts.values())
        raise ValueError(
            f"{' and '.join(parts[part] for part in sorted(parts))} look like the parts of a "
            f"split, and {beside!r} lies beside them; move one or the other elsewhere"
        )
    inner = {part: folders(os.path.join(folder, name)) for part, name in parts.items()}
    if not inner[TRAINING]:
        return Layout({})
    labelled = {part: name for part, name in parts.items() if inner[part]}
    return Layout(labelled, [name for part, name in parts.items() if not inner[part]])


def _require_no_labels_again(folder: str, names: Sequence[str], parts: Mapping[int, str]) -> None:
    """A label may be called train; a folder of that name with the labels' folders is a part."""
    for name in parts.values():
        again = set(folders(os.path.join(folder, name))) & set(names)
        if again:
            raise ValueError(
                f"{name} looks like a part of a split, because {min(again)!r} lies in it and "
                "beside it; move one or the other elsewhere"
            )


def _in_each(folder: str, names: Sequence[str]) -> list[str]:
    """The folders that lie in each of at least two, where there are several."""
    if len(names) < 2:
        return []
    held = [set(folders(os.path.join(folder, name))) for name in names]
    shared = set.intersection(*held)
    return sorted(shared) if len(shared) > 1 else []


def folders(folder: str) -> list[str]:
    """The names of the folders in a folder, but for hidden ones, in order.

    Raises:
        OSError: when it cannot be listed.
    """
    with os.scandir(folder) as entries:
        return sorted(
            each.name
            for each in entries
            if each.name[0] != "." and each.name not in _NO_DATA and each.is_dir()
        )
