"""A web server of files, as good or as bad as they are."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.rig.ports import HOST


@dataclass
class Web:
    """What the server does, and what it saw.

    Attributes:
        files: content by path.
        kind: of all, as the header says.
        ranges: whether it begins where it is asked to.
        length: whether it says how long a file is.
        most: bytes that it sends in one answer before it drops the connection; None for all.
        drops: how many answers it drops so.
        login: what it asks for, `user:password`; empty for nothing.
        asked: the paths, each with the first byte that was asked for.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    kind: str = "video/mp4"
    ranges: bool = True
    length: bool = True
    most: int | None = None
    drops: int = 1_000_000
    login: str = ""
    asked: list[tuple[str, int]] = field(default_factory=list)

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        """Answer a request."""
        said = to.headers.get("Authorization", "").removeprefix("Basic ")
        if self.login and base64.b64decode(said).decode() != self.login:
            to.send_response(401)
            to.send_header("WWW-Authenticate", 'Basic realm="films"')
            to.end_headers()
            return
        data = self.files.get(to.path)
        if data is None:
            to.send_error(404)
            return
        found = re.fullmatch(r"bytes=([0-9]+)-", to.headers.get("Range", "") if self.ranges else "")
        start = int(found[1]) if found else 0
        self.asked.append((to.path, start))
        to.send_response(206 if found else 200)
        to.send_header("Content-Type", self.kind)
        if self.length:
            to.send_header("Content-Length", str(len(data) - start))
        if found:
            to.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        to.end_headers()
        end = None
        if self.most is not None and self.drops > 0 and len(data) - start > self.most:
            end = start + self.most
            self.drops -= 1
        to.wfile.write(data[start:end])


@contextmanager
def web(**how: object) -> Iterator[Web]:
    """A server for as long as the context lasts; it does as `Web` says."""
    made = Web(**how)  # type: ignore[arg-type]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                made.answer(self)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """The tests read `Web` instead."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    made.address = f"{HOST}:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
