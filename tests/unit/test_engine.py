from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from velox import engine, engine_cpu, model
from velox.allocator import keep_large_buffers
from velox.engine import TorchEngine, select_device
from velox.errors import EngineOutOfMemory, SettingError
from velox.model import Checkpoint

CPU = torch.device("cpu")
SIZE = 64
LABELS = ("red_circle", "red_square", "green_circle")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """More threads than idle cores wait for each other longer than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    """Of a network that tells images apart: fresh weights would say the same of all."""
    torch.manual_seed(0)
    network = model.build("shufflenet_v2_x0_5", 3)
    pixels = torch.from_numpy(images(64)).permute(0, 3, 1, 2).float() / 64 - 2
    last = network.get_submodule("fc")
    with torch.no_grad():
        for _ in range(30):
            network(pixels)
        logits = network.eval()(pixels)
        last.get_parameter("bias").sub_(logits.mean(dim=0))
        for each in last.parameters():
            each.div_(logits.std(dim=0).mean() / 2)
    return Checkpoint(
        architecture="shufflenet_v2_x0_5",
        labels=LABELS,
        input_size=SIZE,
        state_dict=network.state_dict(),
        temperature=1.5,
        digest="0123456789ab",
    )


@pytest.fixture(scope="module")
def running(checkpoint: Checkpoint) -> Iterator[TorchEngine]:
    opened = TorchEngine(checkpoint, device=CPU)
    yield opened
    opened.close()


def images(count: int) -> NDArray[np.uint8]:
    """Halves of random colours: noise would average out to the same outputs."""
    halves = np.random.default_rng(0).integers(256, size=(count, 2, 1, 3), dtype=np.uint8)
    return halves.repeat(SIZE // 2, axis=1).repeat(SIZE, axis=2)


def reference(checkpoint: Checkpoint, batch: NDArray[np.uint8]) -> Tensor:
    """Probabilities float32 [N, labels] by the plainest way."""
    pixels = torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255
    mean, std = (
        torch.tensor(each).reshape(1, 3, 1, 1) for each in (checkpoint.mean, checkpoint.std)
    )
    with torch.inference_mode():
        logits = model.restore(checkpoint)((pixels - mean) / std)
    return torch.softmax(logits / checkpoint.temperature, dim=1)


def test_it_says_what_it_runs(running: TorchEngine) -> None:
    assert running.labels == LABELS
    assert running.input_size == SIZE
    assert running.digest == "0123456789ab"
    assert running.architecture == "shufflenet_v2_x0_5"
    assert running.device == "cpu"
    assert running.memory() == {}


@pytest.mark.parametrize("count", [1, 2, 7, 32])
def test_it_predicts_what_the_plain_model_does(
    checkpoint: Checkpoint, running: TorchEngine, count: int
) -> None:
    batch = images(count)
    indices, confidences = running.predict(batch)
    expected, index = reference(checkpoint, batch).max(dim=1)
    assert indices.dtype == np.dtype("int64")
    assert confidences.dtype == np.dtype("float32")
    assert indices.tolist() == index.tolist()
    np.testing.assert_allclose(confidences, expected.numpy(), atol=1e-3)


def test_the_images_of_the_test_tell_labels_apart(checkpoint: Checkpoint) -> None:
    assert len(set(reference(checkpoint, images(32)).argmax(dim=1).tolist())) > 1


def test_a_view_that_is_not_contiguous_is_read_right(running: TorchEngine) -> None:
    batch = images(4)
    mirrored = batch[:, :, :, ::-1]
    for got, expected in zip(
        running.predict(mirrored), running.predict(mirrored.copy()), strict=True
    ):
        np.testing.assert_array_equal(got, expected)


def test_a_higher_temperature_lowers_confidence_and_keeps_labels(
    checkpoint: Checkpoint, running: TorchEngine
) -> None:
    batch = images(16)
    warm = TorchEngine(replace(checkpoint, temperature=4.0), device=CPU)
    cool_indices, cool = running.predict(batch)
    warm_indices, flat = warm.predict(batch)
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
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 4 bytes"),
    ],
)
def test_out_of_memory_has_a_name(
    running: TorchEngine, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(running, "_run", out_of_memory(error))
    with pytest.raises(EngineOutOfMemory, match="batch of 5 images"):
        running.predict(images(5))


def test_the_real_allocator_is_recognised() -> None:
    with pytest.raises(EngineOutOfMemory), engine._named_out_of_memory(1):
        torch.empty(2**60, dtype=torch.uint8)


def test_another_failure_keeps_its_name(
    running: TorchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_run", out_of_memory(RuntimeError("shapes do not fit")))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        running.predict(images(1))


class Stubborn(nn.Module):
    """Computes something, but cannot be traced by torch.fx."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        channels = images.mean(dim=(2, 3))
        if channels.sum() > 0:
            return channels * self.weight
        return channels


class Averages(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        confidence, index = self.network(pixels.float()).max(dim=1)
        return index, confidence


def test_a_network_that_cannot_be_traced_runs_as_it_is() -> None:
    with torch.inference_mode():
        run = engine_cpu.fastest(Stubborn().eval(), Averages, 8)
        pixels = torch.full((2, 3, 8, 8), 7, dtype=torch.uint8)
        assert run(pixels)[1].tolist() == [7.0, 7.0]


class BatchBound(nn.Module):
    """A trace of it keeps the size of its batch, so the trace is wrong for another."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3)) * self.weight * int(images.shape[0])


def test_a_form_that_computes_something_else_is_left_out() -> None:
    with torch.inference_mode():
        run = engine_cpu.fastest(BatchBound().eval(), Averages, 8)
        pixels = torch.full((5, 3, 8, 8), 2, dtype=torch.uint8)
        assert run(pixels)[1].tolist() == [10.0] * 5


def without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def with_cuda(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_without_cuda_the_cpu_is_taken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    without_cuda(monkeypatch)
    assert select_device(name) == CPU


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:3"])
def test_cuda_that_is_missing_is_a_bad_setting(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    without_cuda(monkeypatch)
    with pytest.raises(SettingError, match=f"DEVICE='{name}' is not allowed: there is no usable"):
        select_device(name)


@pytest.mark.parametrize(
    ("name", "index"), [("auto", 0), ("cuda", 0), ("cuda:0", 0), ("cuda:1", 1)]
)
def test_with_cuda_the_device_is_taken(
    monkeypatch: pytest.MonkeyPatch, name: str, index: int
) -> None:
    with_cuda(monkeypatch, 2)
    assert select_device(name) == torch.device("cuda", index)
    assert select_device("cpu") == CPU


def test_a_device_beyond_the_last_is_a_bad_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    with_cuda(monkeypatch, 2)
    with pytest.raises(SettingError, match="DEVICE='cuda:2' is not allowed: there are 2 CUDA"):
        select_device("cuda:2")


def test_the_allocator_takes_the_advice_or_says_it_is_another() -> None:
    assert keep_large_buffers() in (True, False)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_the_plain_model(checkpoint: Checkpoint) -> None:
    on_device = TorchEngine(checkpoint, device=select_device("cuda"), memory_fraction=0.5)
    batch = images(32)
    indices, confidences = on_device.predict(batch)
    expected, index = reference(checkpoint, batch).max(dim=1)
    assert indices.tolist() == index.tolist()
    np.testing.assert_allclose(confidences, expected.numpy(), atol=2e-2)
    assert 0 < on_device.memory()["allocated"] <= on_device.memory()["total"]
