"""The user's own images and a camera of the network, through the containers alone."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from tests.docs.pages import typed
from tests.stack import observe
from tests.stack.compose import IMAGE, PROJECT, Stack, run
from tests.stack.report import say, wait

TOPIC = "photos"
SETTINGS = {
    "KAFKA_TOPIC": TOPIC,
    "CONFIDENCE_THRESHOLD": "0",
    "INPUT_SIZE": "64",
    "INIT_WEIGHTS": "",
    "EPOCHS": "15",
}
PER_LABEL = 60
SIDE = 160
FRAMES = 20
CAMERA = Path(__file__).with_name("camera.py")


def photographs(folder: Path) -> dict[str, int]:
    """Pieces of scikit-learn's two photographs, as a folder a label; how many there are of each."""
    # Takes seconds to import, which a run that only collects the tests must not wait for.
    from sklearn.datasets import load_sample_images

    rng = random.Random(1)
    shown = load_sample_images()
    for path, photograph in zip(shown.filenames, shown.images, strict=True):
        label = Path(path).stem
        (folder / label).mkdir(parents=True)
        height, width = photograph.shape[:2]
        for number in range(PER_LABEL):
            top, left = rng.randrange(height - SIDE), rng.randrange(width - SIDE)
            piece = photograph[top : top + SIDE, left : left + SIDE, ::-1]
            assert cv2.imwrite(str(folder / label / f"{number}.jpg"), piece)
    return {Path(path).stem: PER_LABEL for path in shown.filenames}


def documented() -> list[str]:
    """What a user types to train on /data and to stream /data."""
    return [
        line
        for line in typed("bash")
        if line.startswith("docker-compose") and ("/data/photos" in line or "producer=0" in line)
    ]


def classifies_photographs(stack: Stack, checkout: Path) -> None:
    """Train on /data and stream /data, with the documented commands."""
    there = photographs(checkout / "data" / "photos")
    stack.environment.update(SETTINGS)
    for line in documented():
        stack.shell(line)
    appended = observe.log_positions(TOPIC)
    assert len(appended) == sum(there.values())
    wait(lambda: observe.stored_positions(TOPIC).keys() >= appended, "every photograph is stored")
    assert set(observe.stored_positions(TOPIC).values()) == {1}
    with observe.mongo() as client:
        found = list(client.lab_discovery_db.shapes_found.find({"_id": {"$regex": f"^{TOPIC}:"}}))
    assert Counter(each["ground_truth"] for each in found) == there
    right = sum(each["predicted_label"] == each["ground_truth"] for each in found)
    assert right > 0.8 * len(found)
    # The log has three of them a second: one label may fill it, the documents above have them all.
    logged = set(re.findall(r"MATCH: (\w+) ", stack.logs("consumer")))
    assert logged & there.keys()
    say(f"photographs={len(found)} labels={','.join(there)} right={right}")


def watches_a_camera(stack: Stack, checkout: Path) -> None:
    """A camera in a container of its own, on the network that leads outside."""
    before = len(observe.log_positions(TOPIC))
    with camera(next((checkout / "data" / "photos").rglob("*.jpg"))) as address:
        stack.shell(
            "docker-compose run --rm "
            f"-e SOURCE=door={address} -e PRODUCER_IMAGES={FRAMES} -e MAX_FPS=0 producer"
        )
    appended = observe.log_positions(TOPIC)
    assert len(appended) == before + FRAMES
    wait(lambda: observe.stored_positions(TOPIC).keys() >= appended, "every frame is stored")
    say(f"frames={FRAMES} of a camera stored")


@contextmanager
def camera(frame: Path) -> Iterator[str]:
    """A camera for as long as the context lasts; gives its address."""
    container = run(
        *("docker", "run", "--detach", "--rm", f"--network={PROJECT}_edge", "--name=velox-camera"),
        *(f"--volume={CAMERA}:/camera.py:ro", f"--volume={frame}:/frame.jpg:ro"),
        *("--entrypoint=python", IMAGE, "/camera.py", "/frame.jpg", "8080"),
    ).strip()
    try:
        yield "http://velox-camera:8080/"
    finally:
        run("docker", "rm", "--force", container)
