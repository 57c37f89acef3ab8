"""(f) The producer: images a second of each kind of source, beside librdkafka alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from bench.checkpoints import Checkpoints
from bench.images import of_size, shapes
from bench.measure import Figure, figure, rates
from bench.results import Results
from bench.stack import Stack
from tests.rig import mjpeg
from tests.rig.processes import script
from velox.images.shapes import ShapeGenerator
from velox.producer.sources.video import encoded

ROUNDS = 3
PARTITIONS = 8
SMALL_IMAGE_BYTES = 10_000
FILES = 2_000
DRAWN_SIDE = 512
FRAME = (720, 1280)
FRAMES = 16
QUALITY = 90
LIMIT_S = 300.0
ALONE_S = 4.0
ALONE = "librdkafka alone"


def run(results: Results, stack: Stack, _checkpoints: Checkpoints) -> None:
    """Measure; within a round each source follows the yardstick with images of its size."""
    small, drawn, frames = of_size(SMALL_IMAGE_BYTES), shapes(DRAWN_SIDE), filmed()
    kinds = {"10 kB": small, "drawn": drawn, "frames": frames}
    folders = {name: laid_out(stack.folder / name, images) for name, images in kinds.items()}
    found: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        turn = {
            f"{ALONE}, 10 kB": sent(stack, 30_000, folders["10 kB"], "bench/plain_producer.py"),
            "folder, 10 kB": sent(stack, 30_000, folders["10 kB"]),
            f"{ALONE}, drawn": sent(stack, 6_000, folders["drawn"], "bench/plain_producer.py"),
            "drawn": sent(stack, 6_000, "synthetic"),
            f"{ALONE}, frames": sent(stack, 1_500, folders["frames"], "bench/plain_producer.py"),
            "camera": filmed_and_sent(stack, 600, frames),
        }
        for name, rate in turn.items():
            found.setdefault(name, []).append(rate)
    results.add("producer", {name: figure(each, "images/s") for name, each in found.items()})
    results.add("producer", alone(frames))
    compare(results, "folder, 10 kB", f"{ALONE}, 10 kB", 0.5)
    compare(results, "drawn", "drawing and encoding alone", 0.8)
    compare(results, "camera", "decoding and encoding alone", 0.7)


def compare(results: Results, name: str, other: str, goal: float) -> None:
    """A bar for the ratio of two medians."""
    ratio = results.median("producer", name) / results.median("producer", other)
    results.bar("producer", f"{name} / {other}", ratio, goal)


def sent(stack: Stack, count: int, source: Path | str, program: str = "producer.py") -> float:
    """Images a second until the last one is acknowledged."""
    topic = stack.topic(partitions=PARTITIONS)
    child = script(
        program,
        env={
            "KAFKA_BOOTSTRAP_SERVER": stack.kafka.bootstrap,
            "KAFKA_TOPIC": topic,
            "SOURCE": str(source),
            "SOURCE_LOOP": "1",
            "MAX_FPS": "0",
            "PRODUCER_INTERVAL": "0",
            "PRODUCER_IMAGES": str(count),
        },
        log=stack.folder / topic / "log",
    )
    assert child.wait(LIMIT_S) == 0, str(child)
    rate = re.findall(r"images_per_s=([\d.]+)", child.log)[-1]
    return float(rate)


def filmed_and_sent(stack: Stack, count: int, frames: Sequence[bytes]) -> float:
    """Images a second of a camera that has a next frame whenever one can be taken."""
    with mjpeg.camera(frames=None, fps=1e6, picture=lambda n: frames[n % len(frames)]) as camera:
        return sent(stack, count, f"camera=http://{camera.address}/video.mjpg")


def alone(frames: Sequence[bytes]) -> dict[str, Figure]:
    """What has to be done for each image of the slower sources, with nothing around it."""
    generator = ShapeGenerator(
        colors=("red", "green"),
        shapes=("circle", "square"),
        height=DRAWN_SIDE,
        width=DRAWN_SIDE,
        seed=0,
    )
    frame = np.frombuffer(frames[0], np.uint8)

    def again() -> None:
        picture = cv2.imdecode(frame, cv2.IMREAD_COLOR)
        assert picture is not None
        encoded(np.asarray(picture, np.uint8), QUALITY)

    return rates(
        {
            "drawing and encoding alone": lambda: generator.encoded(quality=QUALITY),
            "decoding and encoding alone": again,
        },
        items=1,
        seconds=ALONE_S,
        unit="images/s",
    )


def filmed() -> list[bytes]:
    """Frames as a camera sends them: a scene of smooth colours with a little noise."""
    rng = np.random.default_rng(1)
    height, width = FRAME
    scene = cv2.resize(rng.integers(0, 255, (9, 16, 3), np.uint8), (width, height))
    noise = rng.integers(0, 12, (FRAMES, height, width, 3), np.uint8)
    return [encoded(np.asarray(cv2.add(scene, each), np.uint8), QUALITY) for each in noise]


def laid_out(folder: Path, images: Sequence[bytes]) -> Path:
    """The images as files, each several times."""
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:06}.jpg").write_bytes(images[number % len(images)])
    return folder
