from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.rig.one_cpu import one_thread  # noqa: F401
from tests.unit.models.engine.networks import LABELS, SIZE, images, reference, telling
from velox.base.errors import EngineOutOfMemory
from velox.models.checkpoint import Checkpoint
from velox.models.engine import torch_engine
from velox.models.engine.torch_engine import TorchEngine

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return telling()


@pytest.fixture(scope="module")
def running(checkpoint: Checkpoint) -> Iterator[TorchEngine]:
    opened = TorchEngine(checkpoint, device=CPU)
    yield opened
    opened.close()


def test_it_says_what_it_runs(running: TorchEngine) -> None:
    assert running.labels == LABELS
    assert running.input_size == SIZE
    assert running.digest == "0123456789ab"
    assert running.architecture == "shufflenet_v2_x0_5"
    assert running.device == "cpu"
    assert running.precision == "fp32"
    assert running.memory() == {}


@pytest.mark.parametrize("count", [1, 2, 7, 32])
def test_it_predicts_what_the_plain_model_does(
    checkpoint: Checkpoint, running: TorchEngine, count: int
) -> None:
    batch = images(count)
    indices, confidences = running.predict(batch).best
    expected, index = reference(checkpoint, batch).max(dim=1)
    assert indices.dtype == np.dtype("int64")
    assert confidences.dtype == np.dtype("float32")
    assert indices.tolist() == index.tolist()
    np.testing.assert_allclose(confidences, expected.numpy(), atol=1e-3)


@pytest.mark.parametrize(("top", "given"), [(2, 2), (99, len(LABELS))])
def test_it_gives_so_many_labels_the_likeliest_first(
    checkpoint: Checkpoint, top: int, given: int
) -> None:
    engine = TorchEngine(checkpoint, device=CPU, precision="fp32", top=top)
    assert engine.top == given
    batch = images(5)
    found = engine.predict(batch)
    expected = reference(checkpoint, batch).topk(given, dim=1)
    assert found.indices.dtype == np.dtype("int64")
    assert found.indices.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(found.confidences, expected.values.numpy(), atol=1e-3)
    engine.close()


def test_the_images_of_the_test_tell_labels_apart(checkpoint: Checkpoint) -> None:
    assert len(set(reference(checkpoint, images(32)).argmax(dim=1).tolist())) > 1


def test_a_view_that_is_not_contiguous_is_read_right(running: TorchEngine) -> None:
    batch = images(4)
    mirrored = batch[:, :, :, ::-1]
    for got, expected in zip(
        running.predict(mirrored).best, running.predict(mirrored.copy()).best, strict=True
    ):
        np.testing.assert_array_equal(got, expected)


def test_a_higher_temperature_lowers_confidence_and_keeps_labels(
    checkpoint: Checkpoint, running: TorchEngine
) -> None:
    batch = images(16)
    warm = TorchEngine(replace(checkpoint, temperature=4.0), device=CPU)
    cool_indices, cool = running.predict(batch).best
    warm_indices, flat = warm.predict(batch).best
    np.testing.assert_array_equal(cool_indices, warm_indices)
    assert (flat < cool).all()


def test_a_closed_engine_says_so(checkpoint: Checkpoint) -> None:
    closed = TorchEngine(checkpoint, device=CPU)
    closed.close()
    with pytest.raises(RuntimeError, match="the engine is closed"):
        closed.predict(images(1))


def out_of_memory(error: Exception) -> Callable[[Tensor], Any]:
    def run(_pixels: Tensor) -> Any:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "larger"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "GPU_MEMORY_FRACTION"),
        (MemoryError(), "the container's memory limit"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 4 bytes"),
            "the container's memory limit",
        ),
    ],
)
def test_out_of_memory_has_a_name_and_a_remedy(
    running: TorchEngine, monkeypatch: pytest.MonkeyPatch, error: Exception, larger: str
) -> None:
    monkeypatch.setattr(running, "_backend", out_of_memory(error))
    said = f"no memory for a batch of 5 images: lower BATCH_SIZE or raise {larger}"
    with pytest.raises(EngineOutOfMemory, match=said):
        running.predict(images(5))


def test_the_real_allocator_is_recognised() -> None:
    with pytest.raises(EngineOutOfMemory), torch_engine._named_out_of_memory(1):
        torch.empty(2**60, dtype=torch.uint8)


def test_another_failure_keeps_its_name(
    running: TorchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_backend", out_of_memory(RuntimeError("shapes do not fit")))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        running.predict(images(1))
