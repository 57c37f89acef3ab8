import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from velox.errors import CheckpointError
from velox.metrics import Metrics
from velox.model_slot import ModelSlot, ModelWatch


class FakeEngine:
    architecture, input_size, device, labels = "fake", 8, "cpu", ("a",)

    def __init__(self, digest: str) -> None:
        self.digest = digest

    def predict(self, batch: Any) -> Any:
        return np.zeros(len(batch), np.int64), np.ones(len(batch), np.float32)


def slot(metrics: Metrics) -> ModelSlot:
    return ModelSlot(FakeEngine("old"), metrics)  # type: ignore[arg-type]


def shown(metrics: Metrics) -> dict[str, float]:
    (family,) = metrics.model_info.collect()
    return {each.labels["digest"]: each.value for each in family.samples}


def value(metrics: Metrics, name: str) -> float:
    found = metrics.registry.get_sample_value(name)
    assert found is not None
    return found


class Checkpoints:
    """A file whose text is the digest; text that begins with 'bad' cannot be used."""

    def __init__(self, path: Path, slot: ModelSlot, metrics: Metrics) -> None:
        self.path = path
        self.classes = path.with_name("classes")
        self.classes.write_text("fitting")
        self.loads = 0
        self.engines = 0
        self.watch = ModelWatch(
            slot,
            model_path=path,
            classes_path=self.classes,
            load=self.load,
            engine_of=self.engine_of,
            metrics=metrics,
            interval=0.01,
        )

    def load(self) -> Any:
        self.loads += 1
        text = self.path.read_text()
        if text.startswith("bad") or self.classes.read_text() != "fitting":
            raise CheckpointError(f"{self.path} is broken")
        return SimpleNamespace(digest=text)

    def engine_of(self, checkpoint: Any) -> Any:
        self.engines += 1
        if checkpoint.digest == "explodes":
            raise RuntimeError("no memory")
        return FakeEngine(checkpoint.digest)

    def replace(self, text: str) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.path)


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Checkpoints, ModelSlot, Metrics]:
    metrics = Metrics()
    models = slot(metrics)
    (tmp_path / "model").write_text("old")
    return Checkpoints(tmp_path / "model", models, metrics), models, metrics


Parts = tuple[Checkpoints, ModelSlot, Metrics]


def test_the_model_that_is_in_use_already_is_not_made_again(parts: Parts) -> None:
    files, models, metrics = parts
    before = models.current
    files.watch.look()
    assert models.current is before
    assert (files.loads, files.engines) == (1, 0)
    assert value(metrics, "velox_model_swaps_total") == 0


def test_an_unchanged_file_is_not_read_again(parts: Parts) -> None:
    files, _, _ = parts
    for _ in range(5):
        files.watch.look()
    assert files.loads == 1


def test_a_new_checkpoint_is_used_from_the_next_batch_on(parts: Parts) -> None:
    files, models, metrics = parts
    batch_under_way = models.current
    files.replace("new")
    files.watch.look()
    assert models.current.engine.digest == "new"
    assert batch_under_way.engine.digest == "old"
    assert shown(metrics) == {"new": 1}
    assert value(metrics, "velox_model_swaps_total") == 1


@pytest.mark.parametrize("content", ["bad file", "explodes"])
def test_what_cannot_be_used_is_refused_once_and_the_old_model_stays(
    parts: Parts, content: str
) -> None:
    files, models, metrics = parts
    files.replace(content)
    files.watch.look()
    files.watch.look()
    assert models.current.engine.digest == "old"
    assert shown(metrics) == {"old": 1}
    assert value(metrics, "velox_model_refusals_total") == 1
    files.replace("mended")
    files.watch.look()
    assert models.current.engine.digest == "mended"


def test_a_checkpoint_whose_labels_come_late_is_used_once_they_are_there(parts: Parts) -> None:
    files, models, metrics = parts
    files.classes.write_text("of another model")
    files.replace("new")
    files.watch.look()
    files.watch.look()
    assert models.current.engine.digest == "old"
    assert value(metrics, "velox_model_refusals_total") == 1
    files.classes.write_text("fitting")
    files.watch.look()
    assert models.current.engine.digest == "new"


@pytest.mark.parametrize("missing", ["path", "classes"])
def test_a_missing_file_changes_nothing(parts: Parts, missing: str) -> None:
    files, models, metrics = parts
    getattr(files, missing).unlink()
    files.watch.look()
    assert models.current.engine.digest == "old"
    assert value(metrics, "velox_model_refusals_total") == 0


def test_the_thread_looks_until_it_is_closed(parts: Parts) -> None:
    files, models, _ = parts
    swapped = threading.Event()
    engine_of = files.watch._engine_of

    def notice(checkpoint: Any) -> Any:
        try:
            return engine_of(checkpoint)
        finally:
            swapped.set()

    files.watch._engine_of = notice
    files.watch.start()
    files.replace("new")
    assert swapped.wait(20)
    files.watch.close()
    files.watch._thread.join(20)
    assert not files.watch._thread.is_alive()
    assert models.current.engine.digest == "new"
