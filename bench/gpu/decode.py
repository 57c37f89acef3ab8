"""The pipeline's decoder with nothing beside it, and the device's own decoder of JPEG images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.io import decode_jpeg

from bench.gpu.place import Place
from bench.images import shapes
from bench.measure import rates
from bench.results import Results
from velox.base.machine import usable_cores
from velox.base.records import Record
from velox.consumer.stages.decoder import Decoder
from velox.images.pixels import decode
from velox.images.preprocessing import Preprocessing

PIXELS = 50_000_000


def run(results: Results, at: Place) -> None:
    """Measure."""
    images, count = shapes(at.scale.image_side), at.scale.batch
    decoder = Decoder(decode, max_pixels=PIXELS)
    records = [
        Record("bench", 0, offset, 0, None, images[offset % len(images)], (), 0)
        for offset in range(count)
    ]
    candidates: dict[str, Callable[[], object]] = {
        on_cores(): partial(decoder.decode, records, at.scale.size, Preprocessing())
    }
    if at.real:
        encoded = [
            torch.frombuffer(bytearray(images[offset % len(images)]), dtype=torch.uint8)
            for offset in range(count)
        ]
        try:
            decoded_there(encoded, at)
            candidates["on the device"] = partial(decoded_there, encoded, at)
        except RuntimeError as error:
            print(f"  torchvision decodes no JPEG on the device: {error}", flush=True)
    figures = rates(candidates, items=count, seconds=at.scale.seconds, unit="images/s")
    decoder.close()
    results.add("decode", figures)


def on_cores() -> str:
    """The name of the figure that all cores reach."""
    return f"on {usable_cores()} cores"


@torch.inference_mode()
def decoded_there(encoded: list[Tensor], at: Place) -> None:
    """Decode on the device and resize there: the pixels stay where the model would take them."""
    shape = (at.scale.size, at.scale.size)
    for image in decode_jpeg(encoded, mode="RGB", device=at.device):
        interpolate(image.unsqueeze(0).half(), size=shape, mode="bilinear", antialias=True)
    torch.cuda.synchronize(at.device)
