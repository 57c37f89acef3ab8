"""A model that is swapped away leaves neither memory nor threads, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

BEGIN = """
import gc, json, os, sys, threading
import torch
from tests.unit.models.engine.networks import images, telling, with_samples
from velox.base.machine import keep_large_buffers, release_free_memory
keep_large_buffers()
SIZE = 32
checkpoint = telling("resnet18", size=SIZE, passes=1)
pixels = torch.from_numpy(images(4, size=SIZE)).permute(0, 3, 1, 2)
def mebibytes():
    gc.collect()
    release_free_memory()
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
seen = []
"""
FORMS = """
from velox.models.engine import int8
from velox.models.engine.classifier import Classifier
from velox.models.engine.deprecated import frozen
from velox.models.engine.onednn import onednn
from velox.models.checkpoint import restore
with torch.inference_mode():
    for _ in range(4):
        network = restore(checkpoint)
        plain = Classifier(network, checkpoint)
        integers = int8.int8(network, plain.normalised(pixels))
        for form in (
            frozen(plain, pixels, optimised=True),
            frozen(Classifier(integers, checkpoint), pixels),
            Classifier(onednn(network, SIZE), checkpoint),
        ):
            form(pixels), form(pixels)
        del network, plain, integers, form
        seen.append((mebibytes(), threading.active_count()))
print(json.dumps(seen))
"""
SWAPS = """
from velox.models.engine.torch_engine import TorchEngine
from velox.monitoring.metrics import Metrics
from velox.consumer.stages.model_slot import ModelSlot
checkpoint = with_samples(checkpoint, 200)
def engine():
    thresholds = [0.5] * len(checkpoint.labels)
    return TorchEngine(
        checkpoint, device=torch.device("cpu"), batch_size=4, thresholds=thresholds
    )
slot = ModelSlot(engine(), Metrics())
for _ in range({swaps}):
    batch = slot.take()
    batch.predict(images(4, size=SIZE))
    slot.swap(engine())
    slot.give_back(batch)
    del batch
    seen.append((mebibytes(), threading.active_count()))
print(json.dumps(seen))
"""


def run(code: str) -> list[tuple[float, int]]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=ROOT,
        env={"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return [tuple(each) for each in json.loads(done.stdout)]


def test_forms_of_a_model_that_is_gone_are_gone() -> None:
    """A network of 45 MiB, in four forms: what each kept was as large, or a quarter of it."""
    seen = run(BEGIN + FORMS)
    rounds = seen[1:]
    grown = rounds[-1][0] - rounds[0][0]
    assert grown < len(rounds), seen


@pytest.mark.long
def test_thirty_swaps_leave_the_process_as_five_did() -> None:
    """A network of 45 MiB."""
    seen = run(BEGIN + SWAPS.format(swaps=30))
    (before, threads), (after, threads_after) = seen[4], seen[-1]
    assert after - before < 45, seen
    assert threads_after <= threads + 2, seen
