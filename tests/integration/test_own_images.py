"""What the documents say of own images, in a row: train on photographs, stream others."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.rig import photographs
from tests.rig.ports import free_port
from tests.rig.processes import script

LIMIT_S = 240


def test_a_model_of_own_photographs_classifies_others_that_are_streamed(tmp_path: Path) -> None:
    photos, unseen = photographs.write(tmp_path)
    data = tmp_path / "demo-data"
    data.mkdir()
    # The documents' command; a small network from nothing, as no weights are fetched here.
    settings = {
        "DATASET_PATH": str(photos),
        "MODEL_PATH": str(data / "model.pth"),
        "CLASSES_PATH": str(data / "classes.json"),
        "INIT_WEIGHTS": "",
        "MODEL_ARCH": "shufflenet_v2_x0_5",
        "EPOCHS": "15",
        "HOLD_OUT": "0.4",
        "DEVICE": "cpu",
    }
    training = script("train.py", env=settings, log=tmp_path / "train.log")
    assert training.wait(LIMIT_S) == 0, str(training)
    assert "s left" in training.log, "how long it goes on is shown"
    assert (data / "model.report.txt").exists()

    count = len(list(unseen.glob("*/*")))
    streaming = {
        "DEMO_PATH": str(data),
        "SOURCE": str(unseen),
        "IMAGES": str(count),
        "CONFIDENCE_THRESHOLD": "0",
        "METRICS_PORT": str(free_port()),
        "DEVICE": "cpu",
    }
    demo = script("demo.py", env=streaming, log=tmp_path / "demo.log")
    assert demo.wait(LIMIT_S) == 0, str(demo)
    with closing(sqlite3.connect(data / "discoveries" / "detections.db")) as database:
        found = database.execute(
            "SELECT predicted_label, ground_truth FROM shapes_found"
        ).fetchall()
    assert len(found) == count
    assert {truth for _, truth in found} == set(photographs.PHOTOGRAPHS)
    assert sum(answer == truth for answer, truth in found) >= 0.8 * count, found
