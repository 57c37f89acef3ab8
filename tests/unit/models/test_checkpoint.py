import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.fakes import reference
from velox.base import files as whole_file
from velox.base.errors import CheckpointError, SettingError
from velox.base.reference import SIGNALS
from velox.images.preprocessing import Preprocessing
from velox.models import checkpoint as model
from velox.models.architectures import build
from velox.models.checkpoint import Checkpoint
from velox.models.description import digest
from velox.models.measured_thresholds import MeasuredThresholds
from velox.models.novelty_limits import NoveltyLimits
from velox.models.samples import Samples

LABELS = ("red_circle", "red_square", "green_circle")
# The smallest architecture that torchvision has.
ARCHITECTURE = "shufflenet_v2_x0_5"


def untrained(labels: tuple[str, ...] = LABELS, architecture: str = ARCHITECTURE) -> Checkpoint:
    torch.manual_seed(0)
    return Checkpoint(
        architecture=architecture,
        labels=labels,
        input_size=64,
        preprocessing=Preprocessing(fit="crop", resize_size=73, background=(255, 128, 0)),
        mean=(0.5, 0.4, 0.3),
        std=(0.2, 0.3, 0.4),
        state_dict=build(architecture, len(labels)).state_dict(),
        metrics={"accuracy": 0.5},
        temperature=1.25,
        thresholds=MeasuredThresholds(0.99, (0.75, None, 1.0)),
        reference=reference(len(labels)),
        samples=Samples((b"one image", b"another"), (2, 0)),
    )


def signals(each: dict[str, Any]) -> dict[str, Any]:
    return dict.fromkeys(SIGNALS, each)


class Files:
    """A checkpoint on disk that a test can spoil."""

    def __init__(self, folder: Path) -> None:
        self.model = folder / "model.pth"
        self.classes = folder / "classes.json"
        self.saved = model.save(untrained(), self.model, self.classes)

    def load(self) -> Checkpoint:
        return model.load(self.model, self.classes)

    def change(self, change: Callable[[dict[str, Any]], object]) -> None:
        content = torch.load(self.model, weights_only=True)
        change(content)
        torch.save(content, self.model)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_what_is_saved_is_what_is_loaded(files: Files) -> None:
    loaded, saved = files.load(), files.saved
    assert replace(loaded, state_dict={}) == replace(saved, state_dict={})
    assert loaded.state_dict.keys() == saved.state_dict.keys()
    assert all(
        torch.equal(loaded.state_dict[name], saved.state_dict[name]) for name in saved.state_dict
    )


def test_a_checkpoint_without_thresholds_has_none(files: Files) -> None:
    files.change(lambda content: content.pop("thresholds"))
    assert files.load().thresholds is None


@pytest.mark.parametrize(
    "of_labels", [[0.5, 0.5], [0.5, 0.5, 1.5], [0.5, 0.5, math.nan], ["x"] * 3]
)
def test_thresholds_are_one_for_each_label(files: Files, of_labels: list[float]) -> None:
    files.change(lambda content: content["thresholds"].update(of_labels=of_labels))
    with pytest.raises(CheckpointError, match="is not a usable checkpoint: "):
        files.load()


@pytest.mark.parametrize("name", ["thresholds", "reference", "unknown"])
@pytest.mark.parametrize("empty", [{}, [], 0])
def test_what_is_there_and_empty_is_not_usable(files: Files, name: str, empty: object) -> None:
    files.change(lambda content: content.update({name: empty}))
    with pytest.raises(CheckpointError, match=f"is not a usable checkpoint: its entry '{name}' "):
        files.load()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"unknown": {}}, "its entry 'unknown' lacks 'of_shares'"),
        ({"unknown": {"of_shares": 5}}, "its entry 'unknown' cannot be used: "),
        ({"mean": [0.5]}, "its entry 'mean' cannot be used: "),
        ({"input_size": None}, "its entry 'input_size' cannot be used: "),
    ],
)
def test_the_entry_that_is_wrong_is_named(
    files: Files, change: dict[str, Any], reason: str
) -> None:
    files.change(lambda content: content.update(change))
    with pytest.raises(CheckpointError, match=f"is not a usable checkpoint: {reason}"):
        files.load()


def test_a_checkpoint_without_a_reference_has_none(files: Files) -> None:
    files.change(lambda content: content.pop("reference"))
    assert files.load().reference is None


@pytest.mark.parametrize(
    "change",
    [
        {"called": [1, 1]},
        {"called": [0, 0, 0]},
        {"called": [3, -1, 1]},
        {"recalibration": [1.0]},
        {"recalibration": [1.0, math.inf]},
        {"signals": {}},
        {"signals": signals({"edges": [0.5], "counts": [1], "mean": 0.5})},
        {"signals": signals({"edges": [2, 1], "counts": [1, 1, 1], "mean": 0.5})},
        {"signals": signals({"edges": [1], "counts": [0, 0], "mean": 0.5})},
        {"signals": signals({"edges": [1], "counts": [1, 1], "mean": math.nan})},
    ],
)
def test_a_reference_counts_images_of_each_label_and_in_each_bin(
    files: Files, change: dict[str, Any]
) -> None:
    files.change(lambda content: content["reference"].update(change))
    with pytest.raises(CheckpointError, match="is not a usable checkpoint: "):
        files.load()


NOVELTY = {
    "shift": torch.zeros(6),
    "scale": torch.ones(6),
    "centres": torch.zeros(3, 6),
    "directions": torch.zeros(6, 2),
    "means": torch.zeros(2),
    "deviations": torch.ones(2),
}
LIMITS = NoveltyLimits(250, (None, None, None, 9.5, 8.0, 6.0, 4.0))


def test_what_tells_unlike_images_travels_with_it(tmp_path: Path) -> None:
    where = tmp_path / "model.pth", tmp_path / "classes.json"
    model.save(replace(untrained(), novelty=NOVELTY, unknown=LIMITS), *where)
    loaded = model.load(*where)
    assert loaded.unknown == LIMITS
    assert loaded.novelty is not None
    assert all(torch.equal(loaded.novelty[name], each) for name, each in NOVELTY.items())
    with pytest.raises(CheckpointError, match="its novelty does not fit shufflenet_v2_x0_5"):
        model.at_work(loaded)


@pytest.mark.parametrize(
    ("novelty", "unknown"),
    [
        (None, LIMITS.as_dict()),
        (NOVELTY, None),
        ({}, LIMITS.as_dict()),
        ({"means": 1}, LIMITS.as_dict()),
        (NOVELTY | {"deviations": torch.zeros(2)}, LIMITS.as_dict()),
        (NOVELTY | {"means": torch.tensor(1.0)}, LIMITS.as_dict()),
        (NOVELTY, {"images": 250}),
    ],
)
def test_what_tells_them_must_be_whole(files: Files, novelty: Any, unknown: Any) -> None:
    files.change(lambda content: content.update(novelty=novelty, unknown=unknown))
    with pytest.raises(CheckpointError, match="is not a usable checkpoint: "):
        files.load()


def test_the_digest_is_that_of_the_file(files: Files) -> None:
    assert files.load().digest == files.saved.digest == digest(files.model.read_bytes())
    assert len(files.saved.digest) == 12


def test_the_labels_stand_beside_the_model(files: Files) -> None:
    assert json.loads(files.classes.read_text()) == {
        "0": "red_circle",
        "1": "red_square",
        "2": "green_circle",
    }


def test_saving_leaves_only_the_two_files_which_everyone_may_read(files: Files) -> None:
    assert sorted(files.model.parent.iterdir()) == [files.classes, files.model]
    assert files.model.stat().st_mode & 0o777 == 0o644


def test_the_new_labels_are_in_place_before_the_new_model(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def write(path: Path, data: bytes) -> None:
        written.append(path)
        whole_file.write_whole(path, data)

    monkeypatch.setattr(model, "write_whole", write)
    model.save(untrained(), files.model, files.classes)
    assert written == [files.classes, files.model]


def test_a_checkpoint_without_samples_loads(files: Files) -> None:
    files.change(lambda content: content.pop("samples"))
    assert files.load().samples == Samples((), ())


@pytest.mark.parametrize(
    "samples",
    [
        [1],
        {"images": ["text"], "targets": [0]},
        {"images": [], "targets": [0]},
        {"images": 5},
        # A terabyte of one byte.
        {"images": [torch.zeros(1, dtype=torch.uint8).expand(2**40)], "targets": [0]},
    ],
)
def test_samples_that_are_none_make_no_checkpoint(files: Files, samples: object) -> None:
    files.change(lambda content: content.update(samples=samples))
    with pytest.raises(CheckpointError, match="is not a usable checkpoint"):
        files.load()


def test_a_failed_write_leaves_the_old_model_and_no_rest(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    before = files.model.read_bytes()
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        model.save(replace(untrained(), temperature=2.0), files.model, files.classes)
    assert files.model.read_bytes() == before
    assert sorted(files.model.parent.iterdir()) == [files.classes, files.model]


def test_a_restored_model_computes_what_the_saved_one_did(files: Files) -> None:
    original = build(ARCHITECTURE, 3)
    original.load_state_dict(dict(files.saved.state_dict))
    batch = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected = original.eval()(batch)
        assert torch.equal(model.restore(files.load())(batch), expected)


def test_a_checkpoint_that_says_nothing_of_preprocessing_means_what_it_meant(files: Files) -> None:
    assert files.load().preprocessing == untrained().preprocessing
    files.change(lambda content: content["preprocessing"].pop("fit"))
    assert files.load().preprocessing == replace(untrained().preprocessing, fit="stretch")
    files.change(lambda content: content.pop("preprocessing"))
    assert files.load().preprocessing == Preprocessing()


@pytest.mark.parametrize("missing", ["model", "classes"])
def test_a_missing_file_is_named(files: Files, missing: str) -> None:
    path: Path = getattr(files, missing)
    path.unlink()
    with pytest.raises(CheckpointError, match=rf"{path} cannot be read: No such file"):
        files.load()


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.999])
def test_a_truncated_model_is_refused(files: Files, kept: float) -> None:
    data = files.model.read_bytes()
    files.model.write_bytes(data[: int(kept * len(data)) if kept < 1 else int(kept)])
    with pytest.raises(CheckpointError, match=r"model\.pth is not a readable checkpoint"):
        files.load()


def test_a_model_that_would_run_code_is_refused(files: Files) -> None:
    torch.save({"architecture": print}, files.model)
    with pytest.raises(CheckpointError, match=r"model\.pth is not a readable checkpoint"):
        files.load()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content.pop("input_size"), "it lacks input_size"),
        (lambda content: content.update(architecture="resnet1"), "MODEL_ARCH='resnet1'"),
        (lambda content: content.update(architecture="alexnet"), "do not fit alexnet"),
        (lambda content: content["labels"].append("blue_star"), "has the shape"),
        (lambda content: content["state_dict"].pop("fc.bias"), "the first is fc.bias"),
        (lambda content: content["state_dict"]["fc.bias"].fill_(math.nan), "fc.bias holds values"),
        (lambda content: content["state_dict"]["fc.bias"].fill_(math.inf), "fc.bias holds values"),
        (lambda content: content.update(std=[0.2, 0.0, 0.2]), "std must be above 0"),
        (lambda content: content.update(temperature=-1.0), "temperature must be above 0"),
        (lambda content: content.update(temperature="warm"), "could not convert"),
        (lambda content: content.update(mean=[0.2, 0.2]), "not enough values"),
        (lambda content: content.update(mean=[math.nan, 0.2, 0.2]), "must be finite"),
        (lambda content: content.update(input_size=0), "at least 1"),
        (lambda content: content.update(preprocessing=[]), r"preprocessing=\[\] is not a dict"),
        (
            lambda content: content["preprocessing"].update(zoom=2),
            "preprocessing has an unknown entry 'zoom'",
        ),
        (
            lambda content: content["preprocessing"].update(fit="shrink"),
            "preprocessing has fit='shrink'; allowed: stretch, crop, pad",
        ),
        (
            lambda content: content["preprocessing"].update(resize_size=63),
            "resize_size=63, less than the input size 64",
        ),
        (lambda content: content.update(state_dict=3), "not iterable"),
        (lambda content: content["state_dict"].update({"fc.bias": 3}), "no dict of plain tensors"),
        (
            lambda content: content["state_dict"].update({"fc.bias": torch.ones(3, device="meta")}),
            "no dict of plain tensors",
        ),
        (lambda content: content.clear(), "it does not hold a dict"),
    ],
)
def test_a_file_that_is_no_model_is_refused_with_the_reason(
    files: Files, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    files.change(change)
    with pytest.raises(CheckpointError, match=reason) as caught:
        files.load()
    assert str(caught.value).startswith(f"{files.model} is not a usable checkpoint: ")


def test_labels_that_disagree_are_refused(files: Files) -> None:
    files.classes.write_text('{"0": "red_circle", "1": "green_circle", "2": "red_square"}')
    with pytest.raises(CheckpointError, match=r"but .*classes\.json has red_circle, green_circle"):
        files.load()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]x",
        "3",
        '{"1": "red_circle"}',
        '{"0": 5}',
        '{"0": ""}',
        '["a", "b"]',
        r'{"0": "caf\udce9"}',
    ],
)
def test_a_list_of_labels_that_is_none_is_named(files: Files, text: str) -> None:
    files.classes.write_text(text)
    with pytest.raises(CheckpointError, match=r"classes\.json (is not a list|has a label)"):
        files.load()


@pytest.mark.parametrize(
    "architecture",
    ["alexnet", "squeezenet1_1", "resnet18", "mobilenet_v3_small", "densenet121", "efficientnet_b0",
     "googlenet", "inception_v3", "regnet_y_400mf", "shufflenet_v2_x0_5", "mnasnet0_5"],
)  # fmt: skip
def test_any_classifier_gets_the_asked_number_of_outputs(architecture: str) -> None:
    classifier = build(architecture, 5).eval()
    with torch.inference_mode():
        assert classifier(torch.rand(1, 3, 96, 96)).shape == (1, 5)


@pytest.mark.parametrize("name", ["resnet", "fcn_resnet50", "__init__", ""])
def test_an_unknown_architecture_is_named(name: str) -> None:
    with pytest.raises(SettingError, match=f"MODEL_ARCH='{name}' is not allowed: one of alexnet"):
        build(name, 3)
