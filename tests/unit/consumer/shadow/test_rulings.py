import errno
import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from tests.rig.waiting import eventually
from velox.base.errors import CheckpointError
from velox.consumer.shadow import rulings as rulings_module
from velox.consumer.shadow.rulings import MOST, Rulings, State, Written
from velox.models.description import digest
from velox.models.engine.kept import Kept

LIMIT_S = 60.0


def written(model: str, *, beside: str = "old", taken: bool = False) -> Written:
    return Written(model, beside, taken, "it is worse", "2026-01-31T12:00:00.000Z", {"images": 100})


@pytest.fixture
def rulings(tmp_path: Path) -> Rulings:
    (tmp_path / "model.pth").write_bytes(b"weights")
    return Rulings(tmp_path / "shared", tmp_path / "model.pth", "group")


def test_what_is_written_down_is_read_again(rulings: Rulings) -> None:
    assert rulings.read() is None
    state = State("old").after(written("new"))
    rulings.write(state)
    assert rulings.read() == state
    content = json.loads((rulings.folder / "rulings.json").read_text())
    assert content["in_use"] == "old"
    assert content["rulings"][0]["reason"] == "it is worse"


def test_a_refusal_holds_beside_the_same_model_alone() -> None:
    state = State("old").after(written("new"))
    assert state.refusal("new") == written("new")
    assert state.refusal("newer") is None
    later = state.after(written("newer", taken=True))
    assert later.in_use == "newer"
    assert later.refusal("new") is None, "it may be tried beside another"
    assert later.refusal("newer") is None


def test_of_what_was_decided_the_last_is_remembered() -> None:
    state = State("old")
    for number in range(MOST + 5):
        state = state.after(written(str(number)))
    assert len(state.rulings) == MOST
    assert state.rulings[-1].model == str(MOST + 4)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"in_use": "a", "rulings": [1]}', b"\xff"]
)
def test_what_is_no_ruling_is_as_if_there_were_none(rulings: Rulings, content: bytes) -> None:
    rulings.write(State("old"))
    (rulings.folder / "rulings.json").write_bytes(content)
    assert rulings.read() is None


def test_what_a_later_version_adds_is_passed_over(rulings: Rulings) -> None:
    rulings.write(State("old").after(written("new")))
    path = rulings.folder / "rulings.json"
    content = json.loads(path.read_text())
    content["rulings"][0]["more"] = content["more"] = 1
    path.write_text(json.dumps(content))
    found = rulings.read()
    assert found is not None
    assert found.refusal("new") == written("new")


def test_a_change_is_told_once(rulings: Rulings) -> None:
    assert rulings.changed()
    assert not rulings.changed()
    rulings.write(State("old"))
    assert rulings.changed()
    assert not rulings.changed()


def test_a_model_is_copied_with_its_labels_and_let_go_of_once_it_is_not_in_use(
    rulings: Rulings,
) -> None:
    name = digest(b"weights")
    assert rulings.at_model_path() == name
    rulings.keep(name, ("a", "b"))
    model, classes = rulings.place(name)
    assert model.read_bytes() == b"weights"
    assert json.loads(classes.read_text()) == {"0": "a", "1": "b"}
    rulings.write(State(name))
    assert model.exists()
    rulings.write(State("another"))
    assert not model.exists()
    assert not classes.exists()


def test_what_was_made_of_a_copy_goes_with_it(rulings: Rulings) -> None:
    for name in ("old", "new"):
        rulings.write(State(name))
        Kept(rulings.place(name)[0]).keep_model(name, b"made of it")
    rulings.write(State("new"))
    assert Kept(rulings.place("old")[0]).model("old") is None
    assert Kept(rulings.place("new")[0]).model("new") == b"made of it"
    assert [each.name for each in rulings.folder.glob(".*")] == [".new.pth.made"]
    rulings.forget()
    assert list(rulings.folder.iterdir()) == []


def test_another_model_than_was_meant_is_not_copied(rulings: Rulings) -> None:
    with pytest.raises(CheckpointError, match="has changed meanwhile"):
        rulings.keep("0123456789ab", ("a",))
    assert not rulings.place("0123456789ab")[0].exists()


def test_where_a_copy_finds_no_place_it_says_which_folder_is_meant(
    rulings: Rulings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(rulings_module, "write_whole", full)
    with pytest.raises(OSError, match="No space left on device") as raised:
        rulings.keep(digest(b"weights"), ("a",))
    assert str(rulings.folder) in str(raised.value)


def test_a_model_that_is_missing_is_said_to_be(rulings: Rulings, tmp_path: Path) -> None:
    (tmp_path / "model.pth").unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        rulings.at_model_path()


def test_other_models_and_other_groups_have_rulings_of_their_own(tmp_path: Path) -> None:
    folders = {
        Rulings(tmp_path, Path(model), group).folder
        for model in ("/models/a.pth", "/models/b.pth")
        for group in ("one", "two")
    }
    assert len(folders) == 4
    assert {each.parent for each in folders} == {tmp_path / "models"}


def test_one_decides_at_a_time(rulings: Rulings, tmp_path: Path) -> None:
    other = Rulings(tmp_path / "shared", tmp_path / "model.pth", "group")
    assert rulings.hold()
    assert rulings.hold(), "it stays the one"
    assert not other.hold()
    rulings.release()
    assert other.hold()
    assert not rulings.hold()
    other.release()


def _hold_for_ever(folder: Path, told: Path) -> None:
    assert Rulings(folder / "shared", folder / "model.pth", "group").hold()
    told.touch()
    signal.pause()


def test_one_that_is_killed_decides_no_more(rulings: Rulings, tmp_path: Path) -> None:
    told = tmp_path / "told"
    process = multiprocessing.get_context("spawn").Process(
        target=_hold_for_ever, args=(tmp_path, told)
    )
    process.start()
    eventually(told.exists, LIMIT_S, "another process that decides")
    assert not rulings.hold()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(LIMIT_S)
    assert rulings.hold()
    rulings.release()


def test_a_lock_that_somebody_removed_keeps_nobody_out(rulings: Rulings, tmp_path: Path) -> None:
    other = Rulings(tmp_path / "shared", tmp_path / "model.pth", "group")
    assert rulings.hold()
    (rulings.folder / "lock").unlink()
    assert other.hold()
    assert not rulings.hold()
    other.release()


def test_what_is_forgotten_is_gone(rulings: Rulings) -> None:
    rulings.forget()
    rulings.keep(digest(b"weights"), ("a",))
    rulings.write(State(digest(b"weights")))
    rulings.forget()
    assert rulings.read() is None
    assert [each.name for each in rulings.folder.iterdir()] == []
