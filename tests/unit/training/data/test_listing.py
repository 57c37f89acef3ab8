"""Which files of a folder are its images, and of which label and part they are."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from velox.training.data.layout import TEST, TRAINING, VALIDATION
from velox.training.data.listing import Listing, listed


def files(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(name))
    return root


def found(listing: Listing) -> list[tuple[str, int, str]]:
    """Label, part and file name of each file."""
    rows = zip(listing.targets.tolist(), listing.parts.tolist(), listing.paths, strict=True)
    return [(listing.labels[target], part, path.name) for target, part, path in rows]


def test_links_in_circles_end_and_a_folder_counts_once(tmp_path: Path) -> None:
    root = files(tmp_path, "cat/1.jpg", "cat/deep/2.jpg", "dog/3.jpg")
    (root / "cat" / "latest").symlink_to(".")
    (root / "cat" / "deep" / "up").symlink_to(root / "cat")
    (root / "cat" / "again").symlink_to(root / "cat" / "deep")
    for number in range(12):
        # Each way through these links would be another path.
        (root / "dog" / f"link-{number}").symlink_to(root / "dog")
    names = [(label, name) for label, _, name in found(listed(root))]
    assert names == [("cat", "1.jpg"), ("cat", "2.jpg"), ("dog", "3.jpg")]


@pytest.mark.parametrize("top", ["", "train"])
def test_a_link_to_the_folder_itself_makes_no_label_of_all_others(top: str, tmp_path: Path) -> None:
    parts = ("train", "test") if top else ("",)
    root = files(
        tmp_path, *(str(Path(part, name)) for part in parts for name in ("cat/1", "dog/2"))
    )
    (root / top / "cat" / "up").symlink_to("..")
    (root / top / "dog" / "top").symlink_to(root)
    names = {(label, name) for label, _, name in found(listed(root))}
    assert names == {("cat", "1"), ("dog", "2")}


def test_what_is_no_file_is_named_and_never_opened(tmp_path: Path) -> None:
    root = files(tmp_path, "cat/1.jpg", "dog/2.jpg")
    # Opening a pipe would wait for ever for somebody to write to it.
    os.mkfifo(root / "cat" / "pipe.jpg")
    (root / "cat" / "zero.jpg").symlink_to("/dev/zero")
    (root / "cat" / "gone.jpg").symlink_to("nowhere.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "dog" / "s.jpg"))
        listing = listed(root)
    assert [name for _, _, name in found(listing)] == ["1.jpg", "2.jpg"]
    assert {path.name: reason for path, reason in listing.passed_over.items()} == {
        "pipe.jpg": "it is a pipe, not a file",
        "zero.jpg": "it is a device, not a file",
        "s.jpg": "it is a socket, not a file",
        "gone.jpg": "No such file or directory",
    }


def test_a_folder_whose_name_is_not_utf_8_gives_a_label_that_is(tmp_path: Path) -> None:
    root = files(tmp_path, "tea/1.jpg", os.fsdecode(b"caf\xe9/\xe9.jpg"))
    listing = listed(root)
    assert listing.labels == ("caf\\xe9", "tea")
    assert listing.paths[0].read_bytes()


def test_one_label_in_two_unicode_forms_is_named(tmp_path: Path) -> None:
    assert listed(files(tmp_path / "one", "cafe\u0301/1.jpg", "tea/1.jpg")).labels[0] == "caf\u00e9"
    both = files(tmp_path / "two", "cafe\u0301/1.jpg", "caf\u00e9/1.jpg")
    with pytest.raises(ValueError, match=r"two folders for the label 'café', in two Unicode forms"):
        listed(both)


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("train", "valid", "test"),
        ("Training", "Validation", "Testing"),
        ("training_set", "dev", "test_set"),
        ("TRAINSET", "val-set", "evaluation"),
    ],
)
def test_folders_of_a_split_are_parts_and_no_labels(
    tmp_path: Path, train: str, val: str, test: str
) -> None:
    names = (f"{train}/cat/1.jpg", f"{train}/dog/2.jpg", f"{val}/cat/3.jpg", f"{test}/dog/x/4.jpg")
    listing = listed(files(tmp_path, *names))
    assert found(listing) == [
        ("cat", TRAINING, "1.jpg"),
        ("cat", VALIDATION, "3.jpg"),
        ("dog", TRAINING, "2.jpg"),
        ("dog", TEST, "4.jpg"),
    ]


def test_a_test_part_without_labels_is_left_out_and_known(tmp_path: Path) -> None:
    names = ("train/cat/1.jpg", "train/dog/2.jpg", "val/cat/3.jpg", "test/4.jpg")
    listing = listed(files(tmp_path, *names))
    assert {part for _, part, _ in found(listing)} == {TRAINING, VALIDATION}
    assert listing.layout.unlabelled == ["test"]


@pytest.mark.parametrize(
    "names",
    [
        ("train/1.jpg", "bus/2.jpg", "car/3.jpg"),
        ("train/1.jpg", "test/2.jpg"),
        ("test/a/1.jpg", "val/a/2.jpg"),
    ],
)
def test_labels_may_have_such_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    listing = listed(files(tmp_path, *names))
    assert set(listing.labels) == {name.partition("/")[0] for name in names}


def test_what_macos_adds_to_an_archive_is_no_label(tmp_path: Path) -> None:
    names = ("train/a/1.jpg", "train/b/1.jpg", "test/a/1.jpg", "__MACOSX/train/a/._1.jpg")
    assert listed(files(tmp_path, *names)).labels == ("a", "b")


@pytest.mark.parametrize(
    ("names", "in_each"),
    [
        (("fold1/a/1.jpg", "fold1/b/1.jpg", "fold2/a/1.jpg", "fold2/b/1.jpg"), ["a", "b"]),
        (("good/day/1.jpg", "bad/day/1.jpg"), []),
        (("good/day/1.jpg", "good/night/1.jpg", "bad/1.jpg"), []),
    ],
)
def test_folders_that_may_be_the_labels_are_known(
    tmp_path: Path, names: tuple[str, ...], in_each: list[str]
) -> None:
    listing = listed(files(tmp_path, *names))
    assert set(listing.labels) == {name.partition("/")[0] for name in names}
    assert listing.layout.in_each == in_each


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("train/a/1.jpg", "test/a/1.jpg", "extra/1.jpg"), "train and test look like .* 'extra'"),
        (("train/a/1.jpg", "val/a/1.jpg", "valid/a/1.jpg"), "val and valid both name the same"),
        (("train/a/1.jpg", "a/1.jpg", "b/1.jpg"), "train looks like .* 'a' lies in it and beside"),
        (("train/a/1.jpg", "val/b/1.jpg"), "val/b belongs to a label that .*train does not have"),
    ],
)
def test_an_unclear_layout_is_named(tmp_path: Path, names: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        listed(files(tmp_path, *names))
