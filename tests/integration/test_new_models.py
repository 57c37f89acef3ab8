"""New models that have to earn their place: real checkpoints, and verdicts in a real store."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch
from confluent_kafka import Producer

from tests.rig import pictures, settings
from tests.rig.http import metric
from tests.rig.model import Model
from tests.rig.pictures import COLOURS
from tests.rig.processes import Child, script
from tests.rig.waiting import eventually
from velox.demo import broker as embedded_broker
from velox.models import checkpoint as model
from velox.models.architectures import build
from velox.stores.sqlite_verdicts import SQLiteVerdicts

LIMIT_S = 90.0
TOPIC = "image_data"
ARCHITECTURE = "squeezenet1_1"
# Each model's answer, by another name.
OTHERWISE = dict(zip(COLOURS, (*COLOURS[1:], COLOURS[0]), strict=True))


def write(files: Model, labels: tuple[str, ...], mark: float) -> str:
    """Write always the same untrained network, with labels and a mark; gives its digest."""
    torch.manual_seed(1)
    network = build(ARCHITECTURE, len(labels))
    checkpoint = model.Checkpoint(
        architecture=ARCHITECTURE,
        labels=labels,
        input_size=32,
        state_dict=network.state_dict(),
        metrics={"mark": mark},
    )
    return model.save(checkpoint, files.path, files.classes).digest


@pytest.fixture
def bootstrap() -> Iterator[str]:
    """A broker that images go to without end."""
    with embedded_broker.running() as address:
        producer = Producer({"bootstrap.servers": address, "log_level": 2})
        stop = threading.Event()

        def send() -> None:
            number = 0
            while not stop.wait(0.02):
                producer.produce(TOPIC, pictures.encoded(number))
                producer.poll(0)
                number += 1

        thread = threading.Thread(target=send)
        thread.start()
        yield address
        stop.set()
        thread.join()
        producer.purge()


def start(bootstrap: str, folder: Path, files: Model) -> tuple[Child, str]:
    env = settings.consumer(
        bootstrap,
        TOPIC,
        folder / "images",
        KAFKA_PARTITIONS=4,
        CONFIDENCE_THRESHOLD=0,
        MODEL_RELOAD_S="0.2",
        SWAP_GATE=100,
        REVIEW=1,
        REVIEW_SHARE=1,
    )
    consumer = script(
        "consumer.py", env={**env, **files.settings()}, log=folder / f"{uuid.uuid4()}.log"
    )
    return consumer, consumer.wait_for_line(r"metrics address=(\S+)", LIMIT_S)[1]


def test_what_people_say_decides_on_a_model_that_nothing_else_could_judge(
    bootstrap: str, tmp_path: Path
) -> None:
    files = Model.within(tmp_path)
    old = write(files, COLOURS, mark=1)
    consumer, address = start(bootstrap, tmp_path, files)
    consumer.wait_for_line(r"partitions assigned=\[\d", LIMIT_S)

    refused = write(files, tuple(OTHERWISE[each] for each in COLOURS), mark=2)
    consumer.wait_for_line(f"new model refused.*digest={refused}.*nothing tells which", LIMIT_S)
    assert metric(address, f'velox_model{{digest="{old}"}}') == 1

    with closing(SQLiteVerdicts(tmp_path / "images" / "review.db")) as store:
        store.open()
        # An image is judged by the new model before it is stored.
        eventually(lambda: len(store.random(old, 100)) == 100, LIMIT_S, f"images: {consumer}")
        kept = store.random(old, 100)
        for called in COLOURS:
            ids = [each.id for each in kept if each.predicted_label == called]
            store.judge(ids, OTHERWISE[called], "ann", "2026-01-31T12:00:00.000Z")

    taken = write(files, tuple(OTHERWISE[each] for each in COLOURS), mark=3)
    consumer.wait_for_line(f"new model taken digest={taken}.*agreed=0 .*truths=100", LIMIT_S)
    consumer.wait_for_line(f"model swapped from={old} to={taken}", LIMIT_S)
    assert metric(address, f'velox_model{{digest="{taken}"}}') == 1

    # Another one that did not earn its place, and a consumer that starts beside it.
    write(files, COLOURS, mark=4)
    eventually(
        lambda: metric(address, 'velox_gate{state="refused"}') == 1, LIMIT_S, f"refused: {consumer}"
    )
    consumer.kill()
    again, address = start(bootstrap, tmp_path, files)
    again.wait_for_line(r"partitions assigned=\[\d", LIMIT_S)
    assert metric(address, f'velox_model{{digest="{taken}"}}') == 1
    assert again.terminate(LIMIT_S) == 0, str(again)
