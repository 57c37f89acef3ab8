import base64
import hashlib
import re
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.rig import hostile
from tests.unit.fakes import detection
from velox.base.accuracy import figures_of
from velox.base.candidates import Tally
from velox.base.records import Detection
from velox.report.page import write_report
from velox.stores.sqlite import SQLiteStore
from velox.stores.sqlite_reader import SQLiteReader


class Elements(HTMLParser):
    """The elements of a page, and whether each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes.extend(attrs)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def written(folder: Path, detections: list[Detection]) -> str:
    with closing(SQLiteStore(folder / "detections.db")) as store:
        store.open()
        store.write(detections)
    with closing(SQLiteReader(folder / "detections.db")) as reader:
        write_report(
            folder / "report.html", reader=reader, folder=folder, images=48, wall_clock=lambda: 0.0
        )
    return (folder / "report.html").read_text()


def test_nothing_found_is_a_report_too(tmp_path: Path) -> None:
    text = written(tmp_path, [])
    assert Elements(text).open == []
    assert "No match is stored." in text
    assert '<dd id="total-matches">0</dd>' in text
    assert "1970-01-01 00:00:00 UTC" in text


@pytest.mark.parametrize("text", hostile.LABELS)
def test_texts_of_strangers_stay_texts(text: str, tmp_path: Path) -> None:
    stranger = replace(
        detection(label=text, truth=text + "x"),
        source=text,
        file_path=f"/somewhere/{text}",
        model=text,
        timestamp=text,
    )
    found = Elements(written(tmp_path, [stranger]))
    assert found.open == []
    assert "script" not in found.names
    assert "img" not in found.names
    assert not [name for name, _ in found.attributes if name.startswith("on") or name == "style"]


def test_half_a_character_does_not_stop_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "detections.db"
    with closing(SQLiteStore(database)) as store:
        store.open()
    with closing(SQLiteReader(database)) as reader:
        monkeypatch.setattr(reader, "latest", lambda _limit: [detection(label="a\ud800b")])
        write_report(tmp_path / "report.html", reader=reader, folder=tmp_path, images=1)
    assert "a?b" in (tmp_path / "report.html").read_text()


def test_the_policy_knows_the_one_style_and_nothing_else(tmp_path: Path) -> None:
    text = written(tmp_path, [detection()])
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style
    expected = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    assert policy[1].replace("&#x27;", "'") == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{expected}'"
    )


def test_the_accuracy_that_people_found_is_shown_with_its_interval(tmp_path: Path) -> None:
    figures = figures_of("m", [Tally("cat", "cat", 90), Tally(hostile.SCRIPT, "cat", 10)])
    with closing(SQLiteStore(tmp_path / "detections.db")) as store:
        store.open()
    with closing(SQLiteReader(tmp_path / "detections.db")) as reader:
        write_report(
            tmp_path / "r.html", reader=reader, folder=tmp_path, images=1, accuracy=figures
        )
    text = (tmp_path / "r.html").read_text()
    assert '<p id="accuracy-all">90.0 % of 100 (82.6 to 94.5 %)</p>' in text
    assert Elements(text).open == []
    assert hostile.SCRIPT not in text
