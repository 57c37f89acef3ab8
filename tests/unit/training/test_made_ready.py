"""A training leaves what lets a consumer start without PyTorch, before the model is there."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from threading import Event

import pytest

from tests.unit.models.engine.networks import telling
from velox.models.checkpoint import Checkpoint, save
from velox.models.engine import graphs
from velox.settings.training import TrainSettings
from velox.training.made_ready import make_ready
from velox.training.model_files import refused, use_refused
from velox.training.run import train

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


def test_a_model_that_stays_is_made_ready_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is from elsewhere or from before an upgrade, and consumers may not write beside it."""
    export = pytest.importorskip("velox.models.engine.export")
    files = (tmp_path / "model.pth", tmp_path / "classes.json")
    save(telling(passes=1), *files)
    environment = {"MODEL_PATH": str(files[0]), "CLASSES_PATH": str(files[1])}
    settings = TrainSettings.load(environment)
    assert train(settings, Event(), if_missing=True) == 0
    assert graphs.found(*files) is not None
    monkeypatch.setattr(export, "made", pytest.fail)
    assert train(settings, Event(), if_missing=True) == 0


def test_a_refused_model_that_is_used_after_all_is_made_ready(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the packages of requirements-onnx.txt")
    files = (tmp_path / "model.pth", tmp_path / "classes.json")
    save(telling(passes=1), *map(refused, files))
    use_refused(*files)
    assert graphs.found(*files) is not None


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
