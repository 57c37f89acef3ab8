"""A training leaves what lets a consumer start without PyTorch, before the model is there."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.unit.models.engine.networks import telling
from velox.models.checkpoint import Checkpoint, save
from velox.models.engine import graphs
from velox.training.made_ready import make_ready

MADE = ".model.pth.made"


def written(folder: Path) -> Checkpoint:
    model, classes = folder / "model.pth", folder / "classes.json"

    def before(checkpoint: Checkpoint) -> None:
        assert not model.exists()
        make_ready(checkpoint, model)

    return save(telling(passes=1), model, classes, before=before)


def test_graphs_and_choice_lie_beside_the_model(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the packages of requirements-onnx.txt")
    saved = written(tmp_path)
    found = graphs.found(tmp_path / "model.pth", tmp_path / "classes.json")
    assert found is not None
    assert (found.digest, found.labels) == (saved.digest, saved.labels)
    assert {each.suffix for each in (tmp_path / MADE).iterdir()} == {".model", ".choice"}


def test_without_the_packages_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphs, "find_spec", lambda _name: None)
    written(tmp_path)
    assert {each.name for each in tmp_path.iterdir()} == {"model.pth", "classes.json"}


def test_what_goes_wrong_costs_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    export = pytest.importorskip("velox.models.engine.export")
    monkeypatch.setattr(export, "made", partial(int, "no number"))
    written(tmp_path)
    assert (tmp_path / "model.pth").exists()
    assert "nothing kept for a faster start" in caplog.text
