import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.rig.one_cpu import needs_bf16, needs_int8, one_thread  # noqa: F401
from tests.unit.models.engine import networks
from tests.unit.models.engine.networks import reference, telling, with_samples
from velox.models.checkpoint import Checkpoint
from velox.models.engine import forms
from velox.models.engine import int8 as engine_int8
from velox.models.engine.check import Bounds
from velox.models.engine.cpu import CpuBackend
from velox.models.samples import Samples

# A quarter of the pixels of the other tests: what is tried here are the forms, again and again.
SIZE = 32
# Of a probability, against eager float32.
TOLERANCES = {"fp32": 1e-3, "bf16": 0.1, "int8": 0.2}


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return with_samples(telling("resnet18", size=SIZE, passes=1))


def images(count: int) -> NDArray[np.uint8]:
    return networks.images(count, size=SIZE)


def opened(
    checkpoint: Checkpoint, precision: str, threshold: float = 0.9, *of_sources: float
) -> CpuBackend:
    usual, *others = ((each,) * len(checkpoint.labels) for each in (threshold, *of_sources))
    return CpuBackend(checkpoint, precision, bounds=Bounds(usual, of_sources=tuple(others)))


def classify(backend: CpuBackend, count: int) -> tuple[list[int], list[float]]:
    index, confidence = backend(torch.from_numpy(images(count)))
    return index[:, 0].tolist(), confidence[:, 0].tolist()


@pytest.mark.parametrize(
    "precision",
    ["fp32", pytest.param("bf16", marks=needs_bf16), pytest.param("int8", marks=needs_int8)],
)
@pytest.mark.parametrize("count", [1, 5, 32])
def test_each_precision_is_within_its_tolerance(
    backends: dict[str, CpuBackend], checkpoint: Checkpoint, precision: str, count: int
) -> None:
    backend = backends[precision]
    assert backend.precision == precision
    indices, confidences = classify(backend, count)
    expected = reference(checkpoint, images(count))
    chosen = expected[torch.arange(count), torch.tensor(indices)]
    np.testing.assert_allclose(confidences, chosen.numpy(), atol=TOLERANCES[precision])


@pytest.fixture(scope="module")
def backends(checkpoint: Checkpoint) -> Iterator[dict[str, CpuBackend]]:
    # The network is surer than that of all its samples, in whatever precision.
    made = {precision: opened(checkpoint, precision, 0.5) for precision in TOLERANCES}
    yield made
    for backend in made.values():
        backend.close()


@needs_int8
def test_the_integers_are_not_float32_by_another_name(backends: dict[str, CpuBackend]) -> None:
    assert classify(backends["int8"], 8)[1] != pytest.approx(classify(backends["fp32"], 8)[1], 1e-5)


def test_auto_takes_one_of_them_and_stays_right(checkpoint: Checkpoint) -> None:
    backend = opened(checkpoint, "auto")
    assert backend.precision in TOLERANCES
    index, _ = backend(torch.from_numpy(checkpoint.samples.pixels()))
    assert (index[:, 0] == torch.tensor(checkpoint.samples.targets)).double().mean() >= 0.99
    backend.close()


class Negated(nn.Module):
    def __init__(self, network: nn.Module, _samples: Tensor) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(pixels)
        return -logits


@needs_int8
@pytest.mark.parametrize("precision", ["int8", "auto"])
def test_a_form_that_is_less_right_is_refused(
    checkpoint: Checkpoint,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    precision: str,
) -> None:
    monkeypatch.setattr(engine_int8, "int8", Negated)
    monkeypatch.setattr(forms, "_AUTO_CHECK_SECONDS", 300)
    with caplog.at_level(logging.INFO):
        backend = opened(checkpoint, precision)
    assert backend.precision != "int8"
    assert "precision=int8 is not used: its accuracy on 200 samples is" in caplog.text
    backend.close()


class Shy(nn.Module):
    """Gives the same labels, with lower confidences."""

    def __init__(self, network: nn.Module, _samples: Tensor) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(pixels)
        return logits * 0.9


@needs_int8
@pytest.mark.parametrize("precision", ["int8", "auto"])
def test_a_form_that_decides_otherwise_at_the_threshold_is_refused(
    checkpoint: Checkpoint,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    precision: str,
) -> None:
    monkeypatch.setattr(engine_int8, "int8", Shy)
    monkeypatch.setattr(forms, "_AUTO_CHECK_SECONDS", 300)
    pixels = checkpoint.samples.pixels()
    threshold = reference(checkpoint, pixels).amax(dim=1).median().item()
    with caplog.at_level(logging.INFO):
        for thresholds, of in (((threshold,), ""), ((0.0, threshold), " of a source")):
            backend = opened(checkpoint, precision, *thresholds)
            assert backend.precision != "int8"
            assert f"(threshold {threshold:g}{of}, 200 samples)" in caplog.text
            backend.close()


@pytest.mark.parametrize("precision", ["bf16", "int8", "auto"])
def test_with_few_samples_there_is_only_float32(
    checkpoint: Checkpoint, caplog: pytest.LogCaptureFixture, precision: str
) -> None:
    few = Samples(checkpoint.samples.images[:199], checkpoint.samples.targets[:199])
    with caplog.at_level(logging.INFO):
        backend = opened(replace(checkpoint, samples=few), precision)
    assert backend.precision == "fp32"
    assert "the checkpoint has only 199 samples to check it with, but 200 are needed" in caplog.text
    backend.close()


@pytest.mark.parametrize("precision", ["bf16", "int8", "auto"])
def test_without_samples_there_is_only_float32(
    checkpoint: Checkpoint, caplog: pytest.LogCaptureFixture, precision: str
) -> None:
    with caplog.at_level(logging.INFO):
        backend = opened(replace(checkpoint, samples=Samples((), ())), precision)
    assert backend.precision == "fp32"
    assert caplog.text.count("the checkpoint has no samples to check it with") == 1
    assert caplog.text.count("200 are needed; using precision=fp32") == 1
    levels = {record.levelno for record in caplog.records if "not used" in record.message}
    assert levels == {logging.INFO if precision == "auto" else logging.WARNING}
    backend.close()


class Stubborn(nn.Module):
    """Computes something, but cannot be traced by torch.fx."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        channels = images.mean(dim=(2, 3))
        if channels.sum() > 0:
            return channels * self.weight
        return -channels


class BatchBound(nn.Module):
    """A trace of it keeps the size of its batch, so the trace is wrong for another."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3)) * self.weight * int(images.shape[0])


@pytest.mark.parametrize("network", [Stubborn(), BatchBound()])
def test_a_network_that_cannot_be_traced_runs_as_it_is(
    monkeypatch: pytest.MonkeyPatch, network: nn.Module
) -> None:
    monkeypatch.setattr(forms, "at_work", lambda _checkpoint: network.eval())
    plain = Checkpoint(
        architecture="stubborn",
        labels=("red", "green", "blue"),
        input_size=8,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        state_dict={},
    )
    backend = opened(plain, "fp32")
    pixels = torch.zeros((5, 8, 8, 3), dtype=torch.uint8)
    pixels[..., 1] = 255
    index, confidence = backend(pixels)
    with torch.inference_mode():
        expected = network(pixels.permute(0, 3, 1, 2) / 255).softmax(dim=1).amax(dim=1)
    assert index.tolist() == [[1]] * 5
    np.testing.assert_allclose(confidence[:, 0].numpy(), expected.numpy(), rtol=1e-5)
    backend.close()
