from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tests.unit.models.engine.networks import images, reference, telling
from velox.base.errors import SettingError
from velox.models.checkpoint import Checkpoint
from velox.models.device import select_device
from velox.models.engine.check import Bounds
from velox.models.engine.cuda import CudaBackend
from velox.models.engine.lanes import ladder, pieces
from velox.models.engine.torch_engine import TorchEngine

BATCH = 12
# Of a probability, against eager float32.
TOLERANCES = {"auto": 0.02, "bf16": 0.1, "fp32": 0.01}

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.parametrize(
    ("largest", "rungs"),
    [
        (1, [1]),
        (2, [1, 2]),
        (7, [1, 2, 4, 7]),
        (8, [1, 2, 4, 8]),
        (20, [1, 2, 4, 8, 16, 20]),
    ],
)
def test_the_ladder(largest: int, rungs: list[int]) -> None:
    assert ladder(largest) == rungs


@pytest.mark.parametrize("largest", [1, 7, 64, 100, 4096])
def test_less_than_half_of_a_batch_is_padding(largest: int) -> None:
    rungs = ladder(largest)
    for count in range(1, largest + 1):
        ((rows, rung),) = pieces(count, rungs)
        assert rows == slice(0, count)
        assert count <= rung < 2 * count


def test_a_batch_above_the_ladder_runs_in_pieces() -> None:
    assert list(pieces(21, [1, 2, 4, 8])) == [
        (slice(0, 8), 8),
        (slice(8, 16), 8),
        (slice(16, 21), 8),
    ]


def test_integers_are_a_bad_setting_on_cuda() -> None:
    with pytest.raises(SettingError, match="PRECISION='int8' is not allowed on CUDA: one of auto"):
        CudaBackend(
            telling(passes=1),
            device=torch.device("cuda", 0),
            precision="int8",
            memory_fraction=1.0,
            batch_size=8,
            bounds=Bounds(()),
        )


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return telling(passes=1)


@pytest.fixture(scope="module", params=sorted(TOLERANCES))
def engine(checkpoint: Checkpoint, request: pytest.FixtureRequest) -> Iterator[TorchEngine]:
    opened = TorchEngine(
        checkpoint,
        device=select_device("cuda"),
        precision=request.param,
        memory_fraction=0.5,
        batch_size=BATCH,
    )
    yield opened
    opened.close()


@needs_cuda
@pytest.mark.parametrize("count", [1, 5, BATCH, 3 * BATCH + 1])
def test_it_agrees_with_the_plain_model(
    engine: TorchEngine, checkpoint: Checkpoint, request: pytest.FixtureRequest, count: int
) -> None:
    tolerance = TOLERANCES[{"fp16": "auto"}.get(engine.precision, engine.precision)]
    indices, confidences = engine.predict(images(count)).best
    expected = reference(checkpoint, images(count))
    chosen = expected[torch.arange(count), torch.from_numpy(indices)]
    np.testing.assert_allclose(confidences, chosen.numpy(), atol=tolerance)


@needs_cuda
def test_the_memory_stays_the_same_over_batches(engine: TorchEngine) -> None:
    engine.predict(images(BATCH))
    before = engine.memory()
    for count in (1, 7, BATCH, 2 * BATCH):
        engine.predict(images(count))
    assert engine.memory() == before
    assert 0 < before["allocated"] <= before["reserved"] <= before["total"]
