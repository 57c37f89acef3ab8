"""A GPU: the bare engine against PyTorch's own ways, the pipeline, and processes that share it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.io import decode_jpeg

from bench.checkpoints import Checkpoints
from bench.images import shapes
from bench.measure import figure, rates
from bench.results import Results
from bench.stack import Stack, drain_rate
from tests.rig.model import Model
from velox.base.machine import usable_cores
from velox.base.records import Record
from velox.consumer.stages.decoder import Decoder
from velox.images.pixels import decode
from velox.models.checkpoint import Checkpoint, load, restore
from velox.models.device import select_device
from velox.models.engine.classifier import Classifier
from velox.models.engine.torch_engine import TorchEngine

SIZE = 224
BATCHES = (1, 8, 32, 128)
SECONDS = 10.0
PARTITIONS = 16
PIPELINE_BATCH = 128
PIPELINE_COUNT = 60_000
PIXELS = 50_000_000
PROCESSES = 8
SHARE = 1 / PROCESSES
SHARED_BATCH = 32
SHARED_SECONDS = 20.0
LIMIT_S = 300.0
HERE = Path(__file__).parent


def run(results: Results, stack: Stack, checkpoints: Checkpoints) -> None:
    """Measure."""
    device = select_device("cuda")
    name = torch.cuda.get_device_name(device)
    print(f"  device     {name}", flush=True)
    model = checkpoints.of_size(SIZE)
    checkpoint = load(model.path, model.classes)
    bare(results, checkpoint, device)
    decoding(results, device)
    pipeline(results, stack, model)
    shared(results, model)


def bare(results: Results, checkpoint: Checkpoint, device: torch.device) -> None:
    """The engine and PyTorch's own ways, all from bytes in memory to answers in memory."""
    rng = np.random.default_rng(0)
    for batch in BATCHES:
        pixels = rng.integers(0, 255, (batch, SIZE, SIZE, 3), np.uint8)
        engine = TorchEngine(checkpoint, device=device, batch_size=batch)
        variants = variants_of(checkpoint, device)
        figures = rates(
            {
                "velox": partial(engine.predict, pixels),
                **{
                    name: partial(answered, variant, torch.from_numpy(pixels), device)
                    for name, variant in variants.items()
                },
            },
            items=batch,
            seconds=SECONDS,
            unit="images/s",
        )
        engine.close()
        results.add("gpu", {f"batch {batch}, {name}": each for name, each in figures.items()})
        best = max(figures[name].median for name in variants)
        ratio = figures["velox"].median / best
        results.bar("gpu", f"batch {batch}, velox / best of torch", ratio, 0.95)


def variants_of(checkpoint: Checkpoint, device: torch.device) -> dict[str, Classifier]:
    """What else PyTorch offers."""

    def classifier(dtype: torch.dtype) -> Classifier:
        network = restore(checkpoint).to(dtype).to(memory_format=torch.channels_last)
        return Classifier(network, checkpoint, dtype).to(device)

    compiled = classifier(torch.float16)
    compiled.compile(mode="max-autotune")
    return {
        "torch eager fp32": classifier(torch.float32),
        "torch eager fp16": classifier(torch.float16),
        "torch eager bf16": classifier(torch.bfloat16),
        "torch compiled fp16": compiled,
    }


@torch.inference_mode()
def answered(variant: Classifier, pixels: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """From bytes on the host to answers on the host."""
    index, confidence = variant(pixels.to(device).permute(0, 3, 1, 2))
    return index.cpu(), confidence.cpu()


def pipeline(results: Results, stack: Stack, model: Model) -> None:
    """Kafka to store, against the slower of decoding alone and the engine alone."""
    images = shapes(512)
    topic = stack.topic(partitions=PARTITIONS)
    stack.fill(topic, images, PIPELINE_COUNT, partitions=PARTITIONS)
    environment = stack.environment(
        topic,
        **model.settings(),
        DEVICE="cuda",
        BATCH_SIZE=str(PIPELINE_BATCH),
        QUEUE_SIZE=str(8 * PIPELINE_BATCH),
        QUEUE_BYTES=str(2**28),
    )
    with stack.consumer(environment) as running:
        rate = figure([drain_rate([running], PIPELINE_COUNT)], "images/s")
    decoded, engine = (
        results.median("gpu", name)
        for name in (f"decode on {usable_cores()} cores", f"batch {PIPELINE_BATCH}, velox")
    )
    results.add("gpu", {"pipeline": rate})
    ratio = rate.median / min(decoded, engine)
    results.bar("gpu", "pipeline / slower of decode and engine", ratio, 0.9)


def decoding(results: Results, device: torch.device) -> None:
    """The pipeline's decoder with nothing beside it, and the device's decoder of JPEG images."""
    images = shapes(512)
    decoder = Decoder(decode, max_pixels=PIXELS)
    records = [
        Record("bench", 0, offset, 0, None, images[offset % len(images)], (), 0)
        for offset in range(PIPELINE_BATCH)
    ]
    encoded = [
        torch.frombuffer(bytearray(images[offset % len(images)]), dtype=torch.uint8)
        for offset in range(PIPELINE_BATCH)
    ]
    candidates: dict[str, Callable[[], object]] = {
        f"decode on {usable_cores()} cores": partial(decoder.decode, records, SIZE)
    }
    try:
        decoded_there(encoded, device)
        candidates["decode on the device"] = partial(decoded_there, encoded, device)
    except RuntimeError as error:
        print(f"  torchvision decodes no JPEG on the device: {error}", flush=True)
    figures = rates(
        candidates,
        items=PIPELINE_BATCH,
        seconds=SECONDS,
        unit="images/s",
    )
    decoder.close()
    results.add("gpu", figures)


@torch.inference_mode()
def decoded_there(encoded: list[Tensor], device: torch.device) -> None:
    """Decode on the device and resize there: the pixels stay where the model would take them."""
    for image in decode_jpeg(encoded, mode="RGB", device=device):
        interpolate(image.unsqueeze(0).half(), size=(SIZE, SIZE), mode="bilinear", antialias=True)
    torch.cuda.synchronize(device)


def shared(results: Results, model: Model) -> None:
    """Processes on one GPU, each within its share of the memory."""
    one, all_of_them = (in_processes(model, count) for count in (1, PROCESSES))
    results.add(
        "gpu",
        {
            "1 process": figure([one], "images/s"),
            f"{PROCESSES} processes": figure([all_of_them], "images/s"),
        },
    )
    results.bar("gpu", f"{PROCESSES} processes / 1", all_of_them / one, 1.0)


def in_processes(model: Model, count: int) -> float:
    """Images a second of so many engines at once, in sum."""
    command = [sys.executable, "-m", "bench.gpu_process", model.path, model.classes]
    running = [
        subprocess.Popen(
            [str(part) for part in (*command, SHARE, SHARED_BATCH, SHARED_SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=HERE.parent,
        )
        for _ in range(count)
    ]
    deadline = time.monotonic() + LIMIT_S
    for each in running:
        assert each.stdout is not None
        assert each.stdout.readline() == "warm\n"
    for each in running:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    answers = [each.communicate(timeout=deadline - time.monotonic())[0] for each in running]
    return sum(map(float, answers))
