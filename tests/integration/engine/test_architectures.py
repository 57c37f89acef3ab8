"""Classifiers come without PyTorch's compiler, which is there for who asks for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LIMIT_S = 200

ASKED = (
    "print(sys.modules['torchvision.ops.roi_align'].is_compile_supported('cpu'))",
    "import torch._dynamo.utils as it; print(it.is_compile_supported.__module__)",
)
# Each question in a process of its own, before which all is alike.
PROGRAM = """
import os, sys
import torch
import velox.consumer.assembly, velox.training.run
from velox.models.architectures import build, models
from velox.models.compiler import not_for_optimisers
from velox.models.engine.onednn import onednn
from velox.training.trainer import make_deterministic
make_deterministic(0)
network, images = build("shufflenet_v2_x0_5", 2), torch.zeros(2, 3, 64, 64)
with not_for_optimisers():
    optimiser = torch.optim.AdamW(network.parameters())
    network(images).sum().backward()
    optimiser.step()
    optimiser.zero_grad()
    optimiser.load_state_dict(optimiser.state_dict())
onednn(network.eval(), 64)(images)
print("before", *(name in sys.modules for name in ("torch._dynamo", "sympy")), flush=True)
for asked in {asked!r}:
    if os.fork():
        assert os.wait()[1] == 0
        continue
    exec(asked)
    print("after", "torch._dynamo" in sys.modules, flush=True)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def answers() -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(asked=ASKED)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        cwd=ROOT,
        env={"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_compiler_is_not_imported_until_somebody_asks(answers: list[str]) -> None:
    assert answers[0] == "before False False"
    assert answers[1:3] == ["True", "after True"]


def test_the_compiler_itself_can_be_imported(answers: list[str]) -> None:
    assert answers[3:] == ["torch._dynamo.utils", "after True"]
