"""Files appear whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from velox.base.files import write_whole


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["model.pth"]


def test_others_may_read_it(tmp_path: Path) -> None:
    write_whole(tmp_path / "model.pth", b"x")
    assert stat.S_IMODE((tmp_path / "model.pth").stat().st_mode) == 0o644


def test_a_reader_keeps_what_it_opened(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    write_whole(path, b"old")
    with path.open("rb") as reader:
        write_whole(path, b"new")
        assert reader.read() == b"old"


def test_nothing_is_left_of_a_write_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.pth"
    write_whole(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=rf"No space left on device: '{path}'"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.pth"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "none" / "model.pth"
    with pytest.raises(FileNotFoundError, match=f"'{path}'"):
        write_whole(path, b"x")
