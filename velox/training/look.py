"""What a data set is worth, looked over before it is trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from velox.base.names import shown
from velox.training.data.dataset import Dataset, Indices, Splits
from velox.training.data.image_files import FolderImages
from velox.training.data.split import known

# Times as many images of the commonest label as of the rarest.
UNEQUAL = 10
# Files that a remark names.
NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Look:
    """What there is to say of a data set.

    Attributes:
        splits: its parts, of one folder's images.
        names: of the files, by row of the images.
        label_of: the label of each row that is used.
        contradictions: pairs of rows that show nearly the same under two labels.
        copies: groups of rows that show nearly the same, mirrored or not, the largest first.
        tiny: rows of images far smaller than the network's input.
        skipped: files that were left out, with why.
    """

    splits: Splits
    names: Sequence[str]
    label_of: Mapping[int, str]
    contradictions: Sequence[tuple[int, int]]
    copies: Sequence[Indices]
    tiny: Sequence[int]
    skipped: Mapping[Path, str]

    @property
    def test_known(self) -> int:
        """Test images that are nearly the same as a training image."""
        return len(known(self.splits.test, self.splits.training))

    def remarks(self) -> list[str]:
        """What somebody should know before relying on the model, a line each."""
        splits, found = self.splits, []
        if self.contradictions:
            pair = " and ".join(self.names[row] for row in self.contradictions[0])
            found.append(
                "nearly the same image lies under two labels, "
                f"{_many(self.contradictions, 'time')}; the first is {pair}"
            )
        if self.copies:
            found.append(
                f"{sum(map(len, self.copies))} images are copies or nearly the same, in "
                f"{_many(self.copies, 'group')}; the largest has {len(self.copies[0])}, as "
                f"{self.names[self.copies[0][0]]}"
            )
        if self.test_known:
            found.append(
                f"{self.test_known} of {len(splits.test)} test images are nearly the same as "
                "training images, so the test says little about other images"
            )
        counts = np.sum([part.counts() for part in splits], axis=0)
        labels = splits.training.labels
        most, least = int(counts.argmax()), int(counts.argmin())
        if counts[most] >= UNEQUAL * counts[least]:
            found.append(
                f"very unequal labels: {labels[most]!r} has {counts[most]} images, "
                f"{labels[least]!r} has {counts[least]}"
            )
        if self.tiny:
            found.append(
                f"{_many(self.tiny, 'image')} less than a quarter of INPUT_SIZE wide or high: "
                + _some([self.names[row] for row in self.tiny])
            )
        if self.skipped:
            named = _some([shown(str(path)) for path in self.skipped])
            found.append(f"{_many(self.skipped, 'file')} left out, as unusable: {named}")
        return found


def look(splits: Splits, images: FolderImages, skipped: Mapping[Path, str]) -> Look:
    """Look a folder's images over.

    Args:
        splits: their parts.
        images: that are in them.
        skipped: files that are not.
    """
    data = Dataset.joined(splits)
    label_of = {
        int(row): data.labels[target] for row, target in zip(data.rows, data.targets, strict=True)
    }
    order = np.argsort(data.groups, kind="stable")
    ends = np.flatnonzero(np.diff(data.groups[order])) + 1
    copies = [np.sort(data.rows[each]) for each in np.split(order, ends) if len(each) > 1]
    return Look(
        splits=splits,
        names=[shown(str(path)) for path in images.paths],
        label_of=label_of,
        contradictions=[
            (one, other) for one, other in images.upright if label_of[one] != label_of[other]
        ],
        copies=sorted(copies, key=len, reverse=True),
        tiny=images.tiny(np.sort(data.rows)),
        skipped=skipped,
    )


def _many(of: Sized, name: str) -> str:
    return f"{len(of)} {name}" + ("" if len(of) == 1 else "s")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
