import logging
import os
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from velox.base.errors import SettingError
from velox.images.preprocessing import Preprocessing
from velox.training.data.dataset import Dataset
from velox.training.data.others import read_others, require_usable


def read(folder: Path) -> Dataset:
    return read_others(
        folder,
        size=8,
        max_pixels=10_000,
        preprocessing=Preprocessing(),
        stop=threading.Event(),
        on_progress=lambda _done, _all: None,
    )


def write(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((16, 16, 3), value, np.uint8))


def test_every_image_below_the_folder_is_read_whatever_its_folders_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in (("a.png", 10), ("deep/er/b.png", 20), ("other/c.png", 30)):
        write(tmp_path / name, value)
    (tmp_path / "readme.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_text("no image")
    os.mkfifo(tmp_path / "pipe")
    with caplog.at_level(logging.WARNING):
        found = read(tmp_path)
    pixels, targets = found.take(np.arange(3))
    assert len(found) == 3
    assert sorted(pixels[:, 0, 0, 0].tolist()) == [10, 20, 30]
    assert (found.labels, targets.tolist()) == ((), [0, 0, 0])
    assert "skipped unusable files=2 of=5" in caplog.text


def test_a_folder_that_is_not_there_or_holds_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"^UNKNOWN_PATH='.*no' cannot be used: .*No such file"):
        read(tmp_path / "no")
    (tmp_path / "readme.txt").write_text("no image")
    with pytest.raises(SettingError, match="cannot be used: there is no usable image in it"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["photos", "photos/cat", ".", "link"])
def test_images_that_are_learned_from_are_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path / "photos/cat/a.png", 10)
    (tmp_path / "link").symlink_to("photos")
    with pytest.raises(SettingError, match=r"^UNKNOWN_PATH='.*' cannot be used: DATASET_PATH="):
        require_usable(tmp_path / name, tmp_path / "photos")


def test_what_is_no_folder_is_refused_before_anything_takes_long(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, reason in (("none", "No such file or directory"), ("file", "it is no folder")):
        with pytest.raises(
            SettingError, match=f"^UNKNOWN_PATH='.*{name}' cannot be used: {reason}"
        ):
            require_usable(tmp_path / name, None)


def test_images_in_a_folder_of_their_own_may_be_used(tmp_path: Path) -> None:
    for name in ("photos", "photos-of-others"):
        write(tmp_path / name / "a.png", 10)
    require_usable(tmp_path / "photos-of-others", tmp_path / "photos")
    require_usable(tmp_path / "photos", None)
    require_usable(None, tmp_path / "photos")


def test_images_that_change_during_training_are_told_by_their_setting(tmp_path: Path) -> None:
    write(tmp_path / "a.png", 10)
    found = read(tmp_path)
    found.images._kept = found.images._kept[:0]  # type: ignore[attr-defined]
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(SettingError, match="UNKNOWN_PATH changed during training"):
        found.take(np.arange(1))
