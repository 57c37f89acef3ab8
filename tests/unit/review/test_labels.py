"""Labels that are offered, that are allowed, and that name a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import unquote

import pytest

from velox.review.labels import TABLES, ModelLabels, as_file_name, why_not

ODD = [
    *(
        "..",
        ".",
        "",
        "a/b",
        "../../etc/passwd",
        "\x00",
        "a\nb",
        "C:\\x",
        "-rf",
        "=1+1",
        "@x",
        "%2E",
    ),
    *(
        "<b>bold</b>",
        "a" * 300,
        "ä" * 200,
        "\ud800",
        "con",
        "~",
        "*",
        "é",
        "label with spaces",
        " ",
    ),
]


@pytest.mark.parametrize("label", ["cat", "a cat & a dog", "<b>", "日本", "50 %", "a.b", "-1"])
def test_usual_labels_are_allowed(label: str) -> None:
    assert why_not(label) is None


@pytest.mark.parametrize(
    "label", ["", " a", "a ", "a/b", "..", ".a", "a\nb", "a\x00", "a" * 101, "e\u0301", "\ud800"]
)
def test_labels_that_no_folder_could_have_are_not(label: str) -> None:
    assert why_not(label) is not None


@pytest.mark.parametrize("label", [*TABLES, "Verdicts.CSV"])
def test_a_label_named_like_a_file_of_the_export_is_not_and_could_be_exported(
    label: str, tmp_path: Path
) -> None:
    """A model that was trained elsewhere may have it."""
    reason = why_not(label)
    assert reason is not None
    assert label in reason
    for table in TABLES:
        (tmp_path / table).write_text("x")
    (tmp_path / as_file_name(label)).mkdir()
    assert unquote(as_file_name(label)) == label


def test_a_label_whose_name_would_be_cut_is_not_allowed() -> None:
    assert why_not("\u65e5" * 66) is None
    assert why_not("\u65e5" * 67) is not None


def test_any_text_names_one_file_of_its_own_in_the_folder(tmp_path: Path) -> None:
    names = [as_file_name(each) for each in ODD]
    assert len(set(names)) == len(ODD)
    for name in names:
        (tmp_path / name).write_text("x")
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    assert all(name[0] not in "-=+@." for name in names)


@pytest.mark.parametrize("label", ["cat", "label with spaces", "日本", "red_circle"])
def test_a_usual_label_names_the_folder_as_it_is(label: str) -> None:
    assert as_file_name(label) == label


def test_the_models_labels_are_read_again_when_they_change(tmp_path: Path) -> None:
    path = tmp_path / "classes.json"
    labels = ModelLabels(path)
    assert list(labels.now()) == []
    path.write_text(json.dumps({str(number): f"label {number}" for number in range(12)}))
    assert list(labels.now()) == [f"label {number}" for number in range(12)]
    path.write_text('{"0": "other"}')
    assert list(labels.now()) == ["other"]
    path.write_text("[1")
    assert list(labels.now()) == ["other"], "what was there is better than nothing"
