"""Verdicts beside a folder of own images."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.rig import pictures
from velox.base.errors import SettingError
from velox.images.preprocessing import Preprocessing
from velox.training.data.folder import list_folder, list_verdicts, read_folder
from velox.training.data.layout import TEST, TRAINING, VALIDATION
from velox.training.data.listing import Listing
from velox.training.data.reviewed import joined


def write(folder: Path, files: dict[str, int]) -> Path:
    """Pictures by their place in a folder."""
    for place, number in files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pictures.encoded(number))
    return folder


def rows(listing: Listing) -> set[tuple[str, str, int]]:
    """Label, name and part of each file."""
    return {
        (listing.labels[target], path.name, part)
        for target, path, part in zip(
            listing.targets.tolist(), listing.paths, listing.parts.tolist(), strict=True
        )
    }


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return write(tmp_path / "own", {"cat/a.jpg": 1, "cat/b.jpg": 2, "dog/c.jpg": 3})


def test_images_of_both_are_trained_on(own: Path, tmp_path: Path) -> None:
    said = write(tmp_path / "said", {"cat/x.jpg": 10, "dog/y.jpg": 11})
    found = joined(list_folder(own), list_verdicts(said), least=5)
    assert found.labels == ("cat", "dog")
    assert rows(found) == {
        ("cat", "a.jpg", TRAINING),
        ("cat", "b.jpg", TRAINING),
        ("cat", "x.jpg", TRAINING),
        ("dog", "c.jpg", TRAINING),
        ("dog", "y.jpg", TRAINING),
    }
    assert found.targets.tolist() == sorted(found.targets.tolist())


def test_a_verdict_beats_the_label_of_the_folder(own: Path, tmp_path: Path) -> None:
    said = write(tmp_path / "said", {"dog/x.jpg": 1})
    found = joined(list_folder(own), list_verdicts(said), least=5)
    assert rows(found) == {
        ("cat", "b.jpg", TRAINING),
        ("dog", "x.jpg", TRAINING),
        ("dog", "c.jpg", TRAINING),
    }


def test_a_new_label_needs_enough_verdicts(
    own: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said = write(tmp_path / "said", {f"fox/{number}.jpg": 20 + number for number in range(4)})
    assert joined(list_folder(own), list_verdicts(said), least=5).labels == ("cat", "dog")
    assert "left out label='fox': it has 4 verdicts and no folder" in caplog.text
    write(said, {"fox/4.jpg": 24})
    assert joined(list_folder(own), list_verdicts(said), least=5).labels == ("cat", "dog", "fox")


def test_verdicts_are_never_of_the_parts_that_judge(tmp_path: Path) -> None:
    own = write(
        tmp_path / "own",
        {
            **{f"train/{label}/{label}.jpg": number for number, label in enumerate(("a", "b"))},
            **{f"val/{label}/v{label}.jpg": 5 + number for number, label in enumerate(("a", "b"))},
            **{f"test/{label}/t{label}.jpg": 9 + number for number, label in enumerate(("a", "b"))},
        },
    )
    said = write(tmp_path / "said", {"a/x.jpg": 30, "b/y.jpg": 9})
    found = joined(list_folder(own), list_verdicts(said), least=5)
    assert {("a", "x.jpg", TRAINING), ("b", "y.jpg", TRAINING)} <= rows(found)
    assert ("a", "va.jpg", VALIDATION) in rows(found)
    assert ("b", "tb.jpg", TEST) in rows(found)
    assert "ta.jpg" not in {name for _, name, _ in rows(found)}, "the verdict says b"


def test_an_export_without_images_changes_nothing(own: Path, tmp_path: Path) -> None:
    said = tmp_path / "said"
    said.mkdir()
    (said / "verdicts.csv").write_text("id\n")
    listing = list_folder(own)
    assert rows(joined(listing, list_verdicts(said), least=5)) == rows(listing)


def test_labels_come_back_as_they_were_said(tmp_path: Path) -> None:
    """An export percent-encodes what a folder's name cannot hold, and is never parted."""
    files = {"train/a.jpg": 1, "test/b.jpg": 2, "%3Cb%3E/c.jpg": 3, "50 %25/d.jpg": 4}
    said = write(tmp_path / "said", files)
    found = list_verdicts(said)
    assert rows(found) == {
        ("<b>", "c.jpg", TRAINING),
        ("50 %", "d.jpg", TRAINING),
        ("test", "b.jpg", TRAINING),
        ("train", "a.jpg", TRAINING),
    }


def test_verdicts_alone_may_be_called_as_the_parts_of_a_split(tmp_path: Path) -> None:
    said = write(
        tmp_path / "said",
        {
            f"{label}/{number}.jpg": first + number
            for first, label in ((0, "train"), (100, "test"))
            for number in range(5)
        },
    )
    data, _ = read_folder(
        said,
        reviewed=said,
        size=32,
        max_pixels=10**6,
        preprocessing=Preprocessing(),
        stop=threading.Event(),
        on_progress=lambda *_: None,
    )
    assert (data.labels, data.counts().tolist()) == (("test", "train"), [5, 5])


def test_an_export_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"REVIEW_EXPORT='.*gone' cannot be used"):
        list_verdicts(tmp_path / "gone")


def test_a_data_set_is_read_with_its_verdicts(tmp_path: Path) -> None:
    own = write(
        tmp_path / "own",
        {
            f"{label}/{number}.jpg": first + number
            for first, label in ((0, "a"), (100, "b"))
            for number in range(6)
        },
    )
    said = write(tmp_path / "said", {"b/was-a.jpg": 0})
    data, skipped = read_folder(
        own,
        reviewed=said,
        size=32,
        max_pixels=10**6,
        preprocessing=Preprocessing(),
        stop=threading.Event(),
        on_progress=lambda *_: None,
    )
    assert (data.counts().tolist(), skipped) == ([5, 7], {})
