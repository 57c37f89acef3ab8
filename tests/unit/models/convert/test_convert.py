"""The command: weights in, a proved checkpoint out, or one line that says why not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from tests.rig.pictures import odd_png
from velox.base.errors import SettingError
from velox.images.preprocessing import Preprocessing
from velox.models import checkpoint as model
from velox.models import description
from velox.models.architectures import build
from velox.models.convert import proof
from velox.models.convert.__main__ import main
from velox.models.convert.options import labels_of, parsed
from velox.models.engine.interface import Predictions

ROOT = Path(__file__).parents[4]
LIMIT_S = 120
ARCHITECTURE = "shufflenet_v2_x0_5"
LABELS = ("cat", "tench, Tinca tinca", "dog")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    weights = build(ARCHITECTURE, len(LABELS)).state_dict()
    torch.save({"model": {f"module.{name}": v for name, v in weights.items()}}, tmp_path / "w.pth")
    (tmp_path / "labels.txt").write_text("\n".join(LABELS) + "\n")
    return tmp_path


def convert(folder: Path, *options: str, weights: str = "w.pth") -> int:
    usual = ["--labels", str(folder / "labels.txt"), "--normalisation", "imagenet"]
    paths = [str(folder / weights), str(folder / "model.pth")]
    return main([*paths, *usual, "--architecture", ARCHITECTURE, "--input-size", "32", *options])


def test_a_checkpoint_is_made_of_wrapped_weights(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for label in ("cat", "dog"):
        (folder / "photos" / label).mkdir(parents=True)
        for number in range(3):
            image = np.full((40, 60, 3), 60 * number, np.uint8)
            cv2.imwrite(str(folder / "photos" / label / f"{number}.png"), image)
    (folder / "photos" / "notes.txt").write_text("no image")
    code = convert(
        folder, "--fit", "crop", "--resize-size", "36", "--images", str(folder / "photos")
    )
    assert code == 0
    made = model.load(folder / "model.pth", folder / "classes.json")
    assert (made.architecture, made.labels, made.input_size) == (ARCHITECTURE, LABELS, 32)
    assert (made.mean, made.std) == (description.IMAGENET_MEAN, description.IMAGENET_STD)
    assert made.preprocessing == Preprocessing(fit="crop", resize_size=36)
    assert (len(made.samples), sorted(made.samples.targets)) == (6, [0, 0, 0, 2, 2, 2])
    assert 0 <= made.metrics["sample_accuracy"] <= 1
    given = torch.load(folder / "w.pth", weights_only=True)["model"]
    assert all(torch.equal(each, given[f"module.{name}"]) for name, each in made.state_dict.items())
    said = capsys.readouterr().err
    assert "proved images=6" in said
    assert "notes.txt" in said


@pytest.mark.parametrize("given", ["cat/val", "cat/val/dog", "cat/val/dog/cat.png"])
def test_the_label_is_that_of_the_folders_that_are_given_not_of_what_leads_there(
    given: str, folder: Path
) -> None:
    (folder / "cat" / "val" / "dog").mkdir(parents=True)
    cv2.imwrite(str(folder / "cat" / "val" / "dog" / "cat.png"), np.zeros((9, 9, 3), np.uint8))
    assert convert(folder, "--images", str(folder / given)) == 0
    made = model.load(folder / "model.pth", folder / "classes.json")
    assert list(made.samples.targets) == [LABELS.index("dog")]


def test_the_options_say_all_of_how_an_image_becomes_the_input(folder: Path) -> None:
    said = ["--background", "1,2, 3", "--value-range", "image", "--multi-page", "refuse"]
    assert convert(folder, "--fit", "pad", *said) == 0
    made = model.load(folder / "model.pth", folder / "classes.json").preprocessing
    assert made == Preprocessing(
        fit="pad",
        background=(1, 2, 3),
        pad_color=(1, 2, 3),
        value_range="image",
        multi_page="refuse",
    )
    assert convert(folder, "--pad-color", "4,5,6", "--background", "1,2,3") == 0
    made = model.load(folder / "model.pth", folder / "classes.json").preprocessing
    assert (made.background, made.pad_color) == ((1, 2, 3), (4, 5, 6))


def test_what_answers_otherwise_is_no_checkpoint(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def predict(self, batch: proof.Pixels) -> Predictions:
            return Predictions.of(
                np.zeros(len(batch), np.int64), np.full(len(batch), 0.9, np.float32)
            )

        def close(self) -> None:
            pass

    monkeypatch.setattr(proof, "TorchEngine", Wrong)
    assert convert(folder) == 1
    assert "error: the checkpoint does not answer as its weights did: 0." in capsys.readouterr().err
    assert not (folder / "model.pth").exists()


def test_what_libpng_says_of_an_odd_image_is_not_shown(folder: Path) -> None:
    (folder / "odd.png").write_bytes(odd_png(0))
    options = [
        *("--labels", "labels.txt", "--normalisation", "none", "--images", "odd.png"),
        *("--architecture", ARCHITECTURE, "--input-size", "32"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "velox.models.convert", "w.pth", "model.pth", *options],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "proved images=1" in done.stderr
    assert "libpng" not in done.stderr


def test_weights_to_start_a_training_from(folder: Path) -> None:
    strange = {
        f"t{number}": each for number, each in enumerate(build(ARCHITECTURE, 5).parameters())
    }
    torch.save({**strange, "last": torch.ones(1)}, folder / "other.pth")
    assert convert(folder, "--for-training", "--fit", "crop", "--resize-size", "36") == 0
    made = torch.load(folder / "model.pth", weights_only=True)
    assert Preprocessing.of(made["preprocessing"]) == Preprocessing(fit="crop", resize_size=36)
    assert (made["input_size"], made["mean"]) == (32, description.IMAGENET_MEAN)
    found = made["state_dict"]
    paths = [str(folder / "w.pth"), str(folder / "bare.pth")]
    assert main([*paths, "--architecture", ARCHITECTURE, "--for-training"]) == 0
    assert torch.load(folder / "bare.pth", weights_only=True).keys() == found.keys()
    own = build(ARCHITECTURE, 1).state_dict().keys()
    assert own - found.keys() == {"fc.weight", "fc.bias"}
    assert convert(folder, "--for-training", "--by-order", weights="other.pth") == 1


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--architecture", "resnet18"), 1, r"w.pth cannot be converted: it does not fit resnet18"),
        (("--architecture", "resnet1"), 2, "MODEL_ARCH='resnet1' is not allowed"),
        (("--labels", "absent.txt"), 2, "--labels: absent.txt cannot be read"),
        (("--images", "absent"), 2, "--images: there is no image in absent"),
        (("--fit", "crop", "--resize-size", "8"), 1, "no usable checkpoint can be made: prepro"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    folder: Path,
    options: tuple[str, ...],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert convert(folder, *options) == code
    lines = [each for each in capsys.readouterr().err.splitlines() if each.startswith("error: ")]
    assert len(lines) == 1
    assert re.search(said, lines[0])


def test_timm_s_models_that_pad_otherwise_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = {"arch": "tf_efficientnet_b0", "state_dict": nn.Linear(1, 1).state_dict()}
    torch.save(content, folder / "tf.pth")
    assert convert(folder, weights="tf.pth") == 1
    assert "timm's tf_efficientnet_b0 pads images as torchvision never" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given",
    [["w.pth", "m.pth"], ["w.pth", "m.pth", "--labels", "l.txt"],
     ["w", "m", "--labels", "l", "--normalisation", "0,0,0,1,1"],
     ["w", "m", "--labels", "l", "--normalisation", "0,0,0,1,0,1"],
     ["w", "m", "--labels", "l", "--normalisation", "none", "--input-size", "0"],
     ["w", "m", "--labels", "l", "--normalisation", "none", "--background", "white"],
     ["w", "m", "--labels", "l", "--normalisation", "none", "--background", "1,2,256"],
     ["w", "m", "--labels", "l", "--normalisation", "none", "--pad-color", "1,2"],
     ["w", "m", "--labels", "l", "--normalisation", "none", "--multi-page", "last"]],
)  # fmt: skip
def test_how_the_weights_were_trained_has_to_be_said(given: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed("", given)
    assert ended.value.code == 2


def test_six_numbers_are_means_and_deviations() -> None:
    options = parsed("", ["w", "m", "--labels", "l", "--normalisation", "0.1,0.2,0.3,1,2,3"])
    assert options.normalisation == ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))


@pytest.mark.parametrize(
    "text",
    [
        "cat\ntench, Tinca tinca\ndog\n",
        "\ufeffcat\r\ntench, Tinca tinca\r\ndog",
        json.dumps(LABELS),
        json.dumps({"1": LABELS[1], "0": LABELS[0], "2": LABELS[2]}),
    ],
)
def test_labels_come_in_three_forms(text: str, tmp_path: Path) -> None:
    (tmp_path / "l").write_text(text, newline="")
    assert labels_of(tmp_path / "l") == LABELS


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "has no labels"),
        (b"cat\n\ndog\n", "label 2 is empty or no text"),
        (b"cat\ndog\ncat\n", "has 'cat' twice"),
        (b"caf\xe9\ndog\n", "is not in UTF-8; save it as UTF-8"),
        (b'["cat", ', "is no JSON"),
        # What torchvision's ImageFolder calls class_to_idx.
        (b'{"cat": 0, "dog": 1}', 'is not a list of labels like {"0": "red_circle"}'),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_list_of_labels_is_said_in_one_line(
    content: bytes | None, reason: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "l").write_bytes(content)
    with pytest.raises(SettingError, match=rf"^--labels: \S+/l:? {re.escape(reason)}$"):
        labels_of(tmp_path / "l")
