from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from velox.base.errors import SettingError
from velox.images.preprocessing import Preprocessing
from velox.models.architectures import build
from velox.models.checkpoint import Checkpoint, save
from velox.models.description import IMAGENET_MEAN, IMAGENET_STD
from velox.training.start_weights import MadeFor, StartWeights, read, start_from

ARCHITECTURE = "shufflenet_v2_x0_5"
HALVES = (0.5, 0.5, 0.5)
CROPPED = Preprocessing(fit="crop", resize_size=128, multi_page="refuse")


def given_at(folder: Path, architecture: str = ARCHITECTURE) -> StartWeights:
    return read(folder / "weights.pth", architecture)


@pytest.mark.parametrize("wrapped", [False, True])
def test_all_weights_but_the_last_layers_are_taken(tmp_path: Path, wrapped: bool) -> None:
    given = build(ARCHITECTURE, 1000).state_dict()
    torch.save({"state_dict": given} if wrapped else given, tmp_path / "weights.pth")
    started = build(ARCHITECTURE, 3)
    head = started.state_dict()["fc.weight"].clone()
    taken = start_from(started, given_at(tmp_path), architecture=ARCHITECTURE, classes=3)
    own = started.state_dict()
    assert taken == len(own) - 2
    assert all(torch.equal(own[name], given[name]) for name in own if not name.startswith("fc."))
    assert torch.equal(own["fc.weight"], head)


def test_the_last_layer_is_not_taken_even_where_it_would_fit(tmp_path: Path) -> None:
    torch.save(build(ARCHITECTURE, 3).state_dict(), tmp_path / "weights.pth")
    started = build(ARCHITECTURE, 3)
    head = started.state_dict()["fc.weight"].clone()
    start_from(started, given_at(tmp_path), architecture=ARCHITECTURE, classes=3)
    assert torch.equal(started.state_dict()["fc.weight"], head)


def test_a_whole_model_is_refused_without_what_pytorch_advises(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "weights.pth")
    with pytest.raises(SettingError, match="it is a whole pickled model") as caught:
        given_at(tmp_path)
    assert not re.search(r"weights_only|two options|\x1b|\n", str(caught.value))


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    torch.save(build("squeezenet1_1", 1000).state_dict(), tmp_path / "weights.pth")
    with pytest.raises(
        SettingError, match=rf"^INIT_WEIGHTS=.*does not fit MODEL_ARCH='{ARCHITECTURE}': \d+ of"
    ):
        start_from(
            build(ARCHITECTURE, 3),
            given_at(tmp_path),
            architecture=ARCHITECTURE,
            classes=3,
        )


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"text", "it is not a file of weights"), (b"", "it is not a file")],
)
def test_a_file_that_holds_no_weights_is_named(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "weights.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingError, match=rf"^INIT_WEIGHTS=.*weights\.pth.*{reason}"):
        read(path, ARCHITECTURE)


@pytest.mark.parametrize("architecture", ["inception_v3", "googlenet"])
def test_the_auxiliary_outputs_of_a_file_are_passed_over(tmp_path: Path, architecture: str) -> None:
    from torchvision import models

    with torch.device("meta"):
        full = models.get_model(architecture, weights=None, aux_logits=True, init_weights=False)
    given = {name: torch.zeros(value.shape) for name, value in full.state_dict().items()}
    torch.save(given, tmp_path / "weights.pth")
    started = build(architecture, 3)
    taken = start_from(
        started, given_at(tmp_path, architecture), architecture=architecture, classes=3
    )
    assert taken == len(started.state_dict()) - 2


def test_weights_say_what_input_they_were_made_for(tmp_path: Path) -> None:
    torch.save(build(ARCHITECTURE, 3).state_dict(), tmp_path / "weights.pth")
    of_torchvision = given_at(tmp_path).made_for
    assert (of_torchvision.size, of_torchvision.mean, of_torchvision.std) == (
        224,
        IMAGENET_MEAN,
        IMAGENET_STD,
    )
    # As torchvision's builders have it with weights: transform_input=True.
    assert given_at(tmp_path, "inception_v3").made_for == MadeFor(299, HALVES, HALVES)
    own = Checkpoint(
        architecture=ARCHITECTURE,
        labels=("a", "b", "c"),
        input_size=96,
        mean=HALVES,
        std=(0.2, 0.2, 0.25),
        preprocessing=CROPPED,
        state_dict=build(ARCHITECTURE, 3).state_dict(),
    )
    save(own, tmp_path / "weights.pth", tmp_path / "classes.json")
    assert given_at(tmp_path).made_for == MadeFor(96, HALVES, (0.2, 0.2, 0.25), CROPPED)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"preprocessing": {"fit": "squash"}}, "preprocessing has fit='squash'; allowed: stretch"),
        ({"preprocessing": {"resize_size": 64}}, "preprocessing has resize_size=64, less than"),
        ({"mean": [0.5]}, "cannot be used"),
        ({"mean": None}, "cannot be used"),
        ({"std": [0, 1, 1]}, "std must be above 0"),
        ({"input_size": 0}, "the input size at least 1"),
    ],
)
def test_an_input_that_cannot_be_is_refused_in_one_line(
    tmp_path: Path, wrong: dict[str, Any], reason: str
) -> None:
    content = {
        "state_dict": build(ARCHITECTURE, 3).state_dict(),
        "input_size": 96,
        "mean": HALVES,
        "std": HALVES,
    }
    torch.save(content | wrong, tmp_path / "weights.pth")
    with pytest.raises(SettingError, match=rf"^INIT_WEIGHTS=.*of its input.*{reason}"):
        given_at(tmp_path)


def test_a_checkpoint_that_says_nothing_of_it_means_what_it_meant(tmp_path: Path) -> None:
    old = {
        "state_dict": build(ARCHITECTURE, 3).state_dict(),
        "input_size": 96,
        "mean": HALVES,
        "std": HALVES,
    }
    torch.save(old, tmp_path / "weights.pth")
    assert given_at(tmp_path).made_for == MadeFor(96, HALVES, HALVES, Preprocessing())


def test_the_names_of_densenets_files_are_understood(tmp_path: Path) -> None:
    given = build("densenet121", 1000).state_dict()
    as_in_the_file = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", name): value
        for name, value in given.items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in as_in_the_file
    torch.save(as_in_the_file, tmp_path / "weights.pth")
    started = build("densenet121", 3)
    taken = start_from(
        started, given_at(tmp_path, "densenet121"), architecture="densenet121", classes=3
    )
    assert taken == len(started.state_dict()) - 2
