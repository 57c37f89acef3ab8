from __future__ import annotations

from pathlib import Path

import pytest

from velox.training.resume import State, StateFile


def test_the_state_of_another_training_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    StateFile(tmp_path / "state", "one").save(
        State(epochs=1, trainer={}, best={}, best_epoch=0, best_loss=0.1)
    )
    assert StateFile(tmp_path / "state", "other").load() is None
    assert "it belongs to other data or settings" in caplog.text
    assert StateFile(tmp_path / "state", "one").load() is not None


@pytest.mark.parametrize("content", [b"", b"no state", b"PK\x03\x04cut short"])
def test_a_broken_state_is_not_used(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state").write_bytes(content)
    assert StateFile(tmp_path / "state", "one").load() is None
    assert StateFile(tmp_path / "missing", "one").load() is None
