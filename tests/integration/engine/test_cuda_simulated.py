"""The CUDA engine's own code on a simulated device: what it computes, and what it waits for."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from tests.rig.simulated_cuda import SimulatedCuda
from tests.unit.models.engine.networks import images, reference, telling, with_samples
from velox.models.checkpoint import Checkpoint
from velox.models.engine import check
from velox.models.engine.check import Bounds
from velox.models.engine.cuda import CudaBackend
from velox.models.engine.lanes import Lane
from velox.models.engine.torch_engine import TorchEngine

BATCH = 8
# Of the checkpoint, to try half precision with: no whole number of batches.
SAMPLES = 43
LIMIT_S = 60.0
COUNTS = (1, 5, BATCH, 2 * BATCH + 1)
# Of a probability, against eager float32.
TOLERANCES = {"fp16": 0.02, "bf16": 0.1, "fp32": 0.0001}

Answer = tuple[NDArray[np.int64], NDArray[np.float32]]
Classify = Callable[[NDArray[np.uint8]], Answer]
Open = Callable[..., tuple[CudaBackend, Classify]]


@pytest.fixture(scope="module")
def without_samples() -> Checkpoint:
    return telling()


@pytest.fixture(scope="module")
def checkpoint(without_samples: Checkpoint) -> Checkpoint:
    return with_samples(without_samples, SAMPLES)


@pytest.fixture
def open_engine(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens the engine on a simulated device."""

    def opened(
        simulated: SimulatedCuda,
        precision: str = "fp32",
        other: Checkpoint | None = None,
        *,
        compiled: bool = False,
        top: int = 1,
    ) -> tuple[CudaBackend, Classify]:
        simulated.install(monkeypatch)
        monkeypatch.setattr(check, "LEAST_SAMPLES", SAMPLES)
        with simulated():
            backend = CudaBackend(
                other or checkpoint,
                device=torch.device("cuda", 0),
                precision=precision,
                memory_fraction=0.5,
                batch_size=BATCH,
                bounds=Bounds((0.9,) * len(checkpoint.labels)),
                compiled=compiled,
                top=top,
            )

        def classify(batch: NDArray[np.uint8]) -> Answer:
            with simulated():
                index, confidence = backend(torch.from_numpy(batch))
            assert index.shape == confidence.shape == (len(batch), top)
            return index[:, -1].numpy(), confidence[:, -1].numpy()

        return backend, classify

    return opened


class Off(nn.Module):
    """A classifier whose confidence is half of what it should be."""

    def __init__(self, plain: nn.Module) -> None:
        super().__init__()
        self._plain = plain

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        index, confidence = self._plain(pixels)
        return index, confidence / 2


def compile_to(patch: pytest.MonkeyPatch, make: Callable[[Any], Any]) -> list[int]:
    """Let PyTorch's compiler make this of a classifier; returns the sizes it is called with."""
    calls: list[int] = []

    def compiled(plain: nn.Module) -> Callable[[torch.Tensor], Any]:
        made = make(plain)

        def run(pixels: torch.Tensor) -> Any:
            calls.append(len(pixels))
            return made(pixels)

        return run

    patch.setattr(torch, "compile", compiled)
    return calls


def is_right(
    checkpoint: Checkpoint,
    batch: NDArray[np.uint8],
    answer: Answer,
    tolerance: float,
) -> bool:
    """Whether labels are the most likely ones, with their probabilities, within a tolerance."""
    expected = reference(checkpoint, batch).numpy()
    chosen = expected[np.arange(len(batch)), answer[0]]
    near = np.abs(answer[1] - chosen) <= tolerance
    most_likely = chosen >= expected.max(axis=1) - 2 * tolerance
    return bool((near & most_likely).all())


@pytest.mark.parametrize("precision", ["auto", "bf16", "fp32"])
def test_it_agrees_with_the_plain_model(
    open_engine: Open, checkpoint: Checkpoint, precision: str
) -> None:
    backend, classify = open_engine(SimulatedCuda(), precision)
    assert backend.precision == {"auto": "fp16"}.get(precision, precision)
    for count in COUNTS:
        batch = images(count, seed=count)
        assert is_right(checkpoint, batch, classify(batch), TOLERANCES[backend.precision])


def test_too_few_samples_are_said_once_for_all_of_half_precision(
    open_engine: Open, without_samples: Checkpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    backend, _ = open_engine(SimulatedCuda(), "auto", without_samples)
    assert backend.precision == "fp32"
    (said,) = [line for line in caplog.messages if "is not used" in line]
    assert said.startswith("precision=fp16,bf16 is not used: the checkpoint has no samples")
    assert said.endswith("; using precision=fp32")


def test_it_gives_several_labels_the_likeliest_first(
    open_engine: Open, checkpoint: Checkpoint
) -> None:
    _, classify = open_engine(SimulatedCuda(), top=2)
    batch = images(2 * BATCH + 1)
    expected = reference(checkpoint, batch).topk(2, dim=1)
    second, confidence = classify(batch)
    assert second.tolist() == expected.indices[:, 1].tolist()
    np.testing.assert_allclose(confidence, expected.values[:, 1].numpy(), atol=TOLERANCES["fp32"])


@pytest.mark.parametrize("seed", [None, *range(8)])
def test_batches_at_the_same_time_get_their_own_answers(
    open_engine: Open,
    checkpoint: Checkpoint,
    seed: int | None,
) -> None:
    _, classify = open_engine(SimulatedCuda(seed=seed))
    batches = [images(COUNTS[number % len(COUNTS)], seed=number) for number in range(12)]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(classify, batches))
    for batch, answer in zip(batches, answers, strict=True):
        assert is_right(checkpoint, batch, answer, TOLERANCES["fp32"])


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_two_models_at_once_get_their_own_answers_and_one_without_memory_ends_alone(
    open_engine: Open, checkpoint: Checkpoint, seed: int | None
) -> None:
    """As a model in use and its shadow: two threads ask the one, another asks the other."""
    simulated = SimulatedCuda(seed=seed)
    _, classify = open_engine(simulated)
    _, beside = open_engine(simulated)
    batches = [images(COUNTS[number % len(COUNTS)], seed=number) for number in range(12)]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda each: (classify(each), beside(each)), batches))
    for batch, both in zip(batches, answers, strict=True):
        assert all(is_right(checkpoint, batch, each, TOLERANCES["fp32"]) for each in both)
    simulated.largest = 0
    with pytest.raises(torch.OutOfMemoryError):
        open_engine(simulated)
    for batch in batches:
        assert is_right(checkpoint, batch, classify(batch), TOLERANCES["fp32"])


def test_the_simulation_shows_a_missing_wait(
    open_engine: Open,
    checkpoint: Checkpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Lane, "arrive", lambda _lane, _stream: None)
    _, classify = open_engine(SimulatedCuda())
    batch = images(BATCH)
    assert not is_right(checkpoint, batch, classify(batch), TOLERANCES["fp32"])


def test_what_does_not_fit_runs_in_smaller_pieces(
    open_engine: Open,
    checkpoint: Checkpoint,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, classify = open_engine(SimulatedCuda(largest=5))
    assert (
        "no device memory for batches of 8 images, they are cut into smaller ones: "
        "lower BATCH_SIZE or raise GPU_MEMORY_FRACTION" in caplog.text
    )
    batch = images(BATCH)
    assert is_right(checkpoint, batch, classify(batch), TOLERANCES["fp32"])


def test_what_did_not_fit_does_once_there_is_memory(
    open_engine: Open,
    checkpoint: Checkpoint,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    simulated = SimulatedCuda(largest=5)
    caplog.set_level("INFO")
    with monkeypatch.context() as patch:
        patch.setattr("velox.models.engine.cuda._TRY_AGAIN_S", 0)
        _, classify = open_engine(simulated)
        classify(images(BATCH))
        assert caplog.text.count("no device memory for batches of 8 images") == 1, "said once"
    simulated.largest = BATCH
    classify(images(BATCH // 2))
    assert "now" not in caplog.text, "nothing is missing for so few"
    batch = images(BATCH)
    assert is_right(checkpoint, batch, classify(batch), TOLERANCES["fp32"])
    assert "there is device memory for batches of 8 images now" in caplog.text
    assert is_right(checkpoint, batch, classify(batch), TOLERANCES["fp32"])


def test_it_is_not_tried_again_with_each_batch(
    open_engine: Open, caplog: pytest.LogCaptureFixture
) -> None:
    simulated = SimulatedCuda(largest=5)
    caplog.set_level("INFO")
    _, classify = open_engine(simulated)
    simulated.largest = BATCH
    classify(images(BATCH))
    assert "there is device memory" not in caplog.text


def test_no_memory_for_one_image_is_an_error(
    open_engine: Open,
) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        open_engine(SimulatedCuda(largest=0))


def test_engines_one_after_the_other_use_the_same_streams(open_engine: Open) -> None:
    """PyTorch keeps memory of each that it has seen; see velox/models/engine/streams.py."""
    simulated = SimulatedCuda()
    before, _ = open_engine(simulated)
    now, _ = open_engine(simulated)
    both = simulated.streams
    for _ in range(3):
        before.close()
        before = now
        now, _ = open_engine(simulated)
    assert simulated.streams == both
    assert before._stream is not now._stream, "two that are open share none"


def test_an_engine_that_had_no_memory_leaves_its_streams_to_the_next(open_engine: Open) -> None:
    simulated = SimulatedCuda(largest=0)
    used = set()
    for _ in range(2):
        with pytest.raises(torch.OutOfMemoryError):
            open_engine(simulated)
        used.add(simulated.streams)
    assert len(used) == 1


def test_an_engine_that_fails_at_its_first_batch_leaves_its_streams_to_the_next(
    without_samples: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated, used = SimulatedCuda(), set()
    simulated.install(monkeypatch)

    def failing(*_: object) -> None:
        raise RuntimeError("an error of the device")

    monkeypatch.setattr(CudaBackend, "__call__", failing)
    for _ in range(2):
        with simulated(), pytest.raises(RuntimeError, match="an error of the device"):
            TorchEngine(without_samples, device=torch.device("cuda", 0), precision="fp32")
        used.add(simulated.streams)
    assert len(used) == 1


def test_the_device_is_not_waited_for_while_another_engine_records(
    open_engine: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated = SimulatedCuda()
    old, _ = open_engine(simulated)
    new, _ = open_engine(simulated)
    records, goes_on = threading.Event(), threading.Event()

    def classify(_: int) -> None:
        records.set()
        assert goes_on.wait(LIMIT_S)

    def record() -> None:
        with simulated():
            new._recorded(1)

    monkeypatch.setattr("velox.models.engine.cuda._WARM_UPS", 0)
    monkeypatch.setattr(new, "_classify", classify)
    with ThreadPoolExecutor(2) as pool:
        recording = pool.submit(record)
        assert records.wait(LIMIT_S)
        closing = pool.submit(old.close)
        # So long it has to show that it does not wait.
        wait([closing], timeout=0.3)
        goes_on.set()
        recording.result(LIMIT_S)
        closing.result(LIMIT_S)


@pytest.mark.parametrize("samples", [True, False])
def test_compiled_code_is_used_where_it_answers_the_same(
    checkpoint: Checkpoint,
    without_samples: Checkpoint,
    open_engine: Open,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    samples: bool,
) -> None:
    calls = compile_to(monkeypatch, lambda plain: plain)
    _, classify = open_engine(
        SimulatedCuda(), "auto", checkpoint if samples else without_samples, compiled=True
    )
    batch = images(BATCH)
    before = len(calls)
    assert before > 0, "what is recorded is the compiled code"
    assert is_right(checkpoint, batch, classify(batch), TOLERANCES["fp16"])
    assert len(calls) == before, "a recorded graph runs without it"
    assert "not compiled" not in caplog.text


@pytest.mark.parametrize("samples", [True, False])
def test_compiled_code_that_answers_otherwise_is_not_used(
    checkpoint: Checkpoint,
    without_samples: Checkpoint,
    open_engine: Open,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    samples: bool,
) -> None:
    caplog.set_level("INFO")
    compile_to(monkeypatch, Off)
    _, classify = open_engine(
        SimulatedCuda(), "auto", checkpoint if samples else without_samples, compiled=True
    )
    batch = images(BATCH)
    assert is_right(checkpoint, batch, classify(batch), TOLERANCES["fp16"])
    assert "not compiled" in caplog.text
    assert "differ" in caplog.text


def test_without_a_compiler_it_works_as_before(
    checkpoint: Checkpoint,
    open_engine: Open,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")

    def failing(_plain: object) -> object:
        # As Triton says it (triton/runtime/build.py).
        raise RuntimeError("Failed to find C compiler. Please specify via CC.\nMore of it")

    compile_to(monkeypatch, failing)
    _, classify = open_engine(SimulatedCuda(), "auto", compiled=True)
    batch = images(BATCH)
    assert is_right(checkpoint, batch, classify(batch), TOLERANCES["fp16"])
    assert "not compiled: Failed to find C compiler. Please specify via CC.\n" in caplog.text


def test_memory_and_closing(open_engine: Open) -> None:
    backend, _ = open_engine(SimulatedCuda())
    memory = backend.memory()
    assert 0 < memory["allocated"] <= memory["reserved"] <= memory["total"]
    backend.close()
