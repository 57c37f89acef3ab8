"""What is kept beside a model: used while everything fits, and as if it were not there else."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from velox.models.engine import kept as module
from velox.models.engine.kept import Kept

DIGEST = "0123456789ab"
ASKED = {"precision": "auto", "thresholds": (0.9, 0.9)}
FOUND = {"precision": "int8", "single": 2}


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "model.pth")


def files(folder: Path) -> list[Path]:
    return sorted((folder / ".model.pth.made").iterdir())


def test_what_was_kept_is_found_again(kept: Kept, tmp_path: Path) -> None:
    assert kept.model(DIGEST) is None
    assert kept.choice(DIGEST, ASKED) == {}
    kept.keep_model(DIGEST, b"graphs")
    kept.keep_choice(DIGEST, ASKED, FOUND)
    again = Kept(tmp_path / "model.pth")
    assert again.model(DIGEST) == b"graphs"
    assert again.choice(DIGEST, ASKED) == FOUND


def test_another_checkpoint_or_question_finds_nothing(kept: Kept) -> None:
    kept.keep_model(DIGEST, b"graphs")
    kept.keep_choice(DIGEST, ASKED, FOUND)
    assert kept.model("ba9876543210") is None
    assert kept.choice("ba9876543210", ASKED) == {}
    assert kept.choice(DIGEST, {**ASKED, "thresholds": (0.9, 0.5)}) == {}


@pytest.mark.parametrize(
    ("name", "other", "model_stays"),
    [
        ("processor", lambda: {"model name": "another"}, True),
        ("_versions", lambda: {"torch": "9.9"}, False),
    ],
)
def test_another_machine_or_version_finds_nothing(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, name: str, other: object, model_stays: bool
) -> None:
    """Graphs are the same on every machine; what is fastest is not."""
    kept.keep_model(DIGEST, b"graphs")
    kept.keep_choice(DIGEST, ASKED, FOUND)
    monkeypatch.setattr(module, name, other)
    assert (kept.model(DIGEST) is not None) is model_stays
    assert kept.choice(DIGEST, ASKED) == {}


def test_what_a_version_kept_that_knows_less_of_a_model_is_not_taken(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a consumer would lack what the checkpoint has, as its thresholds, after an upgrade."""
    with monkeypatch.context() as before:
        before.setattr(module, "_SAID", module._SAID.replace("thresholds,", ""))
        kept.keep_model(DIGEST, b"graphs")
        assert kept.model(DIGEST) == b"graphs"
    assert kept.model(DIGEST) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: data[:30],
        lambda data: data[:-1] + b"!",
        lambda data: b"another program's file",
    ],
)
def test_a_file_that_was_spoiled_is_as_if_it_were_not_there(
    kept: Kept, tmp_path: Path, spoil: object
) -> None:
    kept.keep_model(DIGEST, b"graphs")
    (path,) = files(tmp_path)
    path.write_bytes(spoil(path.read_bytes()))  # type: ignore[operator]
    assert kept.model(DIGEST) is None
    kept.keep_model(DIGEST, b"graphs")
    assert kept.model(DIGEST) == b"graphs"


def test_a_file_under_the_name_of_another_is_not_taken(kept: Kept, tmp_path: Path) -> None:
    kept.keep_model("ba9876543210", b"of another model")
    kept.keep_model(DIGEST, b"graphs")
    other, path = sorted(files(tmp_path), key=lambda each: each.name.startswith(DIGEST))
    path.write_bytes(other.read_bytes())
    assert kept.model(DIGEST) is None


def test_where_nothing_can_be_written_nothing_is_kept_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    (tmp_path / ".model.pth.made").write_text("in the way")
    kept = Kept(tmp_path / "model.pth")
    kept.keep_model(DIGEST, b"graphs")
    kept.keep_choice(DIGEST, ASKED, FOUND)
    assert kept.model(DIGEST) is None
    assert caplog.text.count(f"nothing kept for a faster start in {tmp_path}") == 1
    assert "each start tries the forms of this model anew" in caplog.text


def test_foreign_things_in_the_folder_do_not_keep_old_models_there(
    kept: Kept, tmp_path: Path
) -> None:
    folder = tmp_path / ".model.pth.made"
    (folder / "a.folder").mkdir(parents=True)
    (folder / "broken").symlink_to("nowhere")
    os.utime(folder / "a.folder", (1, 1))
    for name in ("0" * 12, "1" * 12, "2" * 12, "3" * 12):
        kept.keep_model(name, b"graphs")
    assert len([each for each in files(tmp_path) if each.suffix == ".model"]) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_only_be_read_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    kept = Kept(tmp_path / "model.pth")
    kept.keep_model(DIGEST, b"graphs")
    assert kept.model(DIGEST) is None
    tmp_path.chmod(0o755)


def test_the_newest_stay_and_what_a_killed_writer_left_goes(kept: Kept, tmp_path: Path) -> None:
    names = [f"{number:012x}" for number in range(4)]
    for number, name in enumerate(names):
        kept.keep_model(name, b"graphs")
        for path in files(tmp_path):
            if path.name.startswith(name):
                os.utime(path, (number + 1, number + 1))
    left = tmp_path / ".model.pth.made" / ".half.tmp"
    left.write_bytes(b"half")
    kept.keep_choice(names[-1], ASKED, FOUND)
    assert left.exists(), "somebody may be writing it"
    os.utime(left, (1, time.time() - 3600))
    kept.keep_choice(names[-1], ASKED, FOUND)
    assert not left.exists()
    assert [kept.model(name) is not None for name in names] == [False, False, True, True]
    assert kept.choice(names[-1], ASKED) == FOUND


def test_two_that_write_at_once_leave_one_whole(kept: Kept, tmp_path: Path) -> None:
    def write(letter: bytes) -> None:
        for _ in range(20):
            Kept(tmp_path / "model.pth").keep_model(DIGEST, letter * 100_000)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept.model(DIGEST) in (b"a" * 100_000, b"b" * 100_000)
    assert len(files(tmp_path)) == 1
