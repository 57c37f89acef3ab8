"""Images unlike those that a model learned from, on a stream: unknown, and no match."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

from tests.faults.sent import DOCUMENT, Sender, Sent
from tests.faults.stored import InSQLite
from tests.rig import settings
from tests.rig.http import metric
from tests.rig.model import Model
from tests.rig.processes import Child, script
from tests.rig.waiting import eventually
from velox.demo import broker as embedded_broker
from velox.images.shapes import ShapeGenerator, class_labels
from velox.models.checkpoint import load, save

COLORS = ("red", "green")
KNOWN, STRANGE = 200, 60
LIMIT_S = 120


def drawn(shapes: tuple[str, ...], count: int) -> list[tuple[bytes, str]]:
    """Images and their labels."""
    generator = ShapeGenerator(colors=COLORS, shapes=shapes, height=512, width=512, seed=[77])
    labels = class_labels(COLORS, shapes)
    return [generator.encoded(labels[number % len(labels)], quality=90) for number in range(count)]


def count(consumer: Child, name: str) -> float:
    address = consumer.wait_for_line(r"metrics address=(\S+)", LIMIT_S)[1]
    return metric(address, f'velox_records_total{{outcome="{name}"}}')


def test_images_of_other_shapes_are_unknown_and_a_model_that_cannot_tell_is_refused(
    checkpoint: Model, tmp_path: Path
) -> None:
    topic = f"images-{uuid.uuid4().hex[:8]}"
    model = Model.within(tmp_path)
    found = load(checkpoint.path, checkpoint.classes)
    save(found, model.path, model.classes)
    stored = InSQLite(tmp_path / "images" / "detections.db")
    with embedded_broker.running() as bootstrap:
        env = settings.consumer(
            bootstrap,
            topic,
            tmp_path / "images",
            UNKNOWN="0.05",
            MODEL_RELOAD_S="0.5",
            MAX_STORED_FILES=0,
            **model.settings(),
        )
        sender = Sender(bootstrap, topic)
        images = [*drawn(("circle", "square"), KNOWN), *drawn(("star", "cross"), STRANGE)]
        sender.send_all(
            Sent(f"{number}", data, DOCUMENT, label=label)
            for number, (data, label) in enumerate(images)
        )
        consumer = script("consumer.py", env=env, log=tmp_path / "consumer.log")

        def outcomes() -> list[float]:
            return [count(consumer, name) for name in ("match", "no_match", "unknown")]

        eventually(lambda: sum(outcomes()) == KNOWN + STRANGE, LIMIT_S, "all images")
        matches, others, unknown = outcomes()
        plain = replace(found, novelty=None, unknown=None)
        save(plain, model.path, model.classes)
        refused = "new model refused, keeping the old one .*UNKNOWN: .* cannot tell"
        consumer.wait_for_line(refused, LIMIT_S)
        assert consumer.terminate(LIMIT_S) == 0, str(consumer)
    documents = stored.documents()
    truths = [str(each["ground_truth"]) for each in documents]
    missed = sum(each.endswith(("star", "cross")) for each in truths)
    print(f"unknown={unknown} of known={KNOWN - (len(truths) - missed)} missed={missed}")
    # The threshold is 0, so all that is not unknown is a match.
    assert (matches, others) == (len(documents), 0)
    assert unknown == KNOWN + STRANGE - matches
    # The model of the tests has learned from few images; a bench measures how well it can be.
    assert missed <= 0.5 * STRANGE
    # At most 5 % may be; of 200 more than 20 are with a chance of one in a thousand.
    assert KNOWN - (len(truths) - missed) <= 20
