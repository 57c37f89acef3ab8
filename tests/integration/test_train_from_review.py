"""A training on what people said of images, from the store to the model."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from tests.rig import pictures
from tests.rig.processes import script
from tests.unit.fakes import candidate, kept
from velox.stores.sqlite_verdicts import SQLiteVerdicts

LIMIT_S = 120
AT = "2026-01-01T00:00:00.000Z"
OF_EACH, JUDGING = 12, 9


def test_verdicts_alone_make_a_model_without_the_images_that_judge(tmp_path: Path) -> None:
    """All predictions were wrong; a label of two verdicts is too few to be trained on."""
    count = OF_EACH * len(pictures.COLOURS)
    with closing(SQLiteVerdicts(tmp_path / "review.db")) as store:
        store.open()
        store.write(
            [
                kept(number, image=pictures.encoded(number), random=0 <= number - count < JUDGING)
                for number in range(count + JUDGING + 2)
            ]
        )
        for number in range(count + JUDGING):
            store.judge([candidate(number).id], pictures.colour(number), "ann", AT)
        rare = [candidate(number).id for number in range(count + JUDGING, count + JUDGING + 2)]
        store.judge(rare, "violet", "ann", AT)
    training = script(
        "train.py",
        arguments=["--from-review"],
        env={
            "MONGO_URI": "",
            "STORAGE_PATH": str(tmp_path),
            "MODEL_PATH": str(tmp_path / "model.pth"),
            "CLASSES_PATH": str(tmp_path / "classes.json"),
            "MODEL_ARCH": "mobilenet_v3_small",
            "INPUT_SIZE": "32",
            "INIT_WEIGHTS": "",
            "EPOCHS": "1",
            "MIN_ACCURACY": "0",
            "DEVICE": "cpu",
        },
        log=tmp_path / "train.log",
    )
    assert training.wait(LIMIT_S) == 0, str(training)
    said = count + JUDGING + 2
    counts = f"verdicts={said} images={count + 2} judging={JUDGING} alike=0"
    line = f"{counts} folder={tmp_path / 'review'}"
    assert training.wait_for_line(line, 1)
    assert training.wait_for_line("left out label='violet': it has 2 verdicts", 1)
    assert json.loads((tmp_path / "classes.json").read_text()) == {
        "0": "blue",
        "1": "green",
        "2": "red",
    }
    assert (tmp_path / "model.pth").exists()
