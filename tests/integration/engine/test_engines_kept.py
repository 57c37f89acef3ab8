"""Engines of a model that was used before: nothing is tried again, and PyTorch is not needed."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from velox.base.thresholds import Thresholds
from velox.consumer.engines import Engines
from velox.models.engine import graphs
from velox.models.engine.graphs import Graphs

ROOT = Path(__file__).parents[3]

PROGRAM = """
import json, sys
from pathlib import Path
import velox.consumer.assembly
from tests.integration.engine.test_engines_kept import engines_beside
from velox.models.engine.trial_images import noise
made = engines_beside(Path(sys.argv[1]), sys.argv[2])
engine = made.first(made.load())
found = engine.predict(noise(engine.input_size, 3))
print(json.dumps([type(engine).__name__, "torch" in sys.modules, found.confidences.tolist()]))
"""


def engines_beside(model: Path, precision: str = "auto") -> Engines:
    return Engines(
        model_path=model,
        classes_path=model.with_name("classes.json"),
        device="auto",
        precision=precision,
        compiled=False,
        memory_fraction=1.0,
        batch_size=2,
        top=1,
        thresholds=Thresholds(0.9),
    )


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that was used before."""
    pytest.importorskip("onnxruntime", reason="needs the packages of requirements-onnx.txt")
    from tests.unit.models.engine.networks import telling
    from velox.models.checkpoint import save

    model = tmp_path_factory.mktemp("used") / "model.pth"
    save(telling("resnet18", size=32, passes=1), model, model.with_name("classes.json"))
    made = engines_beside(model)
    made.first(made.load()).close()
    return model


def started(model: Path, precision: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(model), precision],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_model_that_was_used_before_needs_no_pytorch(used: Path) -> None:
    kind, torch, confidences = started(used, "auto")
    assert (kind, torch) == ("OnnxEngine", False)
    kind, torch, expected = started(used, "bf16")
    assert (kind, torch) == ("TorchEngine", True), "ONNX Runtime has no bfloat16 on the CPU"
    assert np.asarray(confidences) == pytest.approx(np.asarray(expected), abs=1e-3)


def test_a_graph_that_cannot_be_run_gives_way_to_pytorch(
    used: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = engines_beside(used)
    found = made.load()
    assert isinstance(found, Graphs)
    with caplog.at_level(logging.INFO):
        engine = made.later(replace(found, fp32=found.fp32[:-100]))
    assert type(engine).__name__ == "TorchEngine"
    assert "ONNX Runtime is not used: " in caplog.text
    engine.close()


def test_what_pytorch_chose_is_not_tried_again(
    used: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from velox.models.engine.forms import Choice

    monkeypatch.setattr(graphs, "can_run", lambda: False)
    made = engines_beside(used)
    first = made.later(made.load())
    monkeypatch.setattr(Choice, "best", None)
    with caplog.at_level(logging.INFO):
        again = made.later(made.load())
    assert re.search(r"form chosen=fp32-\w+, as kept", caplog.text)
    assert again.precision == first.precision == "fp32"
    for each in (first, again):
        each.close()


def test_a_new_model_brings_its_graphs_or_they_are_made(used: Path, tmp_path: Path) -> None:
    from tests.unit.models.engine.networks import telling
    from velox.models.checkpoint import save

    model = tmp_path / "model.pth"
    made = engines_beside(model)
    new = replace(telling("resnet18", size=32, passes=1), temperature=2.0)
    saved = save(new, model, model.with_name("classes.json"))
    found = made.load()
    assert not isinstance(found, Graphs)
    engine = made.later(found)
    assert (type(engine).__name__, engine.digest) == ("OnnxEngine", saved.digest)
    engine.close()
    again = made.load()
    assert isinstance(again, Graphs)
    assert (again.digest, again.temperature) == (saved.digest, 2.0)
