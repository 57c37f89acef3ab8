"""The HTTP server: `/metrics`, `/healthz`, `/readyz`, and pages for people."""

from __future__ import annotations

import logging
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO, NamedTuple, cast

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    disable_created_metrics,
    generate_latest,
)

from velox.base.errors import SettingError
from velox.monitoring.health import Health

TEXT = "text/plain; charset=utf-8"
REQUEST_TIMEOUT_S = 10.0
MOST_CONNECTIONS = 32
# A queue that is full drops a connection's first packet, which is sent again only a second later.
_WAITING_CONNECTIONS = 128
_LOOK_FOR_END_EVERY_S = 0.05
# Of what is sent to a page.
MOST_BODY = 1024 * 1024

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What a request gets.

    Attributes:
        status, kind, body, headers: its status, content type, body and further headers.
        written: writes a body that is too large for memory, in the place of the other.
    """

    status: HTTPStatus
    kind: str
    body: bytes
    headers: Mapping[str, str] = {}
    written: Callable[[BinaryIO], None] | None = None


class Request(NamedTuple):
    """What somebody asks for.

    Attributes:
        method: GET or POST; HEAD comes as GET.
        path, query: of the address, as they came.
        headers: by name, in whatever case.
        body: what was sent, at most `MOST_BODY` bytes.
    """

    method: str
    path: str
    query: str
    headers: Message
    body: bytes = b""


Route = Callable[[str], Answer]
"""Called with the query string of the request."""
Page = Callable[[Request], Answer]
"""Called with a whole request."""
NOT_FOUND = Answer(HTTPStatus.NOT_FOUND, TEXT, b"not found\n")


def answers(registry: CollectorRegistry, health: Health) -> dict[str, Route]:
    """What Prometheus and the probes are answered, by path."""
    # When each counter was made: twice the text, and nobody reads it.
    disable_created_metrics()  # type: ignore[no-untyped-call]

    def metrics(_query: str) -> Answer:
        return Answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))

    def probe(look: Callable[[], tuple[bool, str]]) -> Answer:
        fine, reason = look()
        status = HTTPStatus.OK if fine else HTTPStatus.SERVICE_UNAVAILABLE
        return Answer(status, TEXT, f"{reason}\n".encode())

    return {
        "/metrics": metrics,
        "/healthz": lambda _query: probe(health.live),
        "/readyz": lambda _query: probe(health.ready),
    }


def directory(paths: Iterable[str], note: str) -> Route:
    """A route that lists paths as plain text, and ends with a note."""
    body = "".join(f"{line}\n" for line in (*paths, note)).encode()
    return lambda _query: Answer(HTTPStatus.OK, TEXT, body)


@contextmanager
def serving(
    routes: Mapping[str, Route],
    *,
    address: str,
    port: int,
    page: Page = lambda _request: NOT_FOUND,
    named: str = "METRICS_PORT",
) -> Iterator[str]:
    """Serve the routes in the background; gives the address as `http://host:port`.

    Args:
        routes: by path; they are asked with GET.
        address: where to listen.
        port: where to listen; 0 for any that is free.
        page: answers all else.
        named: the setting of the port.

    Raises:
        SettingError: when the address or port cannot be bound.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_TIMEOUT_S

        def version_string(self) -> str:
            return "velox"

        def do_GET(self) -> None:
            self._send_body(self._answered())

        def do_HEAD(self) -> None:
            """As load balancers and uptime monitors ask."""
            self._answered()

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not (length.isascii() and length.isdecimal()):
                self._send_body(self._headed(_refused(HTTPStatus.LENGTH_REQUIRED)))
            elif len(length) > len(str(MOST_BODY)) or int(length) > MOST_BODY:
                self._send_body(self._headed(_refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)))
            else:
                path, _, query = self.path.partition("?")
                body = self.rfile.read(int(length))
                request = Request("POST", path, query, self.headers, body)
                self._send_body(self._headed(page(request)))

        def _answered(self) -> Answer:
            """The answer, whose head is sent."""
            path, _, query = self.path.partition("?")
            if (route := routes.get(path)) is not None:
                return self._headed(route(query))
            return self._headed(page(Request("GET", path, query, self.headers)))

        def _send_body(self, answer: Answer) -> None:
            if answer.written is None:
                self.wfile.write(answer.body)
            else:
                answer.written(cast(BinaryIO, self.wfile))

        def _headed(self, answer: Answer) -> Answer:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            if answer.written is None:
                self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            return answer

        def log_message(self, *_: object) -> None:
            """A probe every few seconds is no event."""

    try:
        server = _Server((address, port), Handler)
    except (OSError, OverflowError) as error:
        raise SettingError(
            f"METRICS_ADDRESS={address!r}, {named}={port} cannot be bound: {error}"
        ) from None
    thread = threading.Thread(
        target=server.serve_forever, args=(_LOOK_FOR_END_EVERY_S,), name="http", daemon=True
    )
    thread.start()
    try:
        host = f"[{address}]" if ":" in address else address
        yield f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _refused(status: HTTPStatus) -> Answer:
    return Answer(status, TEXT, f"{status.phrase.lower()}\n".encode())


class _Server(ThreadingHTTPServer):
    """A thread for each of a few connections.

    One more closes the oldest: clients that send nothing, or a byte at a time, can neither use up
    the process's file descriptors nor keep a probe waiting.
    """

    daemon_threads = True
    request_queue_size = _WAITING_CONNECTIONS

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._connections: deque[socket.socket] = deque()
        self._changing = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changing:
            self._connections.append(request)
            oldest = self._connections[0] if len(self._connections) > MOST_CONNECTIONS else None
        if oldest is not None:
            self._end(oldest)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._changing, suppress(ValueError):
            self._connections.remove(request)
        super().shutdown_request(request)

    def _end(self, connection: socket.socket) -> None:
        """Its thread reads the end of the input and closes it."""
        with self._changing, suppress(ValueError):
            self._connections.remove(connection)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A client that goes away before it has its answer is no event."""
        log.debug("request failed client=%s", client_address[0], exc_info=True)
