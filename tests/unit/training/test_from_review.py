"""`train.py --from-review`: what is taken from the store, and what is not."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import train
from tests.rig import pictures
from tests.unit.fakes import CAPTURED_MS, candidate, kept
from velox.base.candidates import Kept
from velox.base.errors import SettingError
from velox.settings.training import TrainSettings
from velox.stores.sqlite_verdicts import SQLiteVerdicts
from velox.training.assembly import with_verdicts_as_dataset

AT = "2026-01-01T00:00:00.000Z"


def settings(folder: Path, **more: str) -> TrainSettings:
    given = {"MONGO_URI": "", "STORAGE_PATH": str(folder), "MODEL_PATH": str(folder / "m.pth")}
    return TrainSettings.load({**given, **more})


def images(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.jpg")}


def test_images_that_judge_the_model_are_never_trained_on(tmp_path: Path) -> None:
    """Nor those of another model that were kept since this one was made."""
    before = replace(candidate(1, random=True, age=3600), model="before")
    between = replace(candidate(2, random=True, age=1), model="before")
    with closing(SQLiteVerdicts(tmp_path / "review.db")) as store:
        store.open()
        store.write([Kept(before, b"1"), Kept(between, b"2"), kept(3, random=True), kept(4)])
        store.judge([before.id, between.id, candidate(3).id, candidate(4).id], "cat", "ann", AT)
    model = tmp_path / "m.pth"
    model.write_bytes(b"")
    os.utime(model, (CAPTURED_MS / 1000 - 60,) * 2)
    found = train.export_verdicts(settings(tmp_path))
    assert found.review_export == tmp_path / "review"
    assert images(tmp_path / "review") == {
        "cat/image_data-0-1-1700000000123.jpg",
        "cat/image_data-0-4-1700000000123.jpg",
    }


def test_nor_are_images_that_show_nearly_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A model that was trained on a neighbour in a video, or on a copy, knows the answer."""
    image = pictures.encoded(3)
    with closing(SQLiteVerdicts(tmp_path / "review.db")) as store:
        store.open()
        store.write(
            [
                kept(3, random=True, image=image),
                kept(4, image=image),
                kept(5, image=pictures.saved_again(image)),
                kept(6, image=pictures.encoded(6)),
            ]
        )
        store.judge([candidate(number).id for number in range(3, 7)], "cat", "ann", AT)
    with caplog.at_level("INFO"):
        train.export_verdicts(settings(tmp_path))
    assert images(tmp_path / "review") == {"cat/image_data-0-6-1700000000123.jpg"}
    assert "verdicts=4 images=1 judging=1 alike=2" in caplog.text


def test_the_export_goes_where_it_is_asked_for(tmp_path: Path) -> None:
    with closing(SQLiteVerdicts(tmp_path / "review.db")) as store:
        store.open()
        store.write([kept(4)])
        store.judge([candidate(4).id], "cat", "ann", AT)
    train.export_verdicts(settings(tmp_path, REVIEW_EXPORT=str(tmp_path / "said")))
    assert images(tmp_path / "said") == {"cat/image_data-0-4-1700000000123.jpg"}


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match=r"REVIEW_EXPORT='.*file' cannot be written"):
        train.export_verdicts(settings(tmp_path, REVIEW_EXPORT=str(tmp_path / "file")))


def test_verdicts_alone_are_a_folder_of_own_images(tmp_path: Path) -> None:
    alone = with_verdicts_as_dataset(settings(tmp_path, REVIEW_EXPORT=str(tmp_path)))
    assert (alone.dataset_path, alone.review_export) == (tmp_path, tmp_path)
    both = settings(tmp_path, REVIEW_EXPORT=str(tmp_path), DATASET_PATH="own")
    assert with_verdicts_as_dataset(both) == both
