import math
import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from velox.base.errors import CheckpointError, EngineOutOfMemory, SettingError
from velox.consumer.sources.rules import Rule, Sources
from velox.consumer.stages.asked import Asked
from velox.consumer.stages.model_slot import ModelSlot, ModelWatch
from velox.models.checkpoint import load
from velox.models.engine.interface import Predictions
from velox.models.files import MOST_TRIES, ModelFiles, may_pass
from velox.monitoring.metrics import Metrics


class FakeEngine:
    architecture, input_size, device, labels = "fake", 8, "cpu", ("a",)
    precision = "fp32"
    thresholds = (0.9,)
    unknown_above = math.inf
    of_sources: tuple[tuple[float, ...], ...] = ()
    top = 1

    def __init__(self, digest: str) -> None:
        self.digest = digest
        self.closed = 0

    def close(self) -> None:
        self.closed += 1

    def predict(self, batch: Any) -> Any:
        return Predictions.of(np.zeros(len(batch), np.int64), np.ones(len(batch), np.float32))


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
        self.troubles: list[Exception] = []
        self.engines = 0
        self.files = ModelFiles(path, self.classes)
        self.watch = ModelWatch(
            slot,
            files=self.files,
            load=self.load,
            engine_of=self.engine_of,
            metrics=metrics,
            interval=0.01,
        )

    def load(self) -> Any:
        self.loads += 1
        text = self.path.read_text()
        if self.troubles:
            raise self.troubles.pop(0)
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


def test_files_that_the_start_has_read_are_not_read_again_until_they_change(parts: Parts) -> None:
    files, models, _ = parts
    files.files.reading()
    files.watch.look()
    assert files.loads == 0
    files.replace("new")
    files.watch.look()
    assert models.current.engine.digest == "new"


def test_targets_that_the_model_lacks_are_said_at_the_start_and_at_each_swap(
    caplog: pytest.LogCaptureFixture,
) -> None:
    models = ModelSlot(FakeEngine("old"), Metrics(), Asked(targets=frozenset({"a", "A"})))  # type: ignore[arg-type]
    models.swap(FakeEngine("new"))  # type: ignore[arg-type]
    said = [each.getMessage() for each in caplog.records if "TARGET_LABELS" in each.getMessage()]
    words = "TARGET_LABELS: the model has no label 'A' (the nearest is 'a') model="
    assert said == [f"{words}old", f"{words}new"]


def test_thresholds_for_labels_that_a_new_model_lacks_are_said_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    models = ModelSlot(FakeEngine("old"), Metrics(), Asked(with_threshold=["a", "b"]))  # type: ignore[arg-type]
    models.swap(FakeEngine("new"))  # type: ignore[arg-type]
    said = [each.getMessage() for each in caplog.records if "THRESHOLD" in each.getMessage()]
    assert said[-1] == "CONFIDENCE_THRESHOLD: the model has no label 'b' model=new"


def test_what_sources_ask_for_is_said_at_each_swap_and_when_their_rules_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rules = [Sources({"door": Rule(targets=frozenset({"a"}))})]
    models = ModelSlot(FakeEngine("old"), Metrics(), Asked(sources=lambda: rules[-1]))  # type: ignore[arg-type]
    assert not caplog.records
    rules.append(Sources({"door": Rule(targets=frozenset({"b", "a"}))}))
    models.say_what_is_unknown()
    models.swap(FakeEngine("new"))  # type: ignore[arg-type]
    said = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    words = "SOURCES_PATH: 'door' targets: the model has no label 'b' model="
    assert said == [f"{words}old", f"{words}new"]


def test_a_model_that_settings_do_not_go_with_is_not_tried_again_and_again(parts: Parts) -> None:
    files, models, metrics = parts
    files.troubles = [SettingError("CONFIDENCE_THRESHOLD=auto: it has no thresholds")] * 9
    files.replace("new")
    for _ in range(9):
        files.watch.look()
    assert files.loads == 1
    assert models.current.engine.digest == "old"
    assert value(metrics, "velox_model_refusals_total") == 1


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
    files.watch._looking._thread.join(20)
    assert not files.watch._looking._thread.is_alive()
    assert models.current.engine.digest == "new"


def test_a_model_is_closed_once_the_last_batch_that_took_it_has_given_it_back() -> None:
    models = slot(Metrics())
    old: Any = models.current.engine
    first, second = models.take(), models.take()
    assert first is second
    models.swap(FakeEngine("new"))  # type: ignore[arg-type]
    models.give_back(first)
    assert old.closed == 0, "a batch is in it"
    models.give_back(second)
    assert old.closed == 1
    assert models.take().engine.digest == "new"


def test_a_model_that_no_batch_uses_is_closed_at_the_swap() -> None:
    models = slot(Metrics())
    old: Any = models.current.engine
    models.give_back(models.take())
    assert old.closed == 0, "it is the one in use"
    models.swap(FakeEngine("new"))  # type: ignore[arg-type]
    assert old.closed == 1


def test_at_the_end_the_model_is_closed_unless_a_batch_is_in_it() -> None:
    models = slot(Metrics())
    engine: Any = models.current.engine
    under_way = models.take()
    models.close()
    assert engine.closed == 0
    models.give_back(under_way)
    assert engine.closed == 1
    idle = slot(Metrics())
    idle.close()
    assert idle.current.engine.closed == 1  # type: ignore[attr-defined]


def test_a_model_that_cannot_be_closed_is_let_go_of(caplog: pytest.LogCaptureFixture) -> None:
    models = slot(Metrics())
    models.current.engine.close = None  # type: ignore[assignment, method-assign]
    models.swap(FakeEngine("new"))  # type: ignore[arg-type]
    assert models.current.engine.digest == "new"
    assert "old model could not be closed digest=old" in caplog.text


PASSING = [
    MemoryError("no memory for a batch of 8 images"),
    OSError(5, "Input/output error"),
    EngineOutOfMemory("no memory for a batch of 8 images"),
    CheckpointError("model.pth cannot be read: Input/output error"),
]


@pytest.mark.parametrize("trouble", PASSING, ids=lambda error: type(error).__name__)
def test_a_trouble_that_passes_is_waited_out(parts: Parts, trouble: Exception) -> None:
    files, models, metrics = parts
    files.replace("new")
    files.troubles = [trouble] * 6
    looks = 0
    while models.current.engine.digest != "new":
        files.watch.look()
        looks += 1
        assert looks <= 60
    assert files.loads == 7
    assert looks == 1 + 1 + 2 + 4 + 8 + 16 + 16, "longer and longer, with a limit"
    assert value(metrics, "velox_model_refusals_total") == 1, "counted once"


def test_a_file_that_is_bad_is_read_once(parts: Parts) -> None:
    files, _, metrics = parts
    files.replace("bad file")
    for _ in range(100):
        files.watch.look()
    assert files.loads == 1
    assert value(metrics, "velox_model_refusals_total") == 1


def test_an_error_of_no_known_kind_is_tried_again_a_few_times(parts: Parts) -> None:
    files, _, metrics = parts
    files.replace("explodes")
    for _ in range(100):
        files.watch.look()
    assert files.engines == MOST_TRIES
    assert value(metrics, "velox_model_refusals_total") == 1
    files.replace("mended")
    files.watch.look()
    assert files.engines == MOST_TRIES + 1


def test_a_file_that_cannot_be_read_for_a_moment_is_such_a_trouble(tmp_path: Path) -> None:
    """With the real reader: a folder in a file's place is an error that reading alone meets."""
    (tmp_path / "model.pth").mkdir()
    with pytest.raises(CheckpointError) as raised:
        load(tmp_path / "model.pth", tmp_path / "classes.json")
    assert may_pass(raised.value)
    (tmp_path / "bad.pth").write_text("text")
    (tmp_path / "classes.json").write_text("{}")
    with pytest.raises(CheckpointError) as raised:
        load(tmp_path / "bad.pth", tmp_path / "classes.json")
    assert not may_pass(raised.value)
