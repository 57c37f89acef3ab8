from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from velox.models.architectures import build, shapes_of
from velox.models.convert.tensor_names import architecture_of, by_name, by_order

SMALL = "shufflenet_v2_x0_5"
State = dict[str, Tensor]


def weights(architecture: str = SMALL, classes: int = 3) -> State:
    return build(architecture, classes).state_dict()


def same(found: State, expected: State) -> bool:
    return list(found) == list(expected) and all(
        torch.equal(found[name], expected[name]) for name in expected
    )


def test_torchvision_s_own_names_in_any_order() -> None:
    own = weights()
    assert same(by_name(dict(sorted(own.items())), SMALL, 3), own)


def test_halves_become_whole_and_views_get_memory_of_their_own() -> None:
    own = weights()
    halves = {name: value.half() if value.ndim else value for name, value in own.items()}
    halves["fc.weight"] = own["fc.weight"].t().contiguous().t()
    found = by_name(halves, SMALL, 3)
    assert {value.dtype for value in found.values()} == {torch.float32, torch.int64}
    assert found["fc.weight"].is_contiguous()


def test_a_count_of_batches_may_be_missing() -> None:
    old = {name: value for name, value in weights().items() if "num_batches" not in name}
    assert by_name(old, SMALL, 3).keys() == weights().keys()


def test_old_names_of_densenet_and_outputs_for_training_are_known() -> None:
    """As in torchvision's own files: densenet.py, `_load_state_dict`; googlenet.py, `aux1`."""
    own = weights()
    assert same(by_name({**own, "aux1.fc2.bias": torch.zeros(3)}, SMALL, 3), own)
    own = weights("densenet121")
    old = {name.replace(".norm1.", ".norm.1.", 1): value for name, value in own.items()}
    assert old.keys() != own.keys()
    assert same(by_name(old, "densenet121", 3), own)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda own: own.pop("fc.bias"), "1 of its tensors are missing .* 'fc.bias'"),
        (lambda own: own.update(more=torch.ones(1)), "unknown, the first is 'more'"),
        (lambda own: own.update({"fc.weight": torch.ones(5, 1024)}), "5 outputs, and .* 3 labels"),
        (lambda own: own.update({"fc.weight": torch.ones(3, 8)}), r"\[3, 8\], and .* \[3, 1024\]"),
    ],
)
def test_what_does_not_fit_is_named(change: Callable[[State], object], reason: str) -> None:
    own = weights()
    change(own)
    with pytest.raises(ValueError, match=reason):
        by_name(own, SMALL, 3)


def test_the_last_layer_may_be_left_out() -> None:
    own = weights()
    body = {name: value for name, value in own.items() if not name.startswith("fc.")}
    assert same(by_name(body, SMALL, 1, but_last=True), body)
    assert same(by_name(own, SMALL, 1, but_last=True), body)
    assert same(by_order(own, SMALL, 1, but_last=True), body)


def test_by_order_whatever_the_names() -> None:
    own = weights()
    strange = {f"t{number}.{name[-4:]}": value for number, (name, value) in enumerate(own.items())}
    with pytest.raises(ValueError, match="does not fit"):
        by_name(strange, SMALL, 3)
    renamed = {
        f"t{number}.{name.rpartition('.')[2]}": value
        for number, (name, value) in enumerate(own.items())
    }
    assert same(by_order(renamed, SMALL, 3), own)


def test_an_order_that_cannot_be_right_is_refused() -> None:
    own = weights()
    names = list(own)
    first, second = names.index("conv1.1.weight"), names.index("conv1.1.bias")
    names[first], names[second] = names[second], names[first]
    with pytest.raises(ValueError, match=r"has conv1.1.weight, it has 'conv1.1.bias'"):
        by_order({name: own[name] for name in names}, SMALL, 3)
    with pytest.raises(ValueError, match=r"has the shape \[1\]"):
        by_order({**own, "conv1.0.weight": torch.ones(1)}, SMALL, 3)
    with pytest.raises(ValueError, match="it has 1 tensors"):
        by_order({"a": torch.ones(1)}, SMALL, 3)


def test_the_architecture_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = ["alexnet", "mobilenet_v3_small", "regnet_y_400mf", SMALL]
    monkeypatch.setattr("velox.models.convert.tensor_names.architectures", lambda: tried)
    assert architecture_of(weights(), 3) == SMALL
    assert architecture_of(weights("regnet_y_400mf"), 3) == "regnet_y_400mf"
    assert architecture_of(weights(), 4) is None


def test_shapes_are_those_of_the_network() -> None:
    for architecture in (SMALL, "regnet_x_400mf"):
        own = {name: value.shape for name, value in weights(architecture).items()}
        assert list(shapes_of(architecture, 3).items()) == list(own.items())
