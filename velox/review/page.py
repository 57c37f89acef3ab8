"""The page to label on: what a browser, or a program, may ask for.

All that it shows comes from records that anybody may have sent: ids, labels, sources. It goes to
the browser as JSON and onto the screen as text, and the policy lets nothing run but the page's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from velox.base.errors import StoreRefuses, StoreUnavailable, StoreUnclear
from velox.monitoring.pages import HEADERS, file_answer, shared_files
from velox.monitoring.server import NOT_FOUND, TEXT, Answer, Request
from velox.review.access import Access, of_this_site
from velox.review.archive import write_zip
from velox.review.board import UNSURE, VIEWS, Board, NotAllowed
from velox.review.content import content
from velox.review.exports import tables, without_images
from velox.review.judging import Judging
from velox.review.labels import CSV, TABLES
from velox.review.pictures import Pictures
from velox.stores.review_interface import Verdicts

JSON = "application/json"
# What strangers get: it says nothing of the images.
OPEN_FILES = {"/review.css": "page.css", "/review.js": "page.js", "/login.js": "login.js"}
_PAGES = ("page.html", "login.html")
_HERE = Path(__file__).parent
MOST_IDS = 1000
LONGEST_ID = 2000


class ReviewPage:
    """Answers requests; see `velox.monitoring.server.Page`.

    Args:
        access: who may come in.
        board: what waits.
        pictures: of it.
        store: for the exports.
        judging: what these leave out.
    """

    def __init__(
        self,
        access: Access,
        board: Board,
        pictures: Pictures,
        store: Verdicts,
        judging: Judging,
    ) -> None:
        self._access = access
        self._board = board
        self._pictures = pictures
        self._store = store
        self._judging = judging
        parts = {path: file_answer(_HERE / name) for path, name in OPEN_FILES.items()}
        self._open = shared_files() | parts
        self._pages = {name: file_answer(_HERE / name) for name in _PAGES}
        self._reading: Mapping[str, Callable[[Request, str], Answer]] = {
            "/": lambda _request, _who: self._pages["page.html"],
            "/board.json": self._content,
            "/picture.jpg": self._picture,
            "/export.zip": self._archive,
            **{f"/{name}": partial(self._table, name) for name in TABLES},
        }
        self._changing: Mapping[str, Callable[[Any, str], Answer]] = {
            "/verdicts": self._judge,
            "/undo": self._undo,
        }

    def __call__(self, request: Request) -> Answer:
        """Answer one request."""
        try:
            if request.method == "POST":
                return self._posted(request)
            if request.path in self._open:
                return self._open[request.path]
            who = self._access.who(request.headers)
            if who is None:
                return self._stranger(request)
            answer = self._reading.get(request.path)
            return answer(request, who) if answer else NOT_FOUND
        except (StoreUnavailable, StoreRefuses, StoreUnclear) as error:
            return _said(HTTPStatus.SERVICE_UNAVAILABLE, str(error))

    def _stranger(self, request: Request) -> Answer:
        if request.path == "/":
            return self._pages["login.html"]
        return _said(HTTPStatus.UNAUTHORIZED, "show the token: REVIEW_TOKEN")

    def _posted(self, request: Request) -> Answer:
        """What changes something: from this page or a program, and of this form alone."""
        if not of_this_site(request.headers):
            return _said(HTTPStatus.FORBIDDEN, "this comes from another site")
        if request.headers.get_content_type() != JSON:
            return _said(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send {JSON}")
        try:
            given = json.loads(request.body)
            if not isinstance(given, dict):
                raise ValueError
        except (ValueError, RecursionError):
            return _said(HTTPStatus.BAD_REQUEST, "this is no JSON object")
        if request.path == "/login":
            return self._log_in(given)
        who = self._access.who(request.headers)
        if who is None:
            return _said(HTTPStatus.UNAUTHORIZED, "show the token: REVIEW_TOKEN")
        change = self._changing.get(request.path)
        if change is None:
            return NOT_FOUND
        try:
            return change(given, who)
        except NotAllowed as error:
            return _said(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    def _log_in(self, given: Mapping[str, Any]) -> Answer:
        token, name = given.get("token"), given.get("name")
        if not (isinstance(token, str) and isinstance(name, str)):
            return _said(HTTPStatus.BAD_REQUEST, "token and name are texts")
        cookie = self._access.cookie(token, name)
        if cookie is None:
            return _said(HTTPStatus.FORBIDDEN, "the token is wrong, or the name is missing")
        return _said(HTTPStatus.OK, "", {"Set-Cookie": cookie})

    def _content(self, request: Request, who: str) -> Answer:
        asked = parse_qs(request.query)
        view = asked.get("view", [UNSURE])[0]
        if view not in VIEWS:
            return _said(HTTPStatus.BAD_REQUEST, f"view is one of {', '.join(VIEWS)}")
        if not self._board.has_read:
            # A page that is open already would take it for a store without labels.
            return _said(HTTPStatus.SERVICE_UNAVAILABLE, "the images are not read yet")
        label = asked.get("label", [None])[0]
        return _json({**content(self._board, view, label), "who": who})

    def _picture(self, request: Request, _who: str) -> Answer:
        """The picture of the image whose id is the query; it is looked up, and no path."""
        try:
            made = self._pictures.picture(unquote(request.query)[:LONGEST_ID])
        except TimeoutError as error:
            return _said(HTTPStatus.SERVICE_UNAVAILABLE, str(error), {"Retry-After": "1"})
        if made is None:
            return _said(HTTPStatus.NOT_FOUND, "no such picture")
        return Answer(HTTPStatus.OK, "image/jpeg", made, HEADERS)

    def _judge(self, given: Mapping[str, Any], who: str) -> Answer:
        label, new = given.get("label"), given.get("new", False)
        if not (label is None or isinstance(label, str)) or not isinstance(new, bool):
            raise NotAllowed("label is a text or null, new is true or false")
        return _json({"judged": self._board.judge(_ids(given), label, who, new=new)})

    def _undo(self, given: Mapping[str, Any], who: str) -> Answer:
        return _json({"taken_back": self._board.take_back(_ids(given), who)})

    def _archive(self, _request: Request, _who: str) -> Answer:
        answer = _download("application/zip", "velox-review.zip", b"")
        without = self._judging.now().ids
        return answer._replace(written=partial(write_zip, self._store, without=without))

    def _table(self, name: str, _request: Request, _who: str) -> Answer:
        kind = "text/csv; charset=utf-8" if name == CSV else JSON
        return _download(kind, name, self._tables()[name])

    def _tables(self) -> Mapping[str, bytes]:
        return tables(without_images(self._store, without=self._judging.now().ids))


def _ids(given: Mapping[str, Any]) -> list[str]:
    ids = given.get("ids")
    if not (
        isinstance(ids, list)
        and 0 < len(ids) <= MOST_IDS
        and all(isinstance(each, str) and _is_id(each) for each in ids)
    ):
        raise NotAllowed(f"ids are 1 to {MOST_IDS} texts")
    return ids


def _is_id(text: str) -> bool:
    """Whether it can be one: a half of a character, which JSON can hold, is no text."""
    return len(text) <= LONGEST_ID and not any("\ud800" <= each <= "\udfff" for each in text)


def _json(content: object) -> Answer:
    return Answer(HTTPStatus.OK, JSON, json.dumps(content, allow_nan=False).encode(), HEADERS)


def _said(status: HTTPStatus, text: str, more: Mapping[str, str] | None = None) -> Answer:
    body = f"{text}\n".encode("utf-8", "replace")
    return Answer(status, TEXT, body, {**HEADERS, **(more or {})})


def _download(kind: str, name: str, body: bytes) -> Answer:
    shown = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Answer(HTTPStatus.OK, kind, body, shown)
