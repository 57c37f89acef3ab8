from __future__ import annotations

from pathlib import Path

import pytest
import torch

from velox.base.errors import SettingError
from velox.models.architectures import build
from velox.training.start_weights import start_from

ARCHITECTURE = "shufflenet_v2_x0_5"


@pytest.mark.parametrize("wrapped", [False, True])
def test_all_weights_but_the_last_layers_are_taken(tmp_path: Path, wrapped: bool) -> None:
    given = build(ARCHITECTURE, 1000).state_dict()
    torch.save({"state_dict": given} if wrapped else given, tmp_path / "weights.pth")
    started = build(ARCHITECTURE, 3)
    head = started.state_dict()["fc.weight"].clone()
    taken = start_from(started, tmp_path / "weights.pth", architecture=ARCHITECTURE, classes=3)
    own = started.state_dict()
    assert taken == len(own) - 2
    assert all(torch.equal(own[name], given[name]) for name in own if not name.startswith("fc."))
    assert torch.equal(own["fc.weight"], head)


def test_the_last_layer_is_not_taken_even_where_it_would_fit(tmp_path: Path) -> None:
    torch.save(build(ARCHITECTURE, 3).state_dict(), tmp_path / "weights.pth")
    started = build(ARCHITECTURE, 3)
    head = started.state_dict()["fc.weight"].clone()
    start_from(started, tmp_path / "weights.pth", architecture=ARCHITECTURE, classes=3)
    assert torch.equal(started.state_dict()["fc.weight"], head)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    torch.save(build("squeezenet1_1", 1000).state_dict(), tmp_path / "weights.pth")
    with pytest.raises(
        SettingError, match=rf"^INIT_WEIGHTS=.*does not fit MODEL_ARCH='{ARCHITECTURE}': \d+ of"
    ):
        start_from(
            build(ARCHITECTURE, 3),
            tmp_path / "weights.pth",
            architecture=ARCHITECTURE,
            classes=3,
        )


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"text", "it is no file of weights"), (b"", "it is no file")],
)
def test_a_file_that_holds_no_weights_is_named(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "weights.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingError, match=rf"^INIT_WEIGHTS=.*weights\.pth.*{reason}"):
        start_from(build(ARCHITECTURE, 3), path, architecture=ARCHITECTURE, classes=3)


@pytest.mark.parametrize("architecture", ["inception_v3", "googlenet"])
def test_the_auxiliary_outputs_of_a_file_are_passed_over(tmp_path: Path, architecture: str) -> None:
    from torchvision import models

    with torch.device("meta"):
        full = models.get_model(architecture, weights=None, aux_logits=True, init_weights=False)
    given = {name: torch.zeros(value.shape) for name, value in full.state_dict().items()}
    torch.save(given, tmp_path / "weights.pth")
    started = build(architecture, 3)
    taken = start_from(started, tmp_path / "weights.pth", architecture=architecture, classes=3)
    assert taken == len(started.state_dict()) - 2
