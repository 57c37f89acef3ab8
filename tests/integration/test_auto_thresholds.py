"""Thresholds that promise a precision, on a stream: what is matched is that precise."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.faults.sent import DOCUMENT, Sender, Sent
from tests.faults.stored import InSQLite
from tests.rig import settings
from tests.rig.http import metric
from tests.rig.model import LABELS, Model
from tests.rig.processes import script
from tests.rig.waiting import eventually
from velox.demo import broker as embedded_broker
from velox.images.pixels import decode
from velox.images.shapes import ShapeGenerator
from velox.models.checkpoint import Checkpoint, load, restore, save
from velox.training.calibration import Decisions, Unseen, fit_temperature
from velox.training.evaluation import Inputs
from velox.training.exact import least_share
from velox.training.recalibration import recalibration_of
from velox.training.thresholds import promise_of

SIDE, PIXELS = 128, 128**2
UNSEEN, STREAM = 800, 400
PRECISION = 0.9
LIMIT_S = 120
LARGE_DRIFT = 0.2


def blurred(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Labels and images that are spoiled more or less, so that a model is often wrong."""
    generator = ShapeGenerator(
        colors=("red", "green"), shapes=("circle", "square"), height=SIDE, width=SIDE, seed=[seed]
    )
    random = np.random.default_rng(seed)
    for number in range(count):
        label = LABELS[number % len(LABELS)]
        data, _ = generator.encoded(label, quality=90)
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        image = cv2.GaussianBlur(image, (0, 0), random.uniform(0.5, 12))
        noisy = image + random.normal(0, random.uniform(0, 30), image.shape)
        yield label, cv2.imencode(".png", noisy.clip(0, 255).astype(np.uint8))[1].tobytes()


@torch.inference_mode()
def answers(checkpoint: Checkpoint, images: list[bytes]) -> torch.Tensor:
    """The logits of images."""
    network = restore(checkpoint)
    inputs = Inputs(torch.device("cpu"), checkpoint.mean, checkpoint.std)
    pixels: NDArray[np.uint8] = np.stack(
        [
            decode(
                data,
                size=checkpoint.input_size,
                max_pixels=PIXELS,
                preprocessing=checkpoint.preprocessing,
            )
            for data in images
        ]
    )
    return torch.cat([network(inputs.of(each)) for each in np.array_split(pixels, 20)])


@pytest.fixture
def model(checkpoint: Model, tmp_path: Path) -> Model:
    """The trained model, calibrated as training does it, on images that it is often wrong about."""
    found = load(checkpoint.path, checkpoint.classes)
    labels, images = zip(*blurred(UNSEEN, seed=1), strict=True)
    targets = np.array([found.labels.index(each) for each in labels])
    unseen = Unseen(answers(found, list(images)), targets, np.arange(UNSEEN))
    temperature = fit_temperature(unseen.logits, torch.from_numpy(targets))
    promise = promise_of(unseen, temperature, PRECISION)
    assert any(each.at is not None for each in promise.thresholds)
    # Without samples there is no accuracy on them, which is that of images as they should be.
    decisions = Decisions.of(unseen.logits, torch.from_numpy(targets), temperature)
    assert found.reference is not None
    reference = replace(found.reference, recalibration=recalibration_of(decisions))
    changed = replace(
        found, temperature=temperature, thresholds=promise.measured(), reference=reference
    )
    mine = Model.within(tmp_path)
    save(changed, mine.path, mine.classes)
    return mine


def test_what_is_matched_on_a_stream_is_as_precise_as_promised(
    model: Model, tmp_path: Path
) -> None:
    topic = f"images-{uuid.uuid4().hex[:8]}"
    stored = InSQLite(tmp_path / "images" / "detections.db")
    with embedded_broker.running() as bootstrap:
        env = settings.consumer(
            bootstrap,
            topic,
            tmp_path / "images",
            CONFIDENCE_THRESHOLD="auto",
            PRECISION="fp32",
            MAX_STORED_FILES=0,
            **model.settings(),
        )
        sender = Sender(bootstrap, topic)
        sender.send_all(
            Sent(f"{number}", data, DOCUMENT, label=label)
            for number, (label, data) in enumerate(blurred(STREAM, seed=2))
        )
        consumer = script("consumer.py", env=env, log=tmp_path / "consumer.log")
        address = consumer.wait_for_line(r"metrics address=(\S+)", LIMIT_S)[1]

        def outcome(name: str) -> float:
            return metric(address, f'velox_records_total{{outcome="{name}"}}')

        # The last thing that is counted of an image.
        counted = "velox_end_to_end_seconds_count"
        eventually(lambda: metric(address, counted) == STREAM, LIMIT_S, "all images")
        assert outcome("match") + outcome("no_match") == STREAM
        matches = outcome("match")
        right = sum(
            metric(address, f'velox_predictions_total{{label="{each}",truth="{each}"}}')
            for each in LABELS
        )
        # The stream is blurred, the images of the training were not.
        assert metric(address, 'velox_drift{signal="sharpness"}') > LARGE_DRIFT
        expected = metric(address, 'velox_expected_accuracy{label=""}')
        low, high = (
            metric(address, f'velox_expected_accuracy_{end}{{label=""}}') for end in ("low", "high")
        )
        true = metric(address, 'velox_true_accuracy{label=""}')
        assert consumer.terminate(LIMIT_S) == 0, str(consumer)
    documents = stored.documents()
    good = sum(each["predicted_label"] == each["ground_truth"] for each in documents)
    print(f"expected={expected} {low} to {high} true={true}")
    assert true == pytest.approx(right / STREAM)
    # Of 400 images the share that is right differs by 5 points in one of a thousand samples.
    assert expected == pytest.approx(true, abs=0.07)
    assert low < expected < high
    print(f"right={right / STREAM} matched={matches / STREAM} precise={good / len(documents)}")
    assert len(documents) == matches
    assert right / STREAM < PRECISION, "without thresholds it would not be"
    assert matches > STREAM / 10
    # So many right ones do not contradict the promise, at one in a thousand.
    assert least_share(len(documents) - good, len(documents), doubt=0.001) < 1 - PRECISION
