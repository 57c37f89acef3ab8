"""A camera as many are: an HTTP server of one JPEG after the other, that drops its connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.rig import pictures
from tests.rig.ports import HOST

BOUNDARY = "frame"


class Camera:
    """What the camera does, and what it saw.

    Attributes:
        address: host and port.
        frames: of each connection before it drops; None for no end.
        fps: frames a second.
        away: whether it refuses to answer.
        connections: that asked for frames so far.
        asked_for: the paths with their queries.
    """

    def __init__(self, address: str, frames: int | None, fps: float) -> None:
        self.address = address
        self.frames = frames
        self.fps = fps
        self.away = False
        self.connections = 0
        self.asked_for: list[str] = []


@contextmanager
def camera(
    *,
    frames: int | None,
    fps: float = 50,
    picture: Callable[[int], bytes] = pictures.encoded,
) -> Iterator[Camera]:
    """A camera for as long as the context lasts; it shows the pictures of 0, 1, 2, ..."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if made.away:
                self.send_error(503)
                return
            made.connections += 1
            made.asked_for.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
            self.end_headers()
            number = 0
            while made.frames is None or number < made.frames:
                data = picture(number)
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}"
                try:
                    self.wfile.write(f"{head}\r\n\r\n".encode() + data + b"\r\n")
                except OSError:
                    return
                number += 1
                time.sleep(1 / made.fps)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """The tests read `Camera` instead."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    made = Camera(f"{HOST}:{server.server_port}", frames, fps)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
