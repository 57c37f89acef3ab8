"""Parts of PyTorch that may go are missing, and forms of a model come and go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.unit.models.engine.networks import images, telling
from velox.models.architectures import build
from velox.models.checkpoint import restore
from velox.models.engine import deprecated
from velox.models.engine.classifier import Classifier
from velox.models.engine.deprecated import Missing, frozen
from velox.models.engine.fold import folded

ROOT = Path(__file__).parents[3]

WITHOUT = """
import importlib.abc, logging, sys
gone, attributes = {gone!r}, {attributes!r}
class Gone(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.startswith(gone):
            raise ModuleNotFoundError(f"No module named {{name!r}}")
sys.meta_path.insert(0, Gone())
import torch
for name in attributes:
    delattr(torch.jit, name)
import bench.latency_case, consumer, demo, producer, train
import velox.consumer.assembly, velox.training.run
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
from dataclasses import replace
from tests.unit.models.engine.networks import images, reference, telling
from velox.models.engine.torch_engine import TorchEngine
from velox.models.samples import Samples
checkpoint = replace(telling(passes=1), samples=Samples.of(images(200), [0] * 200))
for precision in ("fp32", "int8"):
    engine = TorchEngine(checkpoint, device=torch.device("cpu"), precision=precision, batch_size=2)
    index, confidence = engine.predict(images(3)).best
    expected = reference(checkpoint, images(3)).max(dim=1)
    assert index.tolist() == expected.indices.tolist(), (index, expected)
    assert abs(torch.from_numpy(confidence) - expected.values).max() < 0.2
    print("predicted", engine.precision)
"""
QUANTISATION = "torch.ao.quantization.quantize_fx"
FOLDING = "torch.fx.experimental.optimization"
SCRIPT = ("freeze", "optimize_for_inference", "trace")


def run_without(modules: tuple[str, ...], attributes: tuple[str, ...] = ()) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(gone=modules, attributes=attributes)],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=ROOT,
        env={"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "predicted fp32" in done.stdout
    return done.stdout


def test_without_quantisation_there_are_no_integers() -> None:
    said = run_without((QUANTISATION,))
    refusals = [line for line in said.splitlines() if "precision=int8 is not used" in line]
    assert len(refusals) == 1
    assert all("this PyTorch has no torch.ao.quantization" in line for line in refusals)
    assert "fp32-frozen=" in said
    assert "predicted int8" not in said


@pytest.mark.long
def test_without_torchscript_there_is_nothing_frozen() -> None:
    said = run_without((), SCRIPT)
    assert "form=fp32-frozen is not used: this PyTorch has no TorchScript" in said
    assert "frozen=" not in said
    assert "fp32-onednn=" in said


def test_without_all_of_them_it_predicts() -> None:
    said = run_without((QUANTISATION, FOLDING), SCRIPT)
    assert "form=fp32-frozen is not used: this PyTorch has no TorchScript" in said
    assert "fp32-onednn=" in said
    assert "predicted int8" not in said


def test_what_is_missing_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.jit, "freeze")
    network = Classifier(restore(telling(passes=1)), telling(passes=1))
    with pytest.raises(Missing, match=r"no TorchScript .*freeze"):
        frozen(network, torch.from_numpy(images(1)).permute(0, 3, 1, 2))
    monkeypatch.setitem(sys.modules, "velox.models.engine.int8", None)
    with pytest.raises(Missing, match=r"no torch\.ao\.quantization"):
        deprecated.int8_module()


@pytest.mark.parametrize("architecture", ["resnet18", "mobilenet_v3_small", "densenet121"])
def test_folding_leaves_the_answers_and_the_network_as_they_are(architecture: str) -> None:
    torch.manual_seed(0)
    network = build(architecture, 3)
    pixels = torch.randn(4, 3, 64, 64)
    with torch.inference_mode():
        for _ in range(3):
            network(pixels)
        expected = network.eval()(pixels)
        found = folded(network)
        np.testing.assert_allclose(found(pixels), expected, atol=1e-4, rtol=1e-4)
        assert torch.equal(network(pixels), expected)
    before, after = (
        sum(isinstance(each, nn.BatchNorm2d) for each in module.modules())
        for module in (network, found)
    )
    assert after <= before // 2 + 2


@torch.inference_mode()
def test_a_convolution_that_is_used_twice_is_not_folded() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.one, self.other = nn.Conv2d(3, 3, 1), *_norms()

        def forward(self, images: Tensor) -> Tensor:
            first: Tensor = self.one(self.conv(images))
            second: Tensor = self.other(self.conv(first))
            return second

    network, pixels = Shared().eval(), torch.randn(2, 3, 8, 8)
    np.testing.assert_allclose(folded(network)(pixels), network(pixels), atol=1e-5, rtol=1e-5)


def _norms() -> tuple[nn.BatchNorm2d, nn.BatchNorm2d]:
    norms = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    for scale, norm in enumerate(norms, start=2):
        nn.init.constant_(norm.weight, scale)
    return norms
