"""What the page answers, and to whom."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.rig import hostile, pictures
from tests.unit.fakes import CAPTURED_MS, candidate, kept
from velox.base.candidates import Kept
from velox.base.errors import StoreUnavailable
from velox.monitoring.pages import shared_files
from velox.monitoring.review_metrics import ReviewMetrics
from velox.monitoring.server import Answer, Request
from velox.review.access import Access
from velox.review.board import Board
from velox.review.judging import Judging
from velox.review.labels import ModelLabels
from velox.review.page import OPEN_FILES, ReviewPage
from velox.review.pictures import Pictures
from velox.stores.sqlite_verdicts import SQLiteVerdicts

TOKEN = "a-token-of-the-tests"  # noqa: S105 - nobody's
HERE = "review:8010"


class Site:
    """The page, with what a browser would send."""

    def __init__(self, store: SQLiteVerdicts, folder: Path) -> None:
        self.store = store
        self.metrics = ReviewMetrics()
        self.made = Pictures(store, max_pixels=1_000_000)
        self.board = Board(
            store,
            self.made,
            ModelLabels(folder / "classes.json"),
            self.metrics,
            wall_clock=lambda: CAPTURED_MS / 1000,
        )
        judging = Judging(store, max_pixels=1_000_000)
        self.page = ReviewPage(Access(TOKEN), self.board, self.made, store, judging)
        (folder / "classes.json").write_text('{"0": "red_circle", "1": "green_square"}')
        self.cookie = ""

    def get(self, path: str, **more: str) -> Answer:
        where, _, query = path.partition("?")
        return self.page(Request("GET", where, query, self._headers(**more)))

    def post(self, path: str, given: object, **more: str) -> Answer:
        body = given if isinstance(given, bytes) else json.dumps(given).encode()
        usual = {"Origin": f"http://{HERE}", "Content_Type": "application/json"}
        return self.page(Request("POST", path, "", self._headers(**{**usual, **more}), body))

    def _headers(self, **more: str) -> Message:
        found = Message()
        for name, value in {"Host": HERE, "Cookie": self.cookie, **more}.items():
            if value:
                found[name.replace("_", "-")] = value
        return found

    def log_in(self, name: str = "ann") -> None:
        answer = self.post("/login", {"token": TOKEN, "name": name})
        assert answer.status == HTTPStatus.OK
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def shown(self, query: str = "") -> dict[str, Any]:
        self.board.read()
        found: dict[str, Any] = content(self.get(f"/board.json?{query}"))
        return found

    def ids(self, query: str = "") -> list[str]:
        return [each["id"] for group in self.shown(query)["groups"] for each in group["images"]]


def content(answer: Answer) -> Any:
    assert answer.status == HTTPStatus.OK, answer
    return json.loads(answer.body)


def said(answer: Answer) -> str:
    return answer.body.decode()


@pytest.fixture
def site(store: SQLiteVerdicts, tmp_path: Path) -> Site:
    made = Site(store, tmp_path)
    store.write([kept(number, image=pictures.encoded(number)) for number in range(3)])
    store.write([kept(7, image=pictures.encoded(7), random=True)])
    return made


CLOSED = (
    *("/board.json", "/picture.jpg?x", "/export.zip"),
    *("/verdicts.csv", "/label-studio.json", "/fiftyone.json", "/nothing"),
)


@pytest.mark.parametrize("path", CLOSED)
def test_a_stranger_sees_nothing(site: Site, path: str) -> None:
    for cookie in ("", "velox-review=AAAA.00"):
        site.cookie = cookie
        assert site.get(path).status == HTTPStatus.UNAUTHORIZED


def test_a_stranger_gets_a_form_and_what_it_is_made_of(site: Site) -> None:
    first = said(site.get("/"))
    assert 'id="token"' in first
    assert "red_circle" not in first
    named = re.findall(r'(?:href|src)="([^"]+)"', first)
    assert {f"/{name}" for name in named} <= OPEN_FILES.keys() | shared_files().keys()
    for path in OPEN_FILES.keys() | shared_files().keys():
        assert site.get(path).status == HTTPStatus.OK


@pytest.mark.parametrize("path", ["/verdicts", "/undo"])
def test_a_stranger_changes_nothing(site: Site, path: str) -> None:
    given = {"ids": [candidate(0).id], "label": "red_circle"}
    assert site.post(path, given).status == HTTPStatus.UNAUTHORIZED
    assert list(site.store.judged()) == []


@pytest.mark.parametrize(
    "given", [{"token": "wrong", "name": "ann"}, {"token": TOKEN, "name": " "}]
)
def test_a_wrong_token_or_no_name_opens_nothing(site: Site, given: dict[str, str]) -> None:
    answer = site.post("/login", given)
    assert answer.status == HTTPStatus.FORBIDDEN
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/login", "/verdicts", "/undo"])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", ""])
def test_another_site_changes_nothing_with_the_browsers_cookie(
    site: Site, path: str, origin: str
) -> None:
    site.log_in()
    given = {"ids": [candidate(0).id], "label": "red_circle", "token": TOKEN, "name": "x"}
    assert site.post(path, given, Origin=origin).status == HTTPStatus.FORBIDDEN
    assert list(site.store.judged()) == []


def test_a_form_of_another_site_is_no_json(site: Site) -> None:
    site.log_in()
    answer = site.post("/verdicts", {"ids": []}, Content_Type="text/plain")
    assert answer.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused(site: Site, body: bytes) -> None:
    site.log_in()
    assert site.post("/verdicts", body).status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"ids": [], "label": "red_circle"},
        {"ids": "x", "label": "red_circle"},
        {"ids": [1], "label": "red_circle"},
        {"ids": ["x"] * 1001, "label": "red_circle"},
        {"ids": ["x" * 3000], "label": "red_circle"},
        {"ids": ["x"], "label": 1},
        {"ids": ["x"], "label": "red_circle", "new": "yes"},
        {"ids": ["x"], "label": "unheard of"},
        {"ids": ["x"], "label": "../x", "new": True},
        {"ids": ["x"], "label": "", "new": True},
    ],
)
def test_an_odd_verdict_is_refused_with_a_reason(site: Site, given: dict[str, Any]) -> None:
    site.log_in()
    answer = site.post("/verdicts", given)
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert len(said(answer).splitlines()) == 1


def test_a_verdict_is_stored_before_it_is_answered_and_leaves_the_page(site: Site) -> None:
    site.log_in("Ann")
    before = site.ids()
    given = {"ids": [candidate(0).id, candidate(1).id, "not there"], "label": "green_square"}
    assert content(site.post("/verdicts", given)) == {"judged": given["ids"][:2]}
    judged = list(site.store.judged())
    assert [(each.candidate.id, each.label, each.by) for each in judged] == [
        (candidate(0).id, "green_square", "Ann"),
        (candidate(1).id, "green_square", "Ann"),
    ]
    assert judged[0].at == "2023-11-14T22:13:20.123Z"
    assert {candidate(0).id, candidate(1).id, candidate(2).id} == set(before)
    assert [
        each["id"]
        for group in content(site.get("/board.json"))["groups"]
        for each in group["images"]
    ] == [candidate(2).id]
    assert site.ids() == [candidate(2).id]


def test_a_verdict_is_there_once_and_the_last_one_holds(site: Site) -> None:
    site.log_in()
    site.board.read()
    for label in ("green_square", "red_circle", "red_circle"):
        site.post("/verdicts", {"ids": [candidate(0).id], "label": label})
    (only,) = site.store.judged()
    assert only.label == "red_circle"


def test_it_can_be_taken_back(site: Site) -> None:
    site.log_in()
    before = site.shown()
    site.post("/verdicts", {"ids": [candidate(0).id], "label": "red_circle"})
    assert content(site.post("/undo", {"ids": [candidate(0).id]})) == {
        "taken_back": [candidate(0).id]
    }
    assert list(site.store.judged()) == []
    assert content(site.get("/board.json")) == before


def test_what_somebody_else_has_said_since_is_not_taken_back(site: Site) -> None:
    site.log_in("ann")
    site.board.read()
    given = {"ids": [candidate(0).id], "label": "red_circle"}
    site.post("/verdicts", given)
    ann = site.cookie
    site.log_in("bob")
    site.post("/verdicts", given)
    site.cookie = ann
    assert content(site.post("/undo", {"ids": given["ids"]})) == {"taken_back": []}
    assert [each.by for each in site.store.judged()] == ["bob"]


@pytest.mark.parametrize("path", ["/verdicts", "/undo"])
def test_an_id_that_is_no_text_is_refused(site: Site, path: str) -> None:
    site.log_in()
    answer = site.post(path, {"ids": ["\ud800"], "label": None})
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY


def test_a_new_label_is_there_for_all_only_after_somebody_made_it(site: Site) -> None:
    site.log_in()
    site.board.read()
    given = {"ids": [candidate(0).id], "label": "blue star"}
    assert site.post("/verdicts", given).status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert content(site.post("/verdicts", {**given, "new": True}))["judged"] == given["ids"]
    assert content(site.get("/board.json"))["labels"] == ["red_circle", "green_square", "blue star"]
    given["ids"] = [candidate(1).id]
    assert site.post("/verdicts", given).status == HTTPStatus.OK


def test_before_the_store_is_read_the_page_is_told_nothing(site: Site) -> None:
    """It would take what it shows for gone, and the labels with it."""
    site.log_in()
    answer = site.get("/board.json")
    assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert said(answer) == "the images are not read yet\n"
    site.board.read()
    assert content(site.get("/board.json"))["labels"] == ["red_circle", "green_square"]


def test_a_label_is_known_before_the_board_has_read_the_store(
    site: Site, store: SQLiteVerdicts
) -> None:
    """After a start, or where another page's process made it."""
    store.judge([candidate(1).id], "blue star", "bob", "2026-01-01T00:00:00.000Z")
    site.log_in()
    for label in ("red_circle", "blue star"):
        given = {"ids": [candidate(0).id], "label": label}
        assert content(site.post("/verdicts", given))["judged"] == given["ids"]


@pytest.mark.parametrize("label", ["verdicts.csv", "a/b", "\u65e5" * 100])
def test_a_new_label_that_no_export_could_have_is_refused_in_one_line(
    site: Site, label: str
) -> None:
    site.log_in()
    site.board.read()
    given = {"ids": [candidate(0).id], "label": label, "new": True}
    answer = site.post("/verdicts", given)
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert said(answer).startswith("a label ")
    assert list(site.store.judged()) == []


def test_the_random_share_is_shown_alone_in_the_order_of_chance(
    site: Site, store: SQLiteVerdicts
) -> None:
    store.write([kept(number, random=True, label="green_square") for number in range(10, 20)])
    site.log_in()
    random = {candidate(7).id, *(candidate(number).id for number in range(10, 20))}
    assert not random & set(site.ids())
    shown = site.ids("view=random")
    assert set(shown) == random
    chances = {each.id: each.chance for each in store.random("0123456789ab", 100)}
    assert shown == sorted(shown, key=lambda each: chances[each])
    assert all(len(group["images"]) == 1 for group in site.shown("view=random")["groups"])


def test_the_figures_are_those_of_the_random_share_alone(site: Site, store: SQLiteVerdicts) -> None:
    store.write([kept(number, random=True) for number in range(20, 30)])
    site.log_in()
    site.board.read()
    site.post(
        "/verdicts", {"ids": [candidate(each).id for each in range(3)], "label": "green_square"}
    )
    site.post(
        "/verdicts", {"ids": [candidate(each).id for each in range(20, 28)], "label": "red_circle"}
    )
    site.post("/verdicts", {"ids": [candidate(28).id], "label": "green_square"})
    site.post("/verdicts", {"ids": [candidate(29).id], "label": None})
    figures = site.shown()["figures"]
    assert (figures["accuracy"]["right"], figures["accuracy"]["images"]) == (8, 9)
    assert figures["unclear"] == 1
    registry = site.metrics.registry
    assert registry.get_sample_value("velox_review_accuracy", {"bound": "found"}) == 8 / 9
    assert (
        registry.get_sample_value(
            "velox_review_judged_images", {"label": "red_circle", "right": "no"}
        )
        == 1
    )
    assert registry.get_sample_value("velox_review_verdicts_total") == 13


def test_an_unknown_view_is_refused(site: Site) -> None:
    site.log_in()
    assert site.get("/board.json?view=../x").status == HTTPStatus.BAD_REQUEST


def test_pictures_are_looked_up_by_their_id_whatever_is_in_it(
    site: Site, store: SQLiteVerdicts
) -> None:
    odd = "../../etc/passwd?a=b&c#d%2F ü"
    document = {**candidate(1).document(), "_id": odd}
    store.write([Kept(type(candidate(1)).of(document), pictures.encoded(5))])
    site.log_in()
    answer = site.get(f"/picture.jpg?{quote(odd, safe='')}")
    assert answer.status == HTTPStatus.OK
    assert answer.body.startswith(b"\xff\xd8")
    for nobody in ("", "..%2f..%2fetc%2fpasswd", "/etc/passwd", "%00", "%ff", "x" * 5000):
        assert site.get(f"/picture.jpg?{nobody}").status == HTTPStatus.NOT_FOUND


def test_an_image_that_cannot_be_shown_can_still_be_judged(
    site: Site, store: SQLiteVerdicts
) -> None:
    store.write([kept(9, image=b"no image")])
    site.log_in()
    assert candidate(9).id in site.ids()
    assert site.get(f"/picture.jpg?{quote(candidate(9).id)}").status == HTTPStatus.NOT_FOUND
    assert site.post("/verdicts", {"ids": [candidate(9).id], "label": None}).status == HTTPStatus.OK


def test_nearly_the_same_images_come_as_one_group(site: Site, store: SQLiteVerdicts) -> None:
    image = pictures.encoded(40)
    store.write([kept(number, image=image) for number in (40, 41, 42)])
    site.log_in()
    sizes = sorted(len(group["images"]) for group in site.shown()["groups"])
    assert sizes[-1] >= 3


def test_one_label_alone_can_be_looked_at(site: Site, store: SQLiteVerdicts) -> None:
    store.write([kept(50, label=hostile.SCRIPT, image=pictures.encoded(50))])
    site.log_in()
    assert site.ids(f"label={quote(hostile.SCRIPT)}") == [candidate(50).id]
    assert dict(site.shown()["waiting"]["by_label"])[hostile.SCRIPT] == 1


def test_everything_may_be_taken_along(site: Site) -> None:
    site.log_in()
    site.board.read()
    site.post("/verdicts", {"ids": [candidate(0).id], "label": "red_circle"})
    table = site.get("/verdicts.csv")
    assert candidate(0).id in said(table)
    assert 'filename="verdicts.csv"' in table.headers["Content-Disposition"]
    archive = site.get("/export.zip")
    assert archive.written is not None
    file = io.BytesIO()
    archive.written(file)
    assert file.getvalue().startswith(b"PK")


def test_what_judges_the_model_and_what_is_alike_stays_here(
    site: Site, store: SQLiteVerdicts
) -> None:
    """Image 8 is the image of the random share, saved again at another quality."""
    store.write([kept(8, image=pictures.saved_again(pictures.encoded(7)))])
    site.log_in()
    site.board.read()
    ids = [candidate(number).id for number in (0, 7, 8)]
    site.post("/verdicts", {"ids": ids, "label": "red_circle"})
    rows = csv.DictReader(io.StringIO(said(site.get("/verdicts.csv")), newline=""))
    assert {each["id"]: bool(each["file"]) for each in rows} == dict(
        zip(ids, (True, False, False), strict=True)
    )
    file = io.BytesIO()
    archive = site.get("/export.zip")
    assert archive.written is not None
    archive.written(file)
    with zipfile.ZipFile(file) as found:
        assert [each for each in found.namelist() if "/" in each] == [
            "red_circle/image_data-0-0-1700000000123.jpg"
        ]


def test_a_program_may_do_the_same_with_the_token(site: Site) -> None:
    site.board.read()
    bearer = {"Authorization": f"Bearer {TOKEN}", "X_Reviewer": "robot", "Origin": ""}
    given = {"ids": [candidate(0).id], "label": "red_circle"}
    assert site.post("/verdicts", given, **bearer).status == HTTPStatus.OK
    (only,) = site.store.judged()
    assert only.by == "robot"


def test_a_store_that_is_away_is_said(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.log_in()
    site.board.read()

    def away(*_: object) -> list[str]:
        raise StoreUnavailable("mongodb:h: no server")

    monkeypatch.setattr(site.store, "judge", away)
    answer = site.post("/verdicts", {"ids": [candidate(0).id], "label": "red_circle"})
    assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert "no server" in said(answer)
    assert candidate(0).id in site.ids(), "it still waits"


def test_what_is_shown_is_private_and_runs_nothing_foreign(site: Site) -> None:
    site.log_in()
    for path in ("/", "/board.json", f"/picture.jpg?{quote(candidate(0).id)}", "/verdicts.csv"):
        headers = site.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
