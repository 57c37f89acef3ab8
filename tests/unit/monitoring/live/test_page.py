import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.rig import pictures
from tests.unit.fakes import detection, record
from velox.monitoring.health import Health
from velox.monitoring.live.page import FILES, LivePage
from velox.monitoring.metrics import Metrics
from velox.monitoring.pages import HEADERS, shared_files
from velox.monitoring.server import answers, directory


@pytest.fixture
def page() -> Iterator[LivePage]:
    with closing(LivePage(Metrics(), Health(), max_pixels=10**6)) as opened:
        yield opened


def test_every_part_is_served_with_its_policy(page: LivePage) -> None:
    routes = page.routes()
    for path in (*FILES, *shared_files(), "/live.json"):
        answer = routes[path]("")
        assert answer.status == 200
        assert answer.headers == HEADERS
        assert answer.body


def test_the_page_names_only_parts_that_are_served(page: LivePage) -> None:
    html = page.routes()["/"]("").body.decode()
    named = re.findall(r'(?:href|src)="([^"]+)"', html)
    assert {f"/{name}" for name in named} <= {*page.routes(), "/metrics"}
    assert not re.search(r"<script(?! src)|<style|\son\w+=|\sstyle=|https?:", html)


def test_the_script_sets_texts_and_never_markup(page: LivePage) -> None:
    script = page.routes()["/live.js"]("").body.decode()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", script)


def test_a_picture_by_its_name(page: LivePage) -> None:
    page.matches.add([(detection(), record(value=pictures.encoded(1)))])
    (match,) = page.matches.newest_first()
    picture = page.routes()["/live.jpg"]
    answer = picture(match.key)
    assert (answer.status, answer.kind) == (200, "image/jpeg")
    assert answer.body == match.thumbnail
    assert picture("").status == 404
    assert picture("another").status == 404


def test_too_many_at_once_are_told_to_come_again(
    page: LivePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_key: str) -> bytes:
        raise TimeoutError

    monkeypatch.setattr(page.matches, "thumbnail", busy)
    answer = page.routes()["/live.jpg"]("any")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"


def test_without_the_page_its_place_lists_what_there_is() -> None:
    routes = answers(Metrics().registry, Health())
    answer = directory(routes, "LIVE_PAGE=1 puts a live page here.")("")
    assert answer.kind.startswith("text/plain")
    assert answer.body.decode().splitlines() == [
        "/metrics",
        "/healthz",
        "/readyz",
        "LIVE_PAGE=1 puts a live page here.",
    ]
