"""The file of SOURCES_PATH: what it says, and how it is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from velox.base.errors import SettingError
from velox.consumer.sources import file
from velox.consumer.sources.file import content, sources_of
from velox.consumer.sources.rules import Rule
from velox.images.cropping import Crop

PATH = Path("sources.json")


def refusal(text: str | bytes) -> str:
    with pytest.raises(SettingError) as refused:
        sources_of(text if isinstance(text, bytes) else text.encode(), PATH)
    said = str(refused.value)
    assert said.startswith(f"SOURCES_PATH: {PATH} line ")
    assert "\n" not in said
    return said.removeprefix(f"SOURCES_PATH: {PATH} line ")


def test_all_that_it_can_say() -> None:
    text = """{
      "door": {"expect_s": 10},
      "line-1/*": {
        "thresholds": {"*": 0.95, "defect": 0.55},
        "targets": ["defect", "scratch"],
        "crop": {"left": 0.1, "top": 0.2, "right": 0.9}
      },
      "*": {"thresholds": 1}
    }"""
    sources = sources_of(b"\xef\xbb\xbf" + text.encode(), PATH)
    assert len(sources) == 3
    assert sources.of_name("door") == Rule(expect_s=10)
    assert sources.of_name("line-1/4") == Rule(
        threshold=0.95,
        of_label={"defect": 0.55},
        targets=frozenset({"defect", "scratch"}),
        crop=Crop(0.1, 0.2, 0.9, 1.0),
    )
    assert sources.of_name("else") == Rule(threshold=1)


def test_it_may_say_nothing() -> None:
    assert len(sources_of(b"{}", PATH)) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", '1: a name in "quotes" is missing'),
        ("[]", "1: the file=[] is not allowed: an object of a name or pattern for each source"),
        ('{\n"door": 7}', "2: 'door'=7 is not allowed: an object of fields"),
        ('{"": {}}', "1: a source's name has 1 to 1000 characters"),
        ('{"a": {},\n"a": {}}', "2: 'a' is there twice"),
        (
            '{"line-*": {},\n"line-1*": {}}',
            "2: 'line-1*' is never used, as 'line-*' above it takes all of it: the first that fits "
            "counts",
        ),
        (
            '{"door":\n{"treshold": 1}}',
            "2: 'door' treshold: there is no such field; thresholds is probably meant",
        ),
        (
            '{"door": {"zoom": 1}}',
            "1: 'door' zoom: there is no such field; there are thresholds, targets, crop, expect_s",
        ),
        (
            '{"door": {"thresholds": "auto"}}',
            "1: 'door' thresholds=\"auto\" is not allowed: a number from 0 to 1, or an object of a "
            "number for each label",
        ),
        (
            '{"door": {"thresholds": {\n"*": 0.9,\n"defect": 1.01}}}',
            "3: 'door' thresholds.defect=1.01 is not allowed: a number from 0 to 1",
        ),
        (
            '{"door": {"thresholds": true}}',
            "1: 'door' thresholds=true is not allowed: a number from 0 to 1, or an object of a "
            "number for each label",
        ),
        (
            '{"door": {"targets": []}}',
            "1: 'door' targets=[] is not allowed: a list of labels, of at least one",
        ),
        (
            '{"door": {"targets": "red"}}',
            "1: 'door' targets=\"red\" is not allowed: a list of labels, of at least one",
        ),
        (
            '{"door": {"targets": ["red",\n""]}}',
            "2: 'door' targets holds \"\", which is no label in quotes",
        ),
        (
            '{"door": {"crop": [0, 0, 1, 1]}}',
            "1: 'door' crop=[0, 0, 1, 1] is not allowed: an object of left, top, right and bottom, "
            "each a fraction of the image's side",
        ),
        (
            '{"door": {"crop": {"x": 0}}}',
            "1: 'door' crop.x: no such side; there are left, top, right, bottom",
        ),
        (
            '{"door": {"crop": {"left": 20}}}',
            "1: 'door' crop.left=20 is not allowed: a number from 0 to 1",
        ),
        (
            '{"door": {\n"crop": {"top": 0.5, "bottom": 0.5}}}',
            "2: 'door' crop: top=0.5 must be less than bottom=0.5: both count from the top",
        ),
        (
            '{"door": {"expect_s": 0}}',
            "1: 'door' expect_s=0 is not allowed: a number from 1 to 604800",
        ),
        ('{"door": {"expect_s": 1e999}}', "1: 'door' expect_s=Infinity is not allowed: a number f"),
        (b'{"door":\n{}, "\xff": {}}', "2: it is not in UTF-8"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_field(text: str | bytes, said: str) -> None:
    assert refusal(text).startswith(said)


def test_a_value_that_is_long_is_cut_in_the_message() -> None:
    assert refusal('{"door": ["' + "x" * 10_000 + '"]}').count("x") < 100


def test_its_size_has_bounds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(file, "MOST_RULES", 2)
    assert "it has 3 entries; at most 2 are allowed" in refusal('{"a": {}, "b": {}, "c": {}}')
    large = tmp_path / "large.json"
    large.write_bytes(b" " * (file.MOST_BYTES + 1))
    with pytest.raises(SettingError, match="has more than 1048576 bytes"):
        content(large)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Neither for who writes to it nor for what they write."""
    pipe = tmp_path / "sources.json"
    os.mkfifo(pipe)
    assert content(pipe) == b""
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pipe, os.O_WRONLY)
    try:
        assert content(pipe) == b""
    finally:
        os.close(writer)
        os.close(reader)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as refused:
        content(tmp_path / "none.json")
    assert str(refused.value) == (
        f"SOURCES_PATH: {tmp_path / 'none.json'} cannot be read: No such file or directory"
    )
