"""What lies beside the model: one training at a time, and files that are kept or set aside."""

from __future__ import annotations

import errno
import fcntl
import io
import threading
from pathlib import Path

import pytest
import torch

from tests.rig.waiting import eventually
from velox.base.errors import CheckpointError, SettingError
from velox.base.waiting import Stopped
from velox.training.model_files import alone, require_writable, set_aside, usable

WAITING = "waiting for another process that is training model="


def test_a_second_training_waits_for_the_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    order: list[str] = []
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with alone(tmp_path / "model.pth", threading.Event()):
            inside.set()
            leave.wait(20)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)

    def leave_once_waited_for() -> None:
        eventually(lambda: WAITING in caplog.text, 10, "the second to wait")
        leave.set()

    threading.Thread(target=leave_once_waited_for).start()
    with alone(tmp_path / "model.pth", threading.Event()):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert WAITING in caplog.text


def test_waiting_for_another_training_stops(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with (
        alone(tmp_path / "model.pth", threading.Event()),
        pytest.raises(Stopped),
        alone(tmp_path / "model.pth", stop),
    ):
        pass


def test_a_folder_that_cannot_be_written_is_named() -> None:
    with (
        pytest.raises(SettingError, match=r"MODEL_PATH='/proc/none/model\.pth' cannot be used"),
        alone(Path("/proc/none/model.pth"), threading.Event()),
    ):
        pass


def test_a_folder_for_the_labels_that_cannot_be_written_is_named() -> None:
    with pytest.raises(SettingError, match=r"CLASSES_PATH='/proc/none/classes\.json' cannot be us"):
        require_writable(Path("/proc/none/classes.json"))


def test_where_files_cannot_be_locked_it_trains_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with alone(tmp_path / "model.pth", threading.Event()):
        assert "no lock, none else may train" in caplog.text
    assert "reason=No locks available" in caplog.text


def test_a_file_that_is_no_model_is_not_usable_and_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "model.pth"
    assert not usable(path, tmp_path / "classes.json")
    assert caplog.text == ""
    path.write_bytes(b"no model")
    assert not usable(path, tmp_path / "classes.json")
    assert str(path) in caplog.text
    set_aside(path)
    assert not path.exists()
    assert (tmp_path / "model.pth.unusable").read_bytes() == b"no model"


def test_each_file_that_is_set_aside_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    for content in (b"one", b"other", b"third"):
        path.write_bytes(content)
        set_aside(path)
    kept = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    assert kept == {
        "model.pth.unusable": b"one",
        "model.pth.unusable-1": b"other",
        "model.pth.unusable-2": b"third",
    }


@pytest.mark.parametrize("name", ["model.pth", "classes.json"])
def test_a_model_that_cannot_be_read_now_is_not_called_unusable(name: str, tmp_path: Path) -> None:
    content = io.BytesIO()
    torch.save({"weight": torch.zeros(1)}, content)
    (tmp_path / "model.pth").write_bytes(content.getvalue())
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).mkdir()
    with pytest.raises(CheckpointError, match=f"{name} cannot be read: Is a directory"):
        usable(tmp_path / "model.pth", tmp_path / "classes.json")


def test_a_model_that_there_is_no_memory_for_is_not_called_unusable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object, **__: object) -> None:
        raise MemoryError

    content = io.BytesIO()
    torch.save({"weight": torch.zeros(1)}, content)
    (tmp_path / "model.pth").write_bytes(content.getvalue())
    monkeypatch.setattr(torch, "load", none_left)
    with pytest.raises(CheckpointError, match="cannot be read: no memory"):
        usable(tmp_path / "model.pth", tmp_path / "classes.json")


def test_a_model_without_its_labels_is_not_usable(tmp_path: Path) -> None:
    content = io.BytesIO()
    torch.save({"weight": torch.zeros(1)}, content)
    (tmp_path / "model.pth").write_bytes(content.getvalue())
    assert usable(tmp_path / "model.pth", tmp_path / "classes.json") is None
