"""`train.py` as a process: what it writes, and what it leaves alone."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch

from tests.rig import digits
from tests.rig.pictures import COLOURS, encoded, odd_png
from tests.rig.small_training import LIMIT_S, LOCK, WRITTEN, files, pictures, start, trained
from velox.images.preprocessing import Preprocessing
from velox.models import checkpoint as model
from velox.models.architectures import build


def test_own_images_give_a_model_and_a_report(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "pictures" / "red" / "broken.jpg").write_bytes(encoded(0)[:200])
    odd = tmp_path / "pictures" / "red" / "odd.png"
    odd.write_bytes(odd_png(0))
    child = trained(tmp_path, EPOCHS="8", FIT="crop", BACKGROUND="0,0,0")
    assert "libpng" not in child.log
    assert files(tmp_path) == {*WRITTEN, LOCK}
    checkpoint = model.load(tmp_path / "model.pth", tmp_path / "classes.json")
    assert checkpoint.preprocessing == Preprocessing(fit="crop", background=(0, 0, 0))
    assert checkpoint.labels == tuple(sorted(COLOURS))
    assert checkpoint.temperature != 1.0
    assert checkpoint.reference is not None
    assert sum(checkpoint.reference.signals["brightness"].counts) == 61
    report = (tmp_path / "model.report.txt").read_text()
    assert f"({checkpoint.digest})" in report
    assert f"{checkpoint.metrics['accuracy']:.4f}" in report
    assert "pictures/red/broken.jpg: the .jpg image is cut short" in report
    assert "skipped unusable files=1 of=62" in child.log
    assert cv2.imread(str(tmp_path / "model.confusion.png")) is not None


def test_two_at_once_train_once(tmp_path: Path) -> None:
    pictures(tmp_path)
    both = [start(tmp_path, "--if-missing", log=f"{name}.log") for name in ("one", "other")]
    assert [child.wait(LIMIT_S) for child in both] == [0, 0], "\n".join(map(str, both))
    assert sum("saved model=" in child.log for child in both) == 1, "\n".join(map(str, both))
    assert sum("keeping model=" in child.log for child in both) == 1


def test_a_usable_model_is_kept_and_a_broken_one_set_aside(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "model.pth").write_bytes(b"no model")
    child = trained(tmp_path, "--if-missing", EPOCHS="1")
    assert "is not a readable checkpoint" in child.log
    assert (tmp_path / "model.pth.unusable").read_bytes() == b"no model"
    before = (tmp_path / "model.pth").read_bytes()
    again = trained(tmp_path, "--if-missing", log="again.log")
    assert "keeping model=model.pth" in again.log
    assert (tmp_path / "model.pth").read_bytes() == before


def test_a_given_split_is_used_and_copies_are_named(tmp_path: Path) -> None:
    pictures(tmp_path, 30)
    for part in ("train", "val", "test"):
        shutil.copytree(tmp_path / "pictures", tmp_path / "split" / part)
    (tmp_path / "split" / "val" / "red" / "0.jpg").unlink()
    child = trained(tmp_path, DATASET_PATH="split", EPOCHS="1")
    shutil.rmtree(tmp_path / "split")
    assert "using the split of train, val, test" in child.log
    assert "images: 30 of 30 test images are nearly the same as training images" in child.log
    report = (tmp_path / "model.report.txt").read_text()
    assert re.search(r"^images +30 training, 29 validation, 30 test$", report, re.MULTILINE)
    assert "- 30 of 30 test images are nearly the same" in report
    labels = json.loads((tmp_path / "classes.json").read_text())
    assert list(labels.values()) == sorted(COLOURS)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"DATASET_PATH": "nowhere"}, "DATASET_PATH='nowhere' cannot be used"),
        ({"DATASET_PATH": ".", "UNKNOWN_PATH": "."}, "UNKNOWN_PATH='.' cannot be used"),
        ({"CLASSES_PATH": "/proc/none/c.json"}, "CLASSES_PATH='/proc/none/c.json' cannot be used"),
        ({"INIT_WEIGHTS": "nowhere.pth"}, "INIT_WEIGHTS='nowhere.pth' cannot be used"),
    ],
)
def test_what_cannot_work_is_named(tmp_path: Path, settings: dict[str, str], named: str) -> None:
    pictures(tmp_path, 30)
    child = start(tmp_path, **settings)
    assert child.wait(LIMIT_S) == 2, str(child)
    errors = [line for line in child.log.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, child.log
    assert named in errors[0]
    assert "Traceback" not in child.log


def test_where_fine_tuning_betters_nothing_validation_images_teach_too(tmp_path: Path) -> None:
    pictures(tmp_path)
    torch.manual_seed(0)
    start = model.Checkpoint(
        architecture="shufflenet_v2_x0_5",
        labels=("a", "b"),
        input_size=32,
        preprocessing=Preprocessing(fit="crop", resize_size=40, multi_page="refuse"),
        state_dict=build("shufflenet_v2_x0_5", 2).state_dict(),
    )
    model.save(start, tmp_path / "weights.pth", tmp_path / "weights.json")
    # Such large steps spoil what the network knows.
    settings = {"INIT_WEIGHTS": "weights.pth", "EPOCHS": "1", "LEARNING_RATE": "0.5"}
    child = trained(tmp_path, HOLD_OUT="0.4", MULTI_PAGE="first", **settings)
    made = model.load(tmp_path / "model.pth", tmp_path / "classes.json")
    assert made.preprocessing == replace(start.preprocessing, multi_page="first")
    assert re.search(r"WARNING .*MULTI_PAGE=first instead of MULTI_PAGE=refuse$", child.log, re.M)
    assert "with the validation images: images=48" in child.log
    assert "test images=12" in child.log


def test_handwritten_digits_are_learned(tmp_path: Path) -> None:
    assert digits.write(tmp_path / "digits", per_label=60) == 600
    trained(
        tmp_path,
        DATASET_PATH="digits",
        AUGMENT="shift,rotate",
        EPOCHS="12",
        HOLD_OUT="0.3",
        LEARNING_RATE="0.01",
        MIN_ACCURACY="auto",
    )
    report = (tmp_path / "model.report.txt").read_text()
    assert re.search(r"^without a model +0\.1000, .* the model is surely better$", report, re.M)
    labels = json.loads((tmp_path / "classes.json").read_text())
    assert list(labels.values()) == [str(digit) for digit in range(10)]
