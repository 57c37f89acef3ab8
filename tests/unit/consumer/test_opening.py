"""Which model a consumer starts with, where another may lie at MODEL_PATH."""

from __future__ import annotations

from pathlib import Path

import pytest

from velox.base.errors import CheckpointError
from velox.consumer.opening import _loaded, engines_of, of_last_decision, rulings_of
from velox.consumer.shadow.rulings import State
from velox.consumer.sources.watch import SourcesWatch
from velox.models.description import digest
from velox.settings.consumer import ConsumerSettings

OLD, NEW = b"old", b"new"


class Place:
    """A model, and what was decided."""

    def __init__(self, folder: Path, gate: str = "100") -> None:
        self.path = folder / "model.pth"
        self.path.write_bytes(OLD)
        self.settings = ConsumerSettings.load(
            {
                "MODEL_PATH": str(self.path),
                "STORAGE_PATH": str(folder / "shared"),
                "SWAP_GATE": gate,
            }
        )
        self.rulings = rulings_of(self.settings)

    def begin(self) -> None:
        self.rulings.keep(digest(OLD), ("a",))
        self.rulings.write(State(digest(OLD)))

    def started_with(self) -> bytes:
        engines = of_last_decision(engines_of(self.settings, SourcesWatch(None)), self.settings)
        assert engines.classes_path != engines.model_path
        return engines.model_path.read_bytes()


def test_the_model_at_its_path_is_used_where_nothing_is_written_down(tmp_path: Path) -> None:
    assert Place(tmp_path).started_with() == OLD


def test_the_model_in_use_is_that_at_its_path(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.begin()
    engines = engines_of(place.settings, SourcesWatch(None))
    assert of_last_decision(engines, place.settings) is engines


@pytest.mark.parametrize("what", ["another", "none"])
def test_a_copy_of_the_model_in_use_is_used_where_another_lies_there(
    tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    place = Place(tmp_path)
    place.begin()
    if what == "none":
        place.path.unlink()
    else:
        place.path.write_bytes(NEW)
    with caplog.at_level("INFO"):
        assert place.started_with() == OLD
    assert "MODEL_PATH holds another model than that in use" in caplog.text


def test_where_the_copy_is_lost_what_lies_there_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = Place(tmp_path)
    place.begin()
    place.path.write_bytes(NEW)
    place.rulings.place(digest(OLD))[0].unlink()
    assert place.started_with() == NEW
    assert "the model in use is lost" in caplog.text


def test_without_a_gate_nothing_is_asked(tmp_path: Path) -> None:
    Place(tmp_path).begin()
    place = Place(tmp_path, gate="0")
    place.path.write_bytes(NEW)
    assert place.started_with() == NEW


def test_without_a_model_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    place = Place(tmp_path)
    engines = engines_of(place.settings, SourcesWatch(None))
    with pytest.raises(CheckpointError) as damaged:
        _loaded(engines)
    assert "train.py" not in str(damaged.value)
    place.path.unlink()
    said = "No such file or directory; train one with `python train.py`, or set MODEL_PATH"
    with pytest.raises(CheckpointError, match=f"model.pth cannot be read: {said}$"):
        _loaded(engines)
