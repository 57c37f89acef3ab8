"""A model that is compared for as long as its file lies there."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.consumer.shadow.stand_ins import Other, batch, shadow_of, shown
from tests.unit.fakes import value
from velox.base.errors import CheckpointError, EngineOutOfMemory
from velox.consumer.shadow.lane import Lane
from velox.consumer.shadow.side import Side
from velox.consumer.stages.decoder import Decoder
from velox.models.files import ModelFiles
from velox.monitoring.metrics import Metrics
from velox.monitoring.shadow_metrics import COMPARISON


class Parts:
    """A lane, and a file whose text is the digest."""

    def __init__(self, folder: Path, decoder: Decoder) -> None:
        self.path = folder / "next.pth"
        self.metrics = Metrics()
        self.lane = Lane(self.metrics.shadow)
        self.made: list[Other] = []
        self.errors: list[Exception] = []
        self.side = Side(
            self.lane,
            files=ModelFiles(self.path),
            load=self._load,
            engine_of=self._engine,
            shadow_of=lambda engine: shadow_of(engine, decoder, self.metrics, role=COMPARISON),
            interval=10.0,
        )

    def put(self, text: str) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.path)

    def _load(self) -> Any:
        if self.errors:
            raise self.errors.pop(0)
        return SimpleNamespace(digest=self.path.read_text())

    def _engine(self, checkpoint: Any) -> Any:
        engine = Other()
        engine.digest = checkpoint.digest
        self.made.append(engine)
        return engine

    def digest(self) -> str | None:
        return None if self.lane.comparison is None else self.lane.comparison.engine.digest

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.side.look()


@pytest.fixture
def parts(tmp_path: Path, decoder: Decoder) -> Parts:
    return Parts(tmp_path, decoder)


def test_a_model_runs_once_it_is_there_and_another_takes_its_place(parts: Parts) -> None:
    parts.look(2)
    assert parts.digest() is None
    parts.put("first")
    parts.look(3)
    assert parts.digest() == "first"
    labels = {"digest": "first", "role": "comparison"}
    assert value(parts.metrics, "velox_shadow_model", **labels) == 1
    parts.put("second")
    parts.look(2)
    assert parts.digest() == "second"
    assert [each.closed for each in parts.made] == [1, 0]
    assert value(parts.metrics, "velox_shadow_model", **labels) is None


def test_the_same_model_once_more_goes_on(parts: Parts) -> None:
    parts.put("first")
    parts.look()
    before = parts.lane.comparison
    parts.put("first")
    parts.look(2)
    assert parts.lane.comparison is before


def test_a_bad_file_is_said_once_and_tried_again_once_it_changes(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.errors = [CheckpointError("it is broken")]
    parts.put("first")
    parts.look(5)
    assert parts.digest() is None
    assert caplog.text.count("no shadow model runs next_try_s=never") == 1
    parts.put("second")
    parts.look()
    assert parts.digest() == "second"


def test_a_bad_file_leaves_the_one_that_runs_and_says_so(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.put("first")
    parts.look()
    parts.errors = [CheckpointError("it is broken")]
    parts.put("second")
    parts.look(2)
    assert parts.digest() == "first"
    assert "new shadow model not loaded, keeping the old one next_try_s=never" in caplog.text
    assert "no shadow model runs" not in caplog.text


def test_one_without_memory_is_tried_again(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    parts.errors = [EngineOutOfMemory("no memory")]
    parts.put("first")
    parts.look(2)
    assert parts.digest() == "first"
    assert "no shadow model runs next_try_s=10 error=EngineOutOfMemory" in caplog.text


def test_one_that_fails_at_work_is_closed_and_tried_a_few_times(parts: Parts) -> None:
    parts.put("first")
    for _ in range(30):
        parts.look()
        if (shadow := parts.lane.comparison) is not None:
            parts.made[-1].broken = True
            shadow.see(shown(batch([94])))
    assert len(parts.made) == 3
    assert all(each.closed == 1 for each in parts.made)
    assert parts.lane.comparison is None
