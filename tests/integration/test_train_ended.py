"""`train.py` as a process: how it ends before it has a model, or with one that is refused."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from tests.rig.processes import ROOT
from tests.rig.small_training import (
    LIMIT_S,
    LOCK,
    LOOK,
    REPORTS,
    WRITTEN,
    error,
    files,
    pictures,
    start,
    trained,
)
from velox.models import checkpoint as model

# PyTorch's own end is part of it, which takes seconds on a busy machine.
STOP_LIMIT_S = 60
REFUSED = {
    "model.refused.pth",
    "classes.refused.json",
    *(name.replace("model.", "model.refused.") for name in REPORTS),
}

# From within, since from without its end might come first.
KILLED = """
import logging, os, runpy, signal
handle = logging.Logger.handle
def killing(self, record):
    handle(self, record)
    if record.getMessage().startswith("epoch=2/6 "):
        os.kill(os.getpid(), signal.SIGKILL)
logging.Logger.handle = killing
runpy.run_path({train!r}, run_name="__main__")
"""


def test_a_refused_model_is_kept_and_used_on_a_second_thought(tmp_path: Path) -> None:
    pictures(tmp_path)
    settings = {"EPOCHS": "1", "LEARNING_RATE": "1e-8", "MIN_ACCURACY": "1"}
    said = error(start(tmp_path, **settings))
    assert "the model is refused: test accuracy" in said
    assert "is below MIN_ACCURACY=1; model.refused.pth and its report are kept" in said
    assert "`python train.py --use-refused` uses it all the same" in said
    assert files(tmp_path) == {LOCK, LOOK, ".model.pth.resume", *REFUSED}
    report = (tmp_path / "model.refused.report.txt").read_text()
    assert re.search(r"^refused +test accuracy .* is below MIN_ACCURACY=1$", report, re.MULTILINE)
    kept = model.load(tmp_path / "model.refused.pth", tmp_path / "classes.refused.json")
    # Another least accuracy takes up the same training, at its end.
    again = trained(tmp_path, log="again.log", **{**settings, "MIN_ACCURACY": "0"})
    assert "resuming after epoch=1/1" in again.log
    assert "epoch=1/1 loss" not in again.log
    saved = model.load(tmp_path / "model.pth", tmp_path / "classes.json")
    assert saved.digest == kept.digest
    # And one command without a training does the same.
    (tmp_path / "model.pth").unlink()
    used = trained(tmp_path, "--use-refused", log="used.log")
    assert f"using the refused model=model.pth digest={kept.digest}" in used.log
    assert files(tmp_path) == {LOCK, *WRITTEN}
    assert model.load(tmp_path / "model.pth", tmp_path / "classes.json").digest == kept.digest


def test_without_a_refused_model_there_is_none_to_use(tmp_path: Path) -> None:
    assert "model.refused.pth cannot be read: No such file" in error(
        start(tmp_path, "--use-refused")
    )


def test_own_images_ask_for_better_than_the_commonest_label(tmp_path: Path) -> None:
    pictures(tmp_path)
    said = error(start(tmp_path, EPOCHS="1", LEARNING_RATE="1e-8", MIN_ACCURACY="auto"))
    assert "it is not surely better than always answering" in said


def test_sigterm_ends_it_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    pictures(tmp_path)
    child = start(tmp_path, EPOCHS="10000", PATIENCE="0", LEARNING_RATE="1e-8", RESUME="0")
    child.wait_for_line(r"epoch=1/10000", LIMIT_S)
    assert child.terminate(STOP_LIMIT_S) == 1, str(child)
    assert re.fullmatch(r"error: stopped .*; no model was written", child.log.splitlines()[-1])
    assert files(tmp_path) == {LOCK, LOOK}


def test_a_killed_training_goes_on_to_the_same_model(tmp_path: Path) -> None:
    for name in ("killed", "whole"):
        pictures(tmp_path / name)
    settings = {"EPOCHS": "6", "LEARNING_RATE": "0.001"}
    trained(tmp_path / "whole", **settings)
    program = tmp_path / "killed.py"
    program.write_text(KILLED.format(train=str(ROOT / "train.py")))
    child = start(tmp_path / "killed", program=program, **settings)
    assert child.wait(LIMIT_S) == -signal.SIGKILL, str(child)
    resumed = trained(tmp_path / "killed", log="resumed.log", **settings)
    assert "resuming after epoch=" in resumed.log
    assert files(tmp_path / "killed") >= WRITTEN
    assert ".model.pth.resume" not in files(tmp_path / "killed")
    one, other = (
        model.load(tmp_path / name / "model.pth", tmp_path / name / "classes.json")
        for name in ("killed", "whole")
    )
    assert one.digest == other.digest
