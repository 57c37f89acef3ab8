"""The HTTP server of metrics and probes."""

from __future__ import annotations

import socket
import struct
import threading
import urllib.request
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from typing import BinaryIO

import pytest

from tests.rig import http
from tests.rig.waiting import eventually
from velox.base.errors import SettingError
from velox.monitoring import server
from velox.monitoring.health import Health, VitalSigns
from velox.monitoring.metrics import OUTCOMES, Metrics
from velox.monitoring.server import MOST_CONNECTIONS, TEXT, Answer, Request, answers, serving

LIMIT_S = 30
get = partial(http.get, limit=LIMIT_S)


def test_metrics_and_probes_are_served() -> None:
    metrics, health = Metrics(), Health()
    with serving(answers(metrics.registry, health), address="127.0.0.1", port=0) as address:
        assert get(f"{address}/healthz") == (200, "starting\n")
        assert get(f"{address}/readyz") == (503, "starting\n")
        health.look_at(VitalSigns(poll_age=lambda: 0.0, joined=lambda: True))
        assert get(f"{address}/readyz") == (200, "ok\n")
        status, text = get(f"{address}/metrics?name[]=x")
        assert status == 200
        assert "velox_pauses_total 0.0" in text
        assert get(f"{address}/etc/passwd") == (404, "not found\n")
    with pytest.raises(OSError, match="refused"):
        get(f"{address}/healthz")


def test_thousands_of_sources_are_told_in_as_little_text_as_there_is_to_say() -> None:
    """Each has a line for each outcome: when a counter was made is none of them."""
    metrics = Metrics()
    page = answers(metrics.registry, Health())["/metrics"]
    before = len(page("").body.splitlines())
    for number in range(1000):
        for outcome in OUTCOMES:
            metrics.source_images.labels(f"camera-{number}", outcome).inc()
    body = page("").body
    assert len(body.splitlines()) == before + 1000 * len(OUTCOMES)
    assert b"_created" not in body


def test_a_probe_that_is_red_says_why() -> None:
    health = Health()
    health.look_at(VitalSigns(poll_age=lambda: 99.0))
    with serving(answers(Metrics().registry, health), address="127.0.0.1", port=0) as address:
        assert get(f"{address}/healthz") == (503, "the poll loop has been stuck for 99 s\n")


def test_a_route_gives_status_type_body_and_headers() -> None:
    def route(query: str) -> Answer:
        return Answer(HTTPStatus.ACCEPTED, TEXT, query.encode(), {"X-Extra": "z"})

    with serving({"/x": route}, address="127.0.0.1", port=0) as address:
        assert get(f"{address}/x") == (202, "")
        assert get(f"{address}/x?a=1?b") == (202, "a=1?b")
        with urllib.request.urlopen(f"{address}/x", timeout=LIMIT_S) as answer:  # noqa: S310
            assert answer.headers["Content-Type"] == TEXT
            assert answer.headers["X-Extra"] == "z"
            assert answer.headers["Server"] == "velox"


def test_head_is_answered_as_get_without_a_body() -> None:
    health = Health()
    health.look_at(VitalSigns(poll_age=lambda: 99.0))
    with serving(answers(Metrics().registry, health), address="127.0.0.1", port=0) as address:
        host, _, port = address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), LIMIT_S) as client:
            client.sendall(b"HEAD /healthz HTTP/1.1\r\n\r\n")
            with client.makefile("rb") as answer:
                head, body = answer.read().split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 503 ")
    assert b"Content-Length: 38" in head
    assert body == b""


def test_a_port_in_use_is_a_bad_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(SettingError, match=rf"METRICS_PORT={port} cannot be bound"),
            serving({}, address="127.0.0.1", port=port),
        ):
            pass


def test_connections_that_send_nothing_keep_no_probe_waiting() -> None:
    routes = {"/x": lambda _query: Answer(HTTPStatus.OK, TEXT, b"y")}
    with serving(routes, address="127.0.0.1", port=0) as address, ExitStack() as opened:
        host, _, port = address.removeprefix("http://").partition(":")
        before = threading.active_count()
        silent = []
        for _ in range(3 * MOST_CONNECTIONS):
            client = opened.enter_context(socket.create_connection((host, int(port)), LIMIT_S))
            client.sendall(b"GET /x HTTP/1.1\r\nx: ")
            silent.append(client)
        assert get(f"{address}/x") == (200, "y")
        assert silent[0].recv(1) == b"", "the oldest was closed"
        eventually(
            lambda: threading.active_count() <= before + MOST_CONNECTIONS,
            LIMIT_S,
            lambda: f"threads={threading.active_count()} before={before}",
        )
        silent[-1].sendall(b"y\r\n\r\n")
        assert silent[-1].recv(100).startswith(b"HTTP/1.0 200 "), "the newest are served"


def test_many_that_come_at_once_are_not_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that finds the queue full is tried again by its side only after a second."""
    busy = threading.Event()
    monkeypatch.setattr(server._Server, "process_request", lambda *_: busy.wait(2 * LIMIT_S))
    with serving({}, address="127.0.0.1", port=0) as address, ExitStack() as opened:
        host, _, port = address.removeprefix("http://").partition(":")
        for _ in range(3 * MOST_CONNECTIONS):
            opened.enter_context(socket.create_connection((host, int(port)), 0.9))
        busy.set()


def test_a_client_that_goes_away_is_no_event(capsys: pytest.CaptureFixture[str]) -> None:
    sent = threading.Event()

    def slow(_query: str) -> Answer:
        assert sent.wait(LIMIT_S)
        return Answer(HTTPStatus.OK, TEXT, bytes(10_000_000))

    with serving({"/x": slow, "/y": slow}, address="127.0.0.1", port=0) as address:
        host, _, port = address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), LIMIT_S) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(b"GET /x HTTP/1.1\r\n\r\n")
        sent.set()
        assert get(f"{address}/y")[0] == 200
    assert "Traceback" not in capsys.readouterr().err


def asked(address: str, request: bytes) -> bytes:
    """The whole answer to some bytes."""
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), LIMIT_S) as client:
        client.sendall(request)
        with client.makefile("rb") as answer:
            return answer.read()


def test_a_page_is_asked_for_all_else_and_for_what_is_sent() -> None:
    def page(request: Request) -> Answer:
        told = f"{request.method} {request.path} {request.query} {request.headers['x-name']} "
        return Answer(HTTPStatus.OK, TEXT, told.encode() + request.body)

    with serving({}, address="127.0.0.1", port=0, page=page) as address:
        head = b" /a?b HTTP/1.1\r\nX-Name: ann\r\n"
        assert asked(address, b"GET" + head + b"\r\n").endswith(b"GET /a b ann ")
        sent = b"POST" + head + b"Content-Length: 4\r\n\r\nbody and more"
        assert asked(address, sent).endswith(b"POST /a b ann body")


@pytest.mark.parametrize(
    ("length", "status"),
    [(b"", b"411"), (b"-1", b"411"), (b"x", b"411"), (b"1048577", b"413"), (b"9" * 5000, b"413")],
)
def test_what_is_sent_has_a_length_within_the_bound(length: bytes, status: bytes) -> None:
    with serving({}, address="127.0.0.1", port=0) as address:
        request = b"POST / HTTP/1.1\r\nContent-Length: " + length + b"\r\n\r\n"
        assert asked(address, request).startswith(b"HTTP/1.0 " + status)


def test_without_a_page_nothing_is_taken() -> None:
    with serving({}, address="127.0.0.1", port=0) as address:
        answer = asked(address, b"POST /x HTTP/1.1\r\nContent-Length: 1\r\n\r\nx")
        assert answer.startswith(b"HTTP/1.0 404 ")


def test_a_body_may_be_written_piece_by_piece() -> None:
    def written(file: BinaryIO) -> None:
        for _ in range(3):
            file.write(b"piece")

    answer = Answer(HTTPStatus.OK, TEXT, b"", written=written)
    with serving({"/x": lambda _: answer}, address="127.0.0.1", port=0) as address:
        assert get(f"{address}/x") == (200, "piecepiecepiece")
