from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.fakes import FakeEngine
from tests.unit.models.engine.networks import telling, with_samples
from velox.base.errors import CheckpointError, EngineOutOfMemory
from velox.consumer.stages import acceptance
from velox.consumer.stages.acceptance import accept, least_accuracy
from velox.models.checkpoint import Checkpoint
from velox.models.engine.interface import Predictions
from velox.models.engine.torch_engine import TorchEngine
from velox.models.samples import Samples

PATH = Path("models/model.pth")


class Telling(FakeEngine):
    """Answers with the target of each sample, but for a share; with label 0 where it is noise."""

    def __init__(self, wrong: float = 0.0) -> None:
        super().__init__()
        self.wrong = wrong
        self.confidence = 0.5
        self.asked = 0

    def predict(self, batch: Any) -> Any:
        self.batches.append(len(batch))
        if self.broken:
            raise RuntimeError("device lost")
        if len(batch) > self.capacity:
            raise EngineOutOfMemory(f"no room for {len(batch)}")
        right = (batch.mean(axis=(1, 2, 3)) > 128).astype(np.int64)
        rows = self.asked + np.arange(len(batch))
        self.asked += len(batch)
        fault = np.floor((rows + 1) * self.wrong) > np.floor(rows * self.wrong)
        confidences = np.full(len(batch), self.confidence, np.float32)
        return Predictions.of(np.where(fault, 1 - right, right), confidences)


def checkpoint(count: int = 400, **metrics: float) -> Checkpoint:
    targets = np.arange(count) % 2
    pixels = np.zeros((count, 4, 4, 3), np.uint8) + (200 * targets)[:, None, None, None]
    return Checkpoint(
        architecture="fake",
        labels=("dark", "bright"),
        input_size=4,
        state_dict={},
        metrics=metrics,
        samples=Samples.of(pixels.astype(np.uint8), targets),
    )


def test_a_model_that_is_as_right_as_in_training_is_accepted() -> None:
    accept(Telling(), checkpoint(sample_accuracy=1.0), PATH)
    accept(Telling(0.1), checkpoint(sample_accuracy=0.9), PATH)


def test_a_model_that_became_worse_is_refused_by_the_name_of_its_file() -> None:
    with pytest.raises(
        CheckpointError, match=r"models/model\.pth is not accepted: its accuracy on 400 samples"
    ):
        accept(Telling(0.05), checkpoint(sample_accuracy=1.0), PATH)


def test_without_a_figure_of_training_any_labels_will_do() -> None:
    accept(Telling(0.9), checkpoint(), PATH)
    accept(Telling(0.9), checkpoint(accuracy=97.0), PATH)


def test_without_samples_noise_alone_is_tried() -> None:
    engine = Telling()
    accept(engine, checkpoint(0, accuracy=1.0), PATH)
    accept(engine, object(), PATH)  # type: ignore[arg-type]
    assert engine.batches == [4, 4]


@pytest.mark.parametrize("confidence", [np.nan, np.inf, -0.1, 1.5])
def test_what_is_no_probability_is_refused(confidence: float) -> None:
    engine = Telling()
    engine.confidence = confidence
    with pytest.raises(CheckpointError, match="not accepted: "):
        accept(engine, checkpoint(0), PATH)


def test_a_model_that_fails_is_refused() -> None:
    engine = Telling()
    engine.broken = True
    with pytest.raises(CheckpointError, match="fails on every image: RuntimeError: device lost"):
        accept(engine, checkpoint(), PATH)


def test_no_memory_is_no_fault_of_the_model() -> None:
    engine = Telling()
    engine.capacity = 0
    with pytest.raises(EngineOutOfMemory):
        accept(engine, checkpoint(), PATH)
    engine.capacity = 3
    accept(engine, checkpoint(sample_accuracy=1.0), PATH)


@pytest.mark.parametrize("images", [(b"",), (b"no image",)])
def test_samples_that_are_no_images_are_refused(images: tuple[bytes, ...]) -> None:
    broken = replace(checkpoint(), samples=Samples(images, (0,)))
    with pytest.raises(CheckpointError, match="cannot be decoded"):
        accept(Telling(), broken, PATH)


def test_samples_of_another_size_are_refused() -> None:
    engine = Telling()
    engine.input_size = 8
    with pytest.raises(CheckpointError, match="its samples have"):
        accept(engine, checkpoint(), PATH)


def test_a_slow_model_is_tried_on_fewer_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptance, "LONGEST_S", 0.0)
    engine = Telling()
    accept(engine, checkpoint(sample_accuracy=1.0), PATH)
    assert engine.batches == [4, 32]


def test_the_least_accuracy_allows_for_chance_where_there_is_any() -> None:
    every = least_accuracy({"sample_accuracy": 0.9, "accuracy": 0.1}, 400, of=400)
    assert every == pytest.approx(0.88), "the same images: no chance"
    some = least_accuracy({"sample_accuracy": 0.9}, 100, of=400)
    older = least_accuracy({"accuracy": 0.9}, 100, of=100)
    assert some is not None
    assert older is not None
    assert every is not None
    assert older < some < every
    # 0.9 - 0.02 - 4 * sqrt(p (1 - p) / 100), p = 91 / 102
    assert older == pytest.approx(0.7557, abs=1e-3)
    assert least_accuracy({}, 100, of=100) is None


def test_of_good_models_hardly_any_is_refused() -> None:
    rng = np.random.default_rng(0)
    for share in (0.5, 0.9, 0.99, 0.999):
        floor = least_accuracy({"accuracy": share}, 128, of=500)
        assert floor is not None
        assert (rng.binomial(128, share, size=100_000) / 128 < floor).mean() < 1e-3


def test_finite_weights_with_answers_that_are_no_numbers_are_refused() -> None:
    """As a bad average of checkpoints leaves them: a variance below zero."""
    good = with_samples(telling(passes=1))
    engine = TorchEngine(good, device=torch.device("cpu"), precision="fp32")
    accept(engine, replace(good, metrics={"sample_accuracy": 1.0}), PATH)
    engine.close()
    state = {name: value.clone() for name, value in good.state_dict.items()}
    state["conv1.1.running_var"].fill_(-1.0)
    bad = replace(good, state_dict=state)
    engine = TorchEngine(bad, device=torch.device("cpu"), precision="fp32")
    with pytest.raises(CheckpointError, match=r"models/model\.pth is not accepted: .*nan"):
        accept(engine, bad, PATH)
    engine.close()
