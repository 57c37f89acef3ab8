"""What a consumer says of a stream as usual, of a darker one, and after another model has come."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.faults.sent import DOCUMENT, Sender, Sent
from tests.rig import settings
from tests.rig.http import get, metric
from tests.rig.model import LABELS, Model
from tests.rig.processes import Child, script
from tests.rig.waiting import eventually
from velox.base.reference import SIGNALS
from velox.demo import broker as embedded_broker
from velox.images.shapes import ShapeGenerator
from velox.models.checkpoint import load, save
from velox.monitoring.drift import LARGE
from velox.monitoring.outlook import DRIFT_IMAGES, LABEL_MIX, LEAST_IMAGES

# As the training draws them, so that they are like those of the training.
SIDE, QUALITY = 512, 90
USUAL, DARK = 500, 300
AT_ONCE = 250
LIMIT_S = 120

Pixels = NDArray[np.uint8]
Images = Iterator[tuple[str, bytes]]


def shapes(count: int, seed: int, change: Callable[[Pixels], Pixels] | None = None) -> Images:
    """Labels and encoded images."""
    generator = ShapeGenerator(
        colors=("red", "green"), shapes=("circle", "square"), height=SIDE, width=SIDE, seed=[seed]
    )
    for number in range(count):
        label = LABELS[number % len(LABELS)]
        data, _ = generator.encoded(label, quality=QUALITY)
        if change is not None:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            assert image is not None
            form = (cv2.IMWRITE_JPEG_QUALITY, QUALITY)
            data = cv2.imencode(".jpg", change(np.asarray(image, np.uint8)), form)[1].tobytes()
        yield label, data


@dataclass
class Running:
    """A consumer that looks for a new model each second, and who sends it images."""

    sender: Sender
    consumer: Child
    address: str
    model: Model
    sent: int = 0

    def send(self, images: Images) -> None:
        """Send a few at a time, which the embedded broker has room for, until all are finished."""
        while some := list(islice(images, AT_ONCE)):
            self.sender.send_all(
                Sent(f"{self.sent + number}", data, DOCUMENT, label=label, source="line-1")
                for number, (label, data) in enumerate(some)
            )
            self.sent += len(some)
            self.wait()

    def wait(self) -> None:
        """Until all that was sent is finished, and the last thing of it is counted."""
        eventually(
            lambda: metric(self.address, "velox_end_to_end_seconds_count") == self.sent,
            LIMIT_S,
            lambda: f"all images: {self.consumer}",
        )

    def drifts(self) -> dict[str, float]:
        """By signal."""
        _, text = get(f"{self.address}/metrics")
        found = re.findall(r'^velox_drift\{signal="(\w+)"\} (\S+)$', text, re.M)
        return {signal: float(value) for signal, value in found}


@pytest.fixture
def running(checkpoint: Model, tmp_path: Path) -> Iterator[Running]:
    topic = f"images-{uuid.uuid4().hex[:8]}"
    model = Model.within(tmp_path)
    model.classes.write_bytes(checkpoint.classes.read_bytes())
    model.path.write_bytes(checkpoint.path.read_bytes())
    with ExitStack() as opened:
        bootstrap = opened.enter_context(embedded_broker.running())
        env = settings.consumer(
            bootstrap,
            topic,
            tmp_path / "images",
            MAX_STORED_FILES=0,
            MODEL_RELOAD_S=1,
            **model.settings(),
        )
        consumer = script("consumer.py", env=env, log=tmp_path / "consumer.log")
        opened.callback(consumer.kill)
        address = consumer.wait_for_line(r"metrics address=(\S+)", LIMIT_S)[1]
        eventually(
            lambda: get(f"{address}/readyz")[0] == 200, LIMIT_S, lambda: f"ready: {consumer}"
        )
        yield Running(Sender(bootstrap, topic), consumer, address, model)


@pytest.mark.long
def test_a_stream_as_usual_then_a_darker_one_then_another_model(running: Running) -> None:
    running.send(shapes(USUAL, seed=11))
    usual = running.drifts()
    print(usual)
    assert usual.keys() == {LABEL_MIX, *SIGNALS}
    assert max(usual.values()) < LARGE
    expected = metric(running.address, 'velox_expected_accuracy{label=""}')
    true = metric(running.address, 'velox_true_accuracy{label=""}')
    print(f"expected={expected} true={true}")
    assert expected == pytest.approx(true, abs=0.02)
    assert set(LABELS) <= set(
        re.findall(
            r'velox_expected_accuracy\{label="(\w+)"\}', get(f"{running.address}/metrics")[1]
        )
    )

    assert DARK < DRIFT_IMAGES
    running.send(shapes(DARK, seed=12, change=lambda image: np.asarray(image * 0.6, np.uint8)))
    dark = running.drifts()
    print(dark)
    assert dark["brightness"] > LARGE
    assert dark[LABEL_MIX] < LARGE
    signal = '{signal="brightness"}'
    assert metric(running.address, f"velox_signal_mean{signal}") < metric(
        running.address, f"velox_signal_usual_mean{signal}"
    )

    found = load(running.model.path, running.model.classes)
    other = replace(found, metrics={**found.metrics, "note": 1.0})
    save(other, running.model.path, running.model.classes)
    eventually(
        lambda: metric(running.address, "velox_model_swaps_total") == 1,
        LIMIT_S,
        lambda: f"another model: {running.consumer}",
    )
    running.send(shapes(LEAST_IMAGES, seed=13))
    anew = running.drifts()
    assert anew.keys() == {LABEL_MIX, *SIGNALS}
    assert max(anew.values()) < LARGE, "of the images since then alone"
