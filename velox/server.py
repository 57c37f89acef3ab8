"""The HTTP server of `/metrics`, `/healthz` and `/readyz`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from velox.errors import SettingError
from velox.health import Health

TEXT = "text/plain; charset=utf-8"
REQUEST_TIMEOUT_S = 10.0

Answer = tuple[HTTPStatus, str, bytes]


def answers(registry: CollectorRegistry, health: Health) -> dict[str, Callable[[], Answer]]:
    """What each path answers: status, content type and body."""

    def metrics() -> Answer:
        return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry)

    def probe(look: Callable[[], tuple[bool, str]]) -> Answer:
        fine, reason = look()
        status = HTTPStatus.OK if fine else HTTPStatus.SERVICE_UNAVAILABLE
        return status, TEXT, f"{reason}\n".encode()

    return {
        "/metrics": metrics,
        "/healthz": lambda: probe(health.live),
        "/readyz": lambda: probe(health.ready),
    }


@contextmanager
def serving(
    routes: Mapping[str, Callable[[], Answer]], *, address: str, port: int
) -> Iterator[str]:
    """Serve the routes in the background; gives the address as `http://host:port`.

    Raises:
        SettingError: when the address or port cannot be bound.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_TIMEOUT_S

        def do_GET(self) -> None:
            route = routes.get(self.path.partition("?")[0])
            status, kind, body = route() if route else (HTTPStatus.NOT_FOUND, TEXT, b"not found\n")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A probe every few seconds is no event."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        daemon_threads = True

    try:
        server = Server((address, port), Handler)
    except (OSError, OverflowError) as error:
        raise SettingError(
            f"METRICS_ADDRESS={address!r}, METRICS_PORT={port} cannot be bound: {error}"
        ) from None
    thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    try:
        host = f"[{address}]" if ":" in address else address
        yield f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
