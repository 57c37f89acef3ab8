"""The model raises on an image, or runs out of memory on a batch."""

from __future__ import annotations

import cv2
import numpy as np

from tests.faults.oracle import headers
from tests.faults.scenario import Scenario, metric
from tests.faults.sent import DEAD_LETTER, Sent, mixture, picture

CATCH_UP_LIMIT_S = 60.0


def dazzling() -> bytes:
    """A white image."""
    done, data = cv2.imencode(".png", np.full((32, 32, 3), 255, np.uint8))
    assert done
    return bytes(data)


def test_the_guilty_image_alone_is_dead_lettered(scenario: Scenario) -> None:
    scenario.nobody_dies()
    guilty = Sent("white", dazzling(), DEAD_LETTER)
    neighbours = [picture(number) for number in range(60)]
    scenario.send([*neighbours[:30], guilty, *neighbours[30:]])
    consumer = scenario.consumer({"raise_on_white": True}, BATCH_SIZE=16)
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()

    (letter,) = scenario.oracle.dead_letters()
    said = headers(letter)
    assert said["__connect.errors.stage"] == b"infer"
    assert said["__connect.errors.exception.class.name"] == b"InferenceFailed"
    assert b"dazzled" in said["__connect.errors.exception.message"]
    scenario.stop(consumer)


def test_out_of_memory_halves_the_batch_and_goes_on(scenario: Scenario) -> None:
    scenario.send(mixture(range(200)))
    # While the model is at work, larger batches come together.
    hooks = {"memory_images": 3, "memory_failures": 20, "seconds_a_batch": 0.02}
    consumer = scenario.consumer(hooks, BATCH_SIZE=16)
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
    assert "EngineOutOfMemory" in consumer.log
    assert metric(consumer, 'velox_dead_letters_total{stage="infer"}') == 0
    scenario.stop(consumer)
