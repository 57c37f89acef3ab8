"""Every form of a model says the same of how unlike an image is, or is not used."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.rig.one_cpu import needs_bf16, needs_int8, one_thread  # noqa: F401
from tests.rig.simulated_cuda import SimulatedCuda
from tests.unit.models.engine.networks import images, knowing, telling, with_samples
from velox.models.checkpoint import Checkpoint, at_work
from velox.models.engine import check, forms
from velox.models.engine import int8 as engine_int8
from velox.models.engine.check import Bounds, require_same_decisions
from velox.models.engine.classifier import Classifier
from velox.models.engine.cuda import CudaBackend
from velox.models.engine.forms import Choice
from velox.models.engine.graphs import packed, unpacked
from velox.models.engine.interface import Predictions
from velox.models.engine.torch_engine import TorchEngine
from velox.models.engine.workers import Workers
from velox.models.samples import Samples

CPU = torch.device("cpu")
SHARE = 0.05
# Of the checkpoint, to try half precision with.
SAMPLES = 40
# The network is surer than that of all its samples, in whatever precision.
LEAST = 0.5


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no reason to give up."""
    monkeypatch.setattr(forms, "_AUTO_CHECK_SECONDS", 300)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return with_samples(knowing(telling("resnet18", passes=1)))


@pytest.fixture(scope="module")
def above(checkpoint: Checkpoint) -> float:
    assert checkpoint.unknown is not None
    return checkpoint.unknown.above(SHARE)


def noise(count: int) -> NDArray[np.uint8]:
    shape = (count, *images(1).shape[1:])
    return np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)


@torch.inference_mode()
def expected(checkpoint: Checkpoint, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The novelty by the plainest way."""
    classify = Classifier(at_work(checkpoint), checkpoint)
    _, _, found = classify(torch.from_numpy(batch).permute(0, 3, 1, 2))
    return np.asarray(found)


def thresholds(checkpoint: Checkpoint) -> tuple[float, ...]:
    return (LEAST,) * len(checkpoint.labels)


def torch_engine(checkpoint: Checkpoint, precision: str, above: float) -> Any:
    return TorchEngine(
        checkpoint,
        device=CPU,
        precision=precision,
        thresholds=thresholds(checkpoint),
        unknown_above=above,
    )


def onnx_engine(checkpoint: Checkpoint, precision: str, above: float) -> Any:
    pytest.importorskip("onnxruntime", reason="needs the packages of requirements-onnx.txt")
    pytest.importorskip("onnx", reason="needs the packages of requirements-onnx.txt")
    from velox.models.engine.export import graphs_of
    from velox.models.engine.onnx_engine import OnnxEngine

    # As they are kept, and found again.
    graphs = unpacked(packed(graphs_of(checkpoint)))
    given: Any = {"thresholds": thresholds(checkpoint), "unknown_above": above}
    return OnnxEngine(graphs, precision=precision, **given)


@pytest.mark.parametrize(
    ("make", "precision"),
    [
        (torch_engine, "fp32"),
        pytest.param(torch_engine, "bf16", marks=needs_bf16),
        pytest.param(torch_engine, "int8", marks=needs_int8),
        (onnx_engine, "fp32"),
        pytest.param(onnx_engine, "int8", marks=needs_int8),
    ],
)
def test_each_precision_calls_the_same_images_unknown(
    checkpoint: Checkpoint, above: float, make: Callable[..., Any], precision: str
) -> None:
    engine = make(checkpoint, precision, above)
    assert engine.precision == precision, "it is not refused"
    assert engine.unknown_above == above
    known, strange = (engine.predict(each).novelty for each in (images(200, seed=9), noise(50)))
    engine.close()
    assert known.dtype == np.float32
    by_plain = expected(checkpoint, images(200, seed=9))
    if precision == "fp32":
        np.testing.assert_allclose(known, by_plain, atol=1e-2)
    assert ((known > above) != (by_plain > above)).mean() <= check.LARGEST_DIFFERENCE
    assert (strange > above).all()
    assert (known > above).mean() <= 2 * SHARE


@torch.inference_mode()
def test_each_form_in_float32_says_the_same(checkpoint: Checkpoint) -> None:
    workers = Workers(1)
    judge = partial(require_same_decisions, bounds=Bounds(thresholds(checkpoint)))
    choice = Choice(checkpoint, workers, top=1, judge=judge)
    found = choice._float32_forms()
    assert {form.name for form in found} == {"plain", "frozen", "onednn"}
    batch = images(7, seed=9)
    for form in found:
        *_, novelty = form.run(torch.from_numpy(batch).permute(0, 3, 1, 2))
        np.testing.assert_allclose(novelty.numpy(), expected(checkpoint, batch), atol=1e-2)
    workers.close()


@pytest.mark.parametrize("precision", ["auto", "bf16", "fp32"])
def test_a_graph_on_cuda_says_the_same(
    checkpoint: Checkpoint, above: float, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated = SimulatedCuda()
    simulated.install(monkeypatch)
    # What plays the device takes its time.
    monkeypatch.setattr(check, "LEAST_SAMPLES", SAMPLES)
    samples = Samples(checkpoint.samples.images[:SAMPLES], checkpoint.samples.targets[:SAMPLES])
    with simulated():
        backend = CudaBackend(
            replace(checkpoint, samples=samples),
            device=torch.device("cuda", 0),
            precision=precision,
            memory_fraction=0.5,
            batch_size=8,
            bounds=Bounds(thresholds(checkpoint), above),
        )
        answers = [backend(torch.from_numpy(each)) for each in (images(17, seed=9), noise(5))]
    known, strange = (answer[2].numpy() for answer in answers)
    by_plain = expected(checkpoint, images(17, seed=9))
    np.testing.assert_allclose(known, by_plain, atol=1e-2 if precision == "fp32" else 0.5)
    assert (strange > above).all()


@needs_int8
def test_a_precision_that_calls_other_images_unknown_is_not_used(
    checkpoint: Checkpoint, caplog: pytest.LogCaptureFixture
) -> None:
    by_plain = expected(checkpoint, checkpoint.samples.pixels())
    compute = engine_int8.int8

    def off(*given: Any) -> torch.nn.Module:
        class Off(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.network = compute(*given)

            def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
                logits, novelty = self.network(pixels)
                return logits, novelty + 1

        return Off()

    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.INFO):
        patch.setattr(engine_int8, "int8", off)
        engine = torch_engine(checkpoint, "int8", float(np.median(by_plain)))
    assert engine.precision == "fp32"
    engine.close()
    assert "of 200 samples is unknown in it or in fp32 alone" in caplog.text


def test_a_model_that_cannot_tell_gives_no_image_a_novelty(checkpoint: Checkpoint) -> None:
    plain = replace(checkpoint, novelty=None, unknown=None)
    for make in (torch_engine, onnx_engine):
        engine = make(plain, "fp32", float("inf"))
        found: Predictions = engine.predict(images(3))
        assert found.novelty.tolist() == [0, 0, 0]
        engine.close()


def test_the_samples_are_known_to_the_model(checkpoint: Checkpoint, above: float) -> None:
    assert (expected(checkpoint, checkpoint.samples.pixels()) > above).mean() <= 2 * SHARE
