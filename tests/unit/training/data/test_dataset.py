from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from velox.base.errors import SettingError
from velox.base.waiting import Stopped
from velox.images.preprocessing import Preprocessing
from velox.training.data.dataset import Dataset, Held
from velox.training.data.folder import read_folder
from velox.training.data.image_files import FolderImages
from velox.training.data.shapes import Shapes
from velox.training.data.split import split

LABELS = ("cat", "dog", "owl")


def numbered(counts: tuple[int, ...]) -> Dataset:
    """Images whose only colour is their row."""
    total = sum(counts)
    pixels = np.broadcast_to(
        np.arange(total, dtype=np.uint8)[:, None, None, None], (total, 2, 2, 3)
    )
    return Dataset(
        Held(pixels), np.arange(total), np.repeat(np.arange(len(counts)), counts), LABELS
    )


def test_a_split_has_each_image_once_and_a_share_of_each_label() -> None:
    data = numbered((100, 50, 5))
    parts = split(data, hold_out=0.2, seed=1)
    assert sorted(np.concatenate([part.rows for part in parts])) == list(range(155))
    assert [part.counts().tolist() for part in parts] == [[80, 40, 3], [10, 5, 1], [10, 5, 1]]


def test_a_split_keeps_images_and_labels_together() -> None:
    data = numbered((20, 20, 20))
    for part in split(data, hold_out=0.3, seed=1):
        pixels, targets = part.take(np.arange(len(part)))
        assert (pixels[:, 0, 0, 0] // 20 == targets).all()


def test_a_split_depends_on_the_seed_alone() -> None:
    data = numbered((30, 30, 30))
    one, same, other = (split(data, hold_out=0.5, seed=seed).test.rows for seed in (1, 1, 2))
    assert one.tolist() == same.tolist() != other.tolist()


def shapes(seed: int = 3) -> Shapes:
    return Shapes(
        colors=("red", "green"), shapes=("circle",), height=64, width=80, quality=90, size=32,
        preprocessing=Preprocessing(), seed=seed,
    )  # fmt: skip


def drawn(stream: int, seed: int = 3, per_class: int = 30) -> tuple[np.ndarray, np.ndarray]:
    data = shapes(seed).draw(
        per_class, stream, stop=threading.Event(), on_progress=lambda _done, _total: None
    )
    return data.take(np.arange(len(data)))


def test_drawn_shapes_have_the_size_and_as_many_of_each_label() -> None:
    pixels, targets = drawn(1)
    assert pixels.shape == (60, 32, 32, 3)
    assert np.bincount(targets).tolist() == [30, 30]
    # Red where the label says so: the drawn images and their labels go together.
    redder = pixels[..., 0].max(axis=(1, 2)).astype(int) - pixels[..., 1].max(axis=(1, 2))
    assert ((redder > 0) == (targets == 0)).all()


def test_drawn_shapes_repeat_for_a_stream_and_differ_between_streams_and_seeds() -> None:
    one, same = drawn(1)[0], drawn(1)[0]
    assert np.array_equal(one, same)
    others = (*drawn(2)[0], *drawn(1, seed=4)[0])
    seen = {image.tobytes() for image in one}
    assert len(seen) == len(one)
    assert not seen & {image.tobytes() for image in others}


def test_drawing_tells_how_far_it_is_and_stops() -> None:
    told: list[tuple[int, int]] = []
    stop = threading.Event()
    shapes().draw(60, 1, stop=stop, on_progress=lambda *now: told.append(now))
    assert told[-1] == (120, 120)
    stop.set()
    with pytest.raises(Stopped):
        shapes().draw(60, 1, stop=stop, on_progress=lambda *_now: None)


def folder_of(root: Path, **counts: int) -> Path:
    """Pictures of one colour for each label, in folders of their names."""
    for value, (label, count) in enumerate(counts.items(), start=1):
        (root / label).mkdir(parents=True)
        for number in range(count):
            image = np.full((40, 50, 3), value * 40, np.uint8)
            cv2.imwrite(str(root / label / f"{number}.png"), image)
    return root


def read(root: Path, **options: object) -> tuple[Dataset, dict[Path, str]]:
    arguments = {
        "size": 8,
        "max_pixels": 10_000,
        "preprocessing": Preprocessing(),
        "stop": threading.Event(),
        "on_progress": lambda _done, _total: None,
    }
    return read_folder(root, **(arguments | options))  # type: ignore[arg-type]


def test_a_folder_gives_its_labels_in_order_and_its_images(tmp_path: Path) -> None:
    data, skipped = read(folder_of(tmp_path, owl=5, cat=6))
    assert data.labels == ("cat", "owl")
    assert data.counts().tolist() == [6, 5]
    assert not skipped
    pixels, targets = data.take(np.arange(11))
    assert pixels.shape == (11, 8, 8, 3)
    assert (pixels[:, 0, 0, 0] == np.where(targets == 0, 80, 40)).all()


def test_files_may_lie_deeper_and_hidden_ones_do_not_count(tmp_path: Path) -> None:
    root = folder_of(tmp_path, cat=5, dog=5)
    (root / ".cache").mkdir()
    (root / "cat" / ".DS_Store").write_bytes(b"x")
    (root / "cat" / "2024").mkdir()
    (root / "cat" / "0.png").rename(root / "cat" / "2024" / "0.png")
    data, skipped = read(root)
    assert data.counts().tolist() == [5, 5]
    assert not skipped


def test_files_that_cannot_be_used_are_named_counted_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = folder_of(tmp_path, cat=6, dog=6)
    (root / "cat" / "notes.txt").write_text("no image")
    (root / "dog" / "3.png").write_bytes((root / "dog" / "3.png").read_bytes()[:40])
    (root / "dog" / "empty.jpg").touch()
    cv2.imwrite(str(root / "cat" / "huge.png"), np.zeros((101, 100, 3), np.uint8))
    data, skipped = read(root)
    assert data.counts().tolist() == [6, 5]
    expected = {"cat/huge.png", "cat/notes.txt", "dog/3.png", "dog/empty.jpg"}
    assert {str(path.relative_to(root)) for path in skipped} == expected
    assert "MAX_IMAGE_PIXELS" in skipped[root / "cat" / "huge.png"]
    for name in expected:
        assert f"skipped file={root / name} reason=" in caplog.text
    assert "skipped unusable files=4 of=15" in caplog.text
    assert (data.take(np.arange(11))[0][:6, 0, 0, 0] == 40).all()


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ({}, "needs a folder of images for each label, at least two, but has none"),
        ({"cat": 9}, "but has only 'cat'$"),
        (
            {"pets/cat": 9, "pets/dog": 9},
            "has only 'pets', which holds cat, dog: perhaps it is the DATASET_PATH$",
        ),
        ({"cat": 9, "dog": 4}, "dog has 4 usable images; each label needs at least 5: add"),
        ({"cat": 9, "dog": 0}, "dog has no usable images.* move the folder elsewhere"),
    ],
)
def test_a_folder_that_cannot_be_learned_from_is_named(
    tmp_path: Path, counts: dict[str, int], reason: str
) -> None:
    with pytest.raises(SettingError, match=reason) as caught:
        read(folder_of(tmp_path, **counts))
    assert str(caught.value).startswith(f"DATASET_PATH={str(tmp_path)!r} cannot be used: ")


def test_labels_that_may_be_parts_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read(folder_of(tmp_path, **{f"fold{n}/{label}": 5 for n in (1, 2) for label in ("cat", "dog")}))
    assert "labels=fold1,fold2 folders=cat,dog: if these are the labels, lay" in caplog.text


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"DATASET_PATH=.*nowhere: No such file"):
        read(tmp_path / "nowhere")


def test_images_that_do_not_fit_in_memory_are_read_again(tmp_path: Path) -> None:
    root = folder_of(tmp_path, cat=5, dog=5)
    paths = sorted(root.glob("*/*.png"))
    taken = []
    for kept_bytes in (0, 4 * 8 * 8 * 3, 2**30):
        images = FolderImages(
            paths,
            size=8,
            max_pixels=10_000,
            preprocessing=Preprocessing(),
            kept_bytes=kept_bytes,
        )
        assert not images.read(stop=threading.Event(), on_progress=lambda *_now: None)
        taken.append(images.take(np.array([9, 0, 3, 4])))
    assert all(np.array_equal(each, taken[0]) for each in taken)


def test_a_file_that_goes_away_in_training_is_named(tmp_path: Path) -> None:
    paths = sorted(folder_of(tmp_path, cat=5).glob("*/*.png"))
    images = FolderImages(
        paths, size=8, max_pixels=10_000, preprocessing=Preprocessing(), kept_bytes=0
    )
    paths[2].unlink()
    with pytest.raises(SettingError, match=r"DATASET_PATH changed during training: .*2\.png"):
        images.take(np.array([2]))


def test_reading_stops(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        read(folder_of(tmp_path, cat=5, dog=5), stop=stop)


def fingerprint(root: Path) -> bytes:
    data, _ = read(root)
    return data.images.fingerprint(data.rows)


def test_other_files_have_another_fingerprint(tmp_path: Path) -> None:
    root = folder_of(tmp_path, cat=6, dog=6)
    first = fingerprint(root)
    assert fingerprint(root) == first
    path = root / "dog" / "3.png"
    # The same size and other bytes.
    path.write_bytes(path.read_bytes())
    touched = fingerprint(root)
    assert touched != first
    path.rename(root / "dog" / "9.png")
    renamed = fingerprint(root)
    assert renamed not in (first, touched)
    (root / "cat" / "0.png").write_bytes(
        cv2.imencode(".png", np.full((9, 9, 3), 7, np.uint8))[1].tobytes()
    )
    assert fingerprint(root) not in (first, touched, renamed)


def test_other_pixels_have_another_fingerprint() -> None:
    rows = np.arange(3)
    one, other = np.zeros((2, 3, 2, 2, 3), np.uint8)
    assert Held(one).fingerprint(rows) == Held(other).fingerprint(rows)
    other[1, 0, 0, 0] = 1
    assert Held(one).fingerprint(rows) != Held(other).fingerprint(rows)
    assert Held(one).fingerprint(rows[:1]) == Held(other).fingerprint(rows[:1])


def test_a_file_of_impossible_size_is_not_read(tmp_path: Path) -> None:
    root = folder_of(tmp_path, cat=6, dog=6)
    with (root / "cat" / "film.jpg").open("wb") as file:
        file.truncate(2**40)
    data, skipped = read(root)
    assert "1099511627776 bytes are more than 8 for each pixel" in skipped[root / "cat/film.jpg"]
    assert len(data) == 12
