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
from velox.base.records import Detection
from velox.report.charts import bars, by_hour, confusion, histogram
from velox.report.page import write_report
from velox.stores.sqlite import SQLiteReader, SQLiteStore


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


def test_bars_are_as_long_as_their_counts() -> None:
    assert re.findall(r'rect width="([\d.]+)"', bars([("a", 4000), ("b", 1000)])) == [
        "100.00",
        "25.00",
    ]
    assert "4,000" in bars([("a", 4000)])


def test_columns_are_as_high_as_their_counts() -> None:
    chart = histogram([0, 1, 10_000], 0.7)
    assert re.findall(r'height="([\d.]+)"', chart) == ["0.0", "1.0", "120.0"]
    assert "0.800 to 0.900: 1<" in chart


def test_hours_are_columns_and_labels_rows() -> None:
    table = by_hour(
        [("2026-01-31T22", "a", 1), ("2026-01-31T23", "a", 9), ("2026-01-31T23", "b", 5)]
    )
    assert re.findall(r'scope="col"[^>]*>([^<]+)', table) == ["label", "01-31 23 h", "01-31 22 h"]
    assert re.findall(r'class="(q\d)">([^<]*)', table) == [
        ("q9", "9"),
        ("q1", "1"),
        ("q5", "5"),
        ("q0", ""),
    ]


def test_rare_labels_are_summed_up_in_the_matrix() -> None:
    table = confusion([("a", "a", 50), ("b", "b", 40), ("c", "a", 2), ("d", "e", 1)], 2)
    assert re.findall(r'scope="col">([^<]+)', table) == ["truth \\ predicted", "a", "b", "others"]
    assert re.findall(r'scope="row"[^>]*>([^<]+)', table) == ["a", "b", "others"]
    assert re.findall(r"<td[^>]*>([^<]*)", table) == ["50", "", "", "", "40", "", "2", "", "1"]
