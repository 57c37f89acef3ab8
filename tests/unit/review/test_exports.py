"""Verdicts for other programs.

What these read is in their own words here:

- FiftyOne: `FiftyOneImageClassificationDatasetImporter` of fiftyone/utils/data/importers.py. It
  reads `classes` and `labels` of the JSON file, and takes each key of `labels` for a path below the
  folder of the images, without its extension; the value is an index of `classes`.
- Label Studio: "Import pre-annotated data" (docs/source/guide/predictions.md). A task has `data`,
  and in `predictions` and `annotations` results with `from_name`, `to_name`, `type` and `value`,
  which for `choices` is `{"choices": [LABEL]}`. Local files are at `/data/local-files/?d=PATH`
  (docs/source/guide/storage.md, "Local storage").
"""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.unit.fakes import candidate, kept
from velox.base.candidates import Judged, Kept
from velox.base.files import write_whole
from velox.review import archive
from velox.review.archive import write_folder, write_zip
from velox.review.exports import Exported, as_csv, place_of, without_images
from velox.stores.sqlite_verdicts import SQLiteVerdicts

ODD = "<img src=x>/../.."
NONE: frozenset[str] = frozenset()
AT = "2026-01-01T00:00:00.000Z"


def filled(store: SQLiteVerdicts) -> None:
    """Five images: two cats, one with an odd label, one that cannot be told, one that waits."""
    store.write([kept(number, image=f"image {number}".encode()) for number in range(5)])
    store.judge([candidate(0).id, candidate(1).id], "cat", "ann", AT)
    store.judge([candidate(2).id], ODD, "ann", AT)
    store.judge([candidate(3).id], None, "ann", AT)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def images(found: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in found.items() if "/" in name}


def test_a_folder_is_what_training_reads(store: SQLiteVerdicts, tmp_path: Path) -> None:
    filled(store)
    assert write_folder(store, tmp_path / "out", without=NONE) == (3, 4)
    found = files(tmp_path / "out")
    odd = next(name for name in found if "img" in name)
    assert images(found) == {
        "cat/image_data-0-0-1700000000123.jpg": b"image 0",
        "cat/image_data-0-1-1700000000123.jpg": b"image 1",
        odd: b"image 2",
    }
    assert odd.count("/") == 1
    assert set(found) - set(images(found)) == {"verdicts.csv", "label-studio.json", "fiftyone.json"}


def test_nothing_that_is_stored_leads_out_of_the_folder(
    store: SQLiteVerdicts, tmp_path: Path
) -> None:
    """Anybody who can write to the database chooses ids, labels and extensions."""
    foreign = replace(candidate(0), id="../../../escaped", extension="/../../x")
    store.write([Kept(foreign, b"image"), Kept(replace(foreign, id=""), b"image")])
    store.judge([foreign.id, ""], "..", "ann", AT)
    out = tmp_path / "a" / "b" / "out"
    assert write_folder(store, out, without=NONE) == (2, 2)
    assert len(images(files(out))) == 2
    assert [each for each in (tmp_path / "a").rglob("*") if each.is_file()] == [
        each for each in out.rglob("*") if each.is_file()
    ]


def test_a_label_named_like_a_table_gets_a_folder_beside_it(
    store: SQLiteVerdicts, tmp_path: Path
) -> None:
    """It may be a label of the model."""
    store.write([kept(0, label="verdicts.csv")])
    store.judge([candidate(0).id], "verdicts.csv", "ann", AT)
    assert write_folder(store, tmp_path / "out", without=NONE) == (1, 1)
    (name,) = images(files(tmp_path / "out"))
    assert name.startswith("%76erdicts.csv/")


def test_a_verdict_that_changed_moves_its_image_and_nothing_else(
    store: SQLiteVerdicts, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    filled(store)
    write_folder(store, out, without=NONE)
    (out / "cat" / "own.jpg").write_bytes(b"the user's")
    store.judge([candidate(0).id], "dog", "ann", AT)
    store.take_back([candidate(2).id], "ann", AT)
    write_folder(store, out, without=NONE)
    assert images(files(out)) == {
        "cat/image_data-0-1-1700000000123.jpg": b"image 1",
        "cat/own.jpg": b"the user's",
        "dog/image_data-0-0-1700000000123.jpg": b"image 0",
    }


@pytest.mark.parametrize("end", ["verdicts.csv", "dog/image_data-0-0-1700000000123.jpg"])
@pytest.mark.parametrize("before", [True, False])
def test_what_an_export_wrote_that_was_killed_is_no_image_of_two_labels(
    end: str,
    before: bool,
    store: SQLiteVerdicts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(BaseException):
        pass

    def killed_after(path: Path, data: bytes) -> None:
        write_whole(path, data)
        if path == out / end:
            raise Killed

    out = tmp_path / "out"
    store.write([kept(0, image=b"image 0")])
    if before:
        store.judge([candidate(0).id], "cat", "ann", AT)
        write_folder(store, out, without=NONE)
    store.judge([candidate(0).id], "dog", "ann", AT)
    with monkeypatch.context() as patch:
        patch.setattr(archive, "write_whole", killed_after)
        with pytest.raises(Killed):
            write_folder(store, out, without=NONE)
    store.judge([candidate(0).id], "cow", "ann", AT)
    write_folder(store, out, without=NONE)
    found = files(out)
    assert images(found) == {"cow/image_data-0-0-1700000000123.jpg": b"image 0"}
    assert set(found) - set(images(found)) == {"verdicts.csv", "label-studio.json", "fiftyone.json"}


def test_a_table_that_was_changed_removes_nothing_elsewhere(
    store: SQLiteVerdicts, tmp_path: Path
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    out.mkdir()
    other.write_text("stays")
    (out / "verdicts.csv").write_text("id,file\n1,../other\n2,/etc/hostname\n3,../../other\n4,\n")
    write_folder(store, out, without=NONE)
    assert other.read_text() == "stays"


def test_an_archive_holds_the_same(store: SQLiteVerdicts, tmp_path: Path) -> None:
    filled(store)
    write_folder(store, tmp_path / "out", without=NONE)
    file = io.BytesIO()
    write_zip(store, file, without=NONE)
    with zipfile.ZipFile(file) as zipped:
        assert zipped.testzip() is None
        assert {name: zipped.read(name) for name in zipped.namelist()} == files(tmp_path / "out")


def test_the_table_says_who_said_what_and_when(store: SQLiteVerdicts) -> None:
    filled(store)
    rows = list(
        csv.DictReader(
            io.StringIO(as_csv(without_images(store, without=NONE)).decode(), newline="")
        )
    )
    assert [each["label"] for each in rows] == ["cat", "cat", ODD, ""]
    assert rows[0]["id"] == candidate(0).id
    assert (rows[0]["judged_by"], rows[0]["judged_at"]) == ("ann", AT)
    assert rows[0]["predicted_label"] == "red_circle"
    assert [each["file"] == "" for each in rows] == [False, False, False, True]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_spreadsheet_takes_a_text_for_a_formula(text: str) -> None:
    judged = Judged(replace(candidate(0, label=text), source=text), text, text, AT)
    (row,) = csv.DictReader(io.StringIO(as_csv([Exported(judged, place_of(judged))]).decode()))
    assert {row[name] for name in ("label", "judged_by", "predicted_label", "source")} == {
        f"'{text}"
    }
    assert row["file"][0] not in "=+-@"


def test_fiftyone_finds_each_image_and_its_class(store: SQLiteVerdicts, tmp_path: Path) -> None:
    filled(store)
    write_folder(store, tmp_path / "out", without=NONE)
    content = json.loads((tmp_path / "out" / "fiftyone.json").read_text())
    there = {os.path.splitext(name)[0] for name in images(files(tmp_path / "out"))}
    assert content["labels"].keys() == there
    named = {key: content["classes"][index] for key, index in content["labels"].items()}
    assert named["cat/image_data-0-0-1700000000123"] == "cat"
    assert sorted(named.values()) == sorted([ODD, "cat", "cat"])


def test_label_studio_gets_tasks_with_what_was_said_and_predicted(
    store: SQLiteVerdicts, tmp_path: Path
) -> None:
    filled(store)
    write_folder(store, tmp_path / "out", without=NONE)
    tasks: list[dict[str, Any]] = json.loads((tmp_path / "out" / "label-studio.json").read_text())
    assert len(tasks) == 3
    for task in tasks:
        address = urlsplit(task["data"]["image"])
        assert address.path == "/data/local-files/"
        assert (tmp_path / "out" / parse_qs(address.query)["d"][0]).is_file()
    (said,) = tasks[0]["annotations"][0]["result"]
    assert said == {
        "from_name": "choice",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": ["cat"]},
    }
    assert tasks[0]["predictions"][0]["score"] == 0.5
    assert tasks[0]["predictions"][0]["result"][0]["value"] == {"choices": ["red_circle"]}


def test_images_that_judge_are_named_and_not_taken_along(
    store: SQLiteVerdicts, tmp_path: Path
) -> None:
    filled(store)
    assert write_folder(store, tmp_path / "out", without=frozenset({candidate(0).id})) == (2, 4)
    content = json.loads((tmp_path / "out" / "fiftyone.json").read_text())
    assert "cat/image_data-0-0-1700000000123" not in content["labels"]
    assert candidate(0).id in (tmp_path / "out" / "verdicts.csv").read_text()
