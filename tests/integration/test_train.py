"""`train.py` as a process: what it writes, what it leaves alone, and how it ends."""

from __future__ import annotations

import json
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch

from tests.rig import digits
from tests.rig.pictures import COLOURS, colour, encoded, odd_png
from tests.rig.processes import Child, script
from velox.images.preprocessing import Preprocessing
from velox.models import checkpoint as model
from velox.models.architectures import build

LIMIT_S = 120
# PyTorch's own end is part of it, which takes seconds on a busy machine.
STOP_LIMIT_S = 60

# A small network on small images: what is tested here is the process, not the network.
SMALL = {
    "MODEL_PATH": "model.pth",
    "CLASSES_PATH": "classes.json",
    "DATASET_PATH": "pictures",
    "INIT_WEIGHTS": "",
    "MODEL_ARCH": "shufflenet_v2_x0_5",
    "INPUT_SIZE": "32",
    "EPOCHS": "3",
    "AUGMENT": "",
    "HOLD_OUT": "0.5",
    "MIN_ACCURACY": "0",
    "DEVICE": "cpu",
}


def pictures(folder: Path, count: int = 60) -> None:
    """Noisy squares of three colours, one folder a colour."""
    for name in COLOURS:
        (folder / "pictures" / name).mkdir(parents=True)
    for number in range(count):
        path = folder / "pictures" / colour(number) / f"{number}.jpg"
        path.write_bytes(encoded(number))


def start(folder: Path, *arguments: str, log: str = "log", **settings: str) -> Child:
    return script("train.py", env=SMALL | settings, log=folder / log, arguments=arguments)


def trained(folder: Path, *arguments: str, log: str = "log", **settings: str) -> Child:
    child = start(folder, *arguments, log=log, **settings)
    assert child.wait(LIMIT_S) == 0, str(child)
    return child


def files(folder: Path) -> set[str]:
    """What lies there beside the pictures, the logs, and what can be made again."""
    found = {path.name for path in folder.iterdir() if "log" not in path.name}
    return found - {"pictures", ".model.pth.made"}


LOOK = "model.dataset.html"
REPORTS = {"model.report.txt", "model.report.html", "model.confusion.png"}
WRITTEN = {"model.pth", "classes.json", LOOK, *REPORTS}
LOCK = ".model.pth.lock"


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


REFUSED = {
    "model.refused.pth",
    "classes.refused.json",
    *(name.replace("model.", "model.refused.") for name in REPORTS),
}


def error(child: Child) -> str:
    assert child.wait(LIMIT_S) == 1, str(child)
    (line,) = [line for line in child.log.splitlines() if line.startswith("error: ")]
    return line


def test_a_refused_model_is_kept_and_used_on_a_second_thought(tmp_path: Path) -> None:
    pictures(tmp_path)
    settings = {"EPOCHS": "1", "LEARNING_RATE": "1e-8", "MIN_ACCURACY": "1"}
    said = error(start(tmp_path, **settings))
    assert "the model is refused: test accuracy" in said
    assert "is below MIN_ACCURACY=1; model.refused.pth and its report are kept" in said
    assert "`python train.py --use-refused` uses it all the same" in said
    assert files(tmp_path) == {LOCK, LOOK, ".model.pth.resume", *REFUSED}
    report = (tmp_path / "model.refused.report.txt").read_text()
    assert re.search(r"^refused +test accuracy .* is below MIN_ACCURACY=1$", report, re.MULTILINE)
    kept = model.load(tmp_path / "model.refused.pth", tmp_path / "classes.refused.json")
    # Another least accuracy takes up the same training, at its end.
    again = trained(tmp_path, log="again.log", **{**settings, "MIN_ACCURACY": "0"})
    assert "resuming after epoch=1/1" in again.log
    assert "epoch=1/1 loss" not in again.log
    saved = model.load(tmp_path / "model.pth", tmp_path / "classes.json")
    assert saved.digest == kept.digest
    # And one command without a training does the same.
    (tmp_path / "model.pth").unlink()
    used = trained(tmp_path, "--use-refused", log="used.log")
    assert f"using the refused model=model.pth digest={kept.digest}" in used.log
    assert files(tmp_path) == {LOCK, *WRITTEN}
    assert model.load(tmp_path / "model.pth", tmp_path / "classes.json").digest == kept.digest


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


def test_without_a_refused_model_there_is_none_to_use(tmp_path: Path) -> None:
    assert "model.refused.pth cannot be read: No such file" in error(
        start(tmp_path, "--use-refused")
    )


def test_own_images_ask_for_better_than_the_commonest_label(tmp_path: Path) -> None:
    pictures(tmp_path)
    said = error(start(tmp_path, EPOCHS="1", LEARNING_RATE="1e-8", MIN_ACCURACY="auto"))
    assert "it is not surely better than always answering" in said


def test_sigterm_ends_it_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    pictures(tmp_path)
    child = start(tmp_path, EPOCHS="10000", PATIENCE="0", LEARNING_RATE="1e-8", RESUME="0")
    child.wait_for_line(r"epoch=1/10000", LIMIT_S)
    assert child.terminate(STOP_LIMIT_S) == 1, str(child)
    assert re.fullmatch(r"error: stopped .*; no model was written", child.log.splitlines()[-1])
    assert files(tmp_path) == {LOCK, LOOK}


def test_a_killed_training_goes_on_to_the_same_model(tmp_path: Path) -> None:
    for name in ("killed", "whole"):
        pictures(tmp_path / name)
    settings = {"EPOCHS": "6", "LEARNING_RATE": "0.001"}
    trained(tmp_path / "whole", **settings)
    child = start(tmp_path / "killed", **settings)
    child.wait_for_line("epoch=2/6", LIMIT_S)
    child.signal(signal.SIGKILL)
    child.kill()
    resumed = trained(tmp_path / "killed", log="resumed.log", **settings)
    assert "resuming after epoch=" in resumed.log
    assert files(tmp_path / "killed") >= WRITTEN
    assert ".model.pth.resume" not in files(tmp_path / "killed")
    one, other = (
        model.load(tmp_path / name / "model.pth", tmp_path / name / "classes.json")
        for name in ("killed", "whole")
    )
    assert one.digest == other.digest


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
