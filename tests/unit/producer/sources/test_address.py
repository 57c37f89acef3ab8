import base64
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import pytest

from tests.rig.ports import HOST, free_port
from velox.base.errors import SettingError
from velox.producer.sources.address import (
    is_reachable,
    usable,
    why_nothing_comes,
    without_credentials,
)
from velox.producer.sources.place import locate
from velox.producer.sources.video import opened


@pytest.mark.parametrize(
    ("address", "as_ffmpeg_takes_it"),
    [
        ("rtsp://user:secret@host/live", "rtsp://user:secret@host/live"),
        ("rtsp://user:se/secret@host/live", "rtsp://user:se%2Fsecret@host/live"),
        ("rtsp://user:se?secret@host/live", "rtsp://user:se%3Fsecret@host/live"),
        ("rtsp://user:se#secret@host/live", "rtsp://user:se%23secret@host/live"),
        ("rtsp://user:se@secret@host/live", "rtsp://user:se%40secret@host/live"),
        ("rtsp://user:se%secret@host/live", "rtsp://user:se%25secret@host/live"),
        ("rtsp://user:se%23secret@host/live", "rtsp://user:se%23secret@host/live"),
        ("rtsp://user:se@/#?secret@host/live", "rtsp://user:se%40%2F%23%3Fsecret@host/live"),
        ("rtsp://secret@host/live", "rtsp://secret@host/live"),
        ("rtsp://host/live?user=a&password=secret", "rtsp://host/live?user=a&password=secret"),
        ("rtsp://host/live#secret", "rtsp://host/live#secret"),
    ],
)
def test_a_password_may_hold_anything_and_none_is_in_the_name(
    address: str, as_ffmpeg_takes_it: str
) -> None:
    assert usable(address) == as_ffmpeg_takes_it
    assert without_credentials(address) == "rtsp://host/live"
    (place,) = locate((address,), loop=False)
    assert "secret" not in repr(place)
    assert place.location == as_ffmpeg_takes_it


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("http://host/user@mail.org/live", "http://host/user@mail.org/live"),
        ("http://10.0.0.7:8080/live?mail=me@mail.org", "http://10.0.0.7:8080/live"),
        ("http://[fe80::1]:8080/live@home", "http://[fe80::1]:8080/live@home"),
        ("rtsp://localhost:8554/a@b", "rtsp://localhost:8554/a@b"),
        ("rtsp://user@host/a@b", "rtsp://host/a@b"),
    ],
)
def test_an_at_sign_behind_the_host_ends_no_password(address: str, public: str) -> None:
    assert usable(address) == address
    assert without_credentials(address) == public


def test_a_password_that_was_cut_at_its_comma_is_told_and_not_shown() -> None:
    with pytest.raises(SettingError, match=r"a comma in a password is written \\,$") as refused:
        usable("rtsp://user:secret")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("rtsp://admin:12/secret@host/live", "not clear where the password ends: write %40"),
        ("rtsp://admin:secret@x/secret@host/live", "not clear where the password ends"),
        ("http://admin:8080?secret@host/live", "not clear where the password ends"),
        (
            "srt://user:secret@host:9000",
            "SOURCE has an address srt://; these can be read: ftp, http",
        ),
        ("file:///data/secret.mp4", "SOURCE has an address file://: write the path alone"),
        ("rtsp://", "SOURCE names an address without a host: 'rtsp://'"),
        ("rtsp://user:secret@", "SOURCE names an address without a host: 'rtsp://'"),
        ("rtsp://user:secret@/live", "SOURCE names an address without a host: 'rtsp:///live'"),
        ("rtsp://user:secret@host:99999/live", "a port is a number up to 65535"),
        ("rtsp://user:secret@[fe80::1/live", "whose host or port cannot be one"),
    ],
)
def test_what_cannot_be_is_refused_in_words_without_secrets(address: str, reason: str) -> None:
    with pytest.raises(SettingError) as refused:
        usable(address)
    assert reason in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "secret" not in without_credentials(address) or address.startswith("file:")


@pytest.fixture
def guarded() -> Iterator[tuple[str, list[str]]]:
    """A server that asks for a password, and what it was told."""
    told: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = self.headers["Authorization"]
            if said is not None:
                told.append(base64.b64decode(said.removeprefix("Basic ")).decode())
            self.send_response(404 if said else 401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"{HOST}:{server.server_port}", told
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("password", ["plain", "p#ss", "p?ss", "p/ss", "p@ss", "p%ss", "#/?@% ü"])
def test_the_camera_itself_is_told_the_password_as_it_is(
    password: str, guarded: tuple[str, list[str]]
) -> None:
    host, told = guarded
    with opened(usable(f"http://admin:{password}@{host}/live"), cv2.CAP_FFMPEG) as video:
        assert video is None
    assert set(told) == {f"admin:{password}"}


def test_the_reason_says_how_far_one_gets() -> None:
    port = free_port()
    address = f"rtsp://user:secret@{HOST}:{port}/live"
    assert why_nothing_comes(address) == f"no connection to port {port}: Connection refused"
    with socket.create_server((HOST, port)):
        reason = why_nothing_comes(address)
    assert reason.startswith(f"port {port} answers, but gives no picture")
    assert why_nothing_comes("udp://239.0.0.1:1234") == "nothing comes"
    assert "no connection to port 554" in why_nothing_comes("rtsp://no-such-host.invalid/")


def test_a_port_that_is_refused_is_reached_and_a_name_that_is_none_is_not() -> None:
    with socket.create_server((HOST, 0)) as server:
        assert is_reachable(f"rtsp://{HOST}:{server.getsockname()[1]}/live")
    assert is_reachable(f"rtsp://{HOST}:{free_port()}/live"), "its host answers"
    assert not is_reachable("rtsp://no-such-host.invalid/")
    assert is_reachable("udp://239.0.0.1:1234"), "nobody can tell"
