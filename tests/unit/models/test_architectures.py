"""Classifiers come without PyTorch's compiler, which is there for who asks for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
LIMIT_S = 200

PROGRAM = """
import sys
import torch
from velox.models.architectures import build, models
build("shufflenet_v2_x0_5", 2).eval()(torch.zeros(1, 3, 64, 64))
print("before", "torch._dynamo" in sys.modules)
{then}
print("after", "torch._dynamo" in sys.modules)
"""


def run(then: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(then=then)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        cwd=ROOT,
        env={"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_compiler_is_not_imported_until_somebody_asks() -> None:
    asked = run("print(sys.modules['torchvision.ops.roi_align'].is_compile_supported('cpu'))")
    assert asked == "before False\nTrue\nafter True\n"


def test_the_compiler_itself_can_be_imported() -> None:
    asked = run("import torch._dynamo.utils as it; print(it.is_compile_supported.__module__)")
    assert asked == "before False\ntorch._dynamo.utils\nafter True\n"
