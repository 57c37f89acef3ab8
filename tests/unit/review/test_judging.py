"""Images that nobody may train on: those that judge the running model, and their neighbours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.rig import pictures
from tests.unit.fakes import candidate, kept
from velox.base.candidates import Kept
from velox.review.judging import Judging
from velox.stores.sqlite_verdicts import SQLiteVerdicts

AT = "2026-01-01T00:00:00.000Z"
PIXELS = 1_000_000


def judge(store: SQLiteVerdicts, *numbers: int) -> None:
    store.judge([candidate(number).id for number in numbers], "cat", "ann", AT)


def test_what_judges_the_running_model_is_its_random_share(store: SQLiteVerdicts) -> None:
    old = replace(candidate(1, random=True, age=60), model="old")
    store.write([Kept(old, b"x"), kept(2, random=True), kept(3), kept(4, random=True)])
    judge(store, 1, 2, 3)
    assert Judging(store, max_pixels=PIXELS).now().ids == {candidate(2).id}


def test_what_was_kept_since_the_last_training_judges_too(store: SQLiteVerdicts) -> None:
    old = replace(candidate(1, random=True, age=60), model="old")
    store.write([Kept(old, b"x"), kept(2, random=True)])
    judge(store, 1, 2)
    judging = Judging(store, max_pixels=PIXELS)
    assert judging.now(old.kept_at).judging == {old.id, candidate(2).id}
    assert judging.now(candidate(2).kept_at).judging == {candidate(2).id}


def test_what_shows_nearly_the_same_is_left_out_too_whatever_it_is_called(
    store: SQLiteVerdicts,
) -> None:
    image = pictures.encoded(1)
    store.write(
        [
            kept(1, random=True, image=image),
            kept(2, image=image),
            kept(3, image=pictures.saved_again(image)),
            kept(4, image=pictures.encoded(4)),
            kept(5, image=b"no image"),
            kept(6, image=pictures.saved_again(image)),
        ]
    )
    judge(store, 1, 2, 4, 5)
    store.judge([candidate(3).id], "dog", "bob", AT)
    found = Judging(store, max_pixels=PIXELS).now()
    assert found.judging == {candidate(1).id}
    assert found.alike == {candidate(2).id, candidate(3).id}, "6 has no verdict, so nobody has it"


def test_what_is_known_of_images_is_remembered_and_forgotten_with_them(
    store: SQLiteVerdicts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export of many verdicts is asked for again and again."""
    image = pictures.encoded(1)
    store.write([kept(1, random=True, image=image), kept(2, image=image), kept(3, image=image)])
    judge(store, 1, 2)
    judging = Judging(store, max_pixels=PIXELS)
    read: list[str] = []
    original = store.image

    def noted(identity: str) -> bytes | None:
        read.append(identity)
        return original(identity)

    monkeypatch.setattr(store, "image", noted)
    for _ in range(2):
        assert judging.now().alike == {candidate(2).id}
    assert read == [candidate(1).id, candidate(2).id]
    store.take_back([candidate(2).id], "ann", AT)
    judge(store, 3)
    assert judging.now().alike == {candidate(3).id}
    assert read[2:] == [candidate(3).id]


def test_where_nothing_judges_no_image_is_read(
    store: SQLiteVerdicts, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write([kept(1), kept(2)])
    judge(store, 1, 2)
    monkeypatch.setattr(store, "image", lambda _: pytest.fail("an image was read"))
    assert Judging(store, max_pixels=PIXELS).now().ids == frozenset()
