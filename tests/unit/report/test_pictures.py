import base64
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rig.pictures import encoded
from tests.unit.fakes import detection
from velox.base.records import Detection
from velox.report import pictures

NAME = "image_data-0-{}-1700000000123.jpg"


def stored(folder: Path, number: int) -> Detection:
    path = folder / NAME.format(number)
    path.write_bytes(encoded(number, size=400))
    return replace(detection(number), file_path=str(path))


def test_the_images_that_are_there_become_small_pictures(tmp_path: Path) -> None:
    there, gone = stored(tmp_path, 1), replace(detection(2), file_path=NAME.format(2))
    found = pictures.pictures([there, gone, detection(3)], tmp_path)
    assert list(found) == [there.id]
    head, _, data = found[there.id].partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data).startswith(b"\xff\xd8")


def test_a_container_s_path_is_looked_for_in_the_folder(tmp_path: Path) -> None:
    elsewhere = replace(stored(tmp_path, 1), file_path="/discoveries/" + NAME.format(1))
    assert pictures.pictures([elsewhere], tmp_path)


@pytest.mark.parametrize("name", ["secret.jpg", "../secret.jpg", "a\0b-1-1-1.jpg", "", "/", ".."])
def test_no_other_file_is_ever_shown(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for place in (folder, tmp_path):
        (place / "secret.jpg").write_bytes(encoded(1))
    (tmp_path / NAME.format(7)).write_bytes(encoded(1))
    outside = replace(detection(), file_path=name)
    above = replace(detection(), file_path="../" + NAME.format(7))
    assert pictures.pictures([outside, above], folder) == {}


def test_a_broken_file_is_left_out(tmp_path: Path) -> None:
    broken = stored(tmp_path, 1)
    (tmp_path / NAME.format(1)).write_bytes(b"<svg onload=alert(1)>")
    assert pictures.pictures([broken], tmp_path) == {}


def test_all_pictures_together_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detections = [stored(tmp_path, number) for number in range(10)]
    one = len(pictures.pictures(detections[:1], tmp_path)[detections[0].id])
    monkeypatch.setattr(pictures, "MAX_TOTAL_BYTES", int(2.5 * one))
    assert len(pictures.pictures(detections, tmp_path)) == 2
