"""A file at an address of HTTP, read like one that is here."""

from __future__ import annotations

import base64
import http.client
import io
import re
import ssl
import threading
import urllib.error
import urllib.request
from typing import Any, cast
from urllib.parse import quote, unquote, urlsplit

from velox.base.waiting import Stopped, until_done

TIMEOUT_S = 5.0
TRIES = 6
# Less than this is read and forgotten rather than asked for anew.
SKIP_BYTES = 262_144
# What has an end there, and is no film: pictures of cameras, their pages, playlists.
_NO_FILM = re.compile(
    r"image/|multipart/|text/html|text/xml|application/(json|xml)|.*(mpegurl|dash)"
)
_PLAYLIST = re.compile(r".*\.(m3u8?|mpd)", re.IGNORECASE)
_TOTAL = re.compile(r"bytes [0-9]+-[0-9]+/([0-9]+)")

Response = http.client.HTTPResponse
FAILURES = (OSError, http.client.HTTPException)


def film_at(address: str, stop: threading.Event) -> HttpFile | None:
    """What is at an address, if it is a file with a length; None for what a camera sends.

    Raises:
        OSError: when the server cannot be reached or answers with an error; `told` words it.
    """
    try:
        response = _asked(address, 0)
    except http.client.HTTPException:
        return None  # no HTTP that Python knows; FFmpeg may
    kind = response.headers.get_content_type()
    size = _size(response)
    if size == 0 or _NO_FILM.match(kind) or _PLAYLIST.fullmatch(urlsplit(address).path):
        response.close()
        return None
    return HttpFile(address, response, size, stop)


def told(error: OSError | http.client.HTTPException) -> str:
    """An error in words, without the address."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    reason = getattr(error, "reason", None) or error
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


class HttpFile(io.RawIOBase):
    """Reads from any place; a connection that drops is made again there, a few times.

    Args:
        address: where it is.
        response: the answer to a first request, for all of it.
        size: in bytes.
        stop: ends waits.

    Attributes:
        error: why reading ended before the end of the file; empty if it did not.
    """

    def __init__(self, address: str, response: Response, size: int, stop: threading.Event) -> None:
        self._address = address
        self._response: Response | None = response
        self._size = size
        self._stop = stop
        self._at = self._received = 0
        self.error = ""

    def readable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def seekable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """See `io.RawIOBase`; nothing is asked for before it is read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """See `io.RawIOBase`; what fails is the end, for C++ code calls this, and `error` tells."""
        if self._at >= self._size or self.error:
            return 0
        try:
            count = until_done(
                lambda: self._read(buffer),
                retryable=FAILURES,
                stop=self._stop,
                on_failure=self._forget,
                tries=TRIES,
            )
        except Stopped:
            return 0
        except FAILURES as error:
            self.error = f"the transfer ends at byte {self._at} of {self._size}: {told(error)}"
            return 0
        self._at += count
        self._received = self._at
        return count

    def _read(self, buffer: Any) -> int:
        if self._response is None or not 0 <= self._at - self._received <= SKIP_BYTES:
            self._forget(None)
            self._response = _asked(self._address, self._at)
            if _size(self._response) != self._size:
                raise OSError("the file has changed")
            self._received = (
                self._at if self._response.status == http.HTTPStatus.PARTIAL_CONTENT else 0
            )
        while self._received < self._at:
            self._received += self._take(self._response, min(SKIP_BYTES, self._at - self._received))
        view = memoryview(buffer)[: self._size - self._at]
        if not (count := self._response.readinto(view)):
            raise ConnectionError("the connection ended")
        return count

    def _take(self, response: Response, count: int) -> int:
        """Read what is not wanted, where a server does not begin where it should."""
        if not (data := response.read(count)):
            raise ConnectionError("the connection ended")
        return len(data)

    def _forget(self, _error: Exception | None) -> None:
        if self._response is not None:
            self._response.close()
        self._response = None

    def close(self) -> None:
        """Close the connection."""
        self._forget(None)
        super().close()


def _asked(address: str, start: int) -> Response:
    """The answer to a request for all from a byte on; a password is told to who asks for it."""
    parts = urlsplit(address)
    credentials, _, host = parts.netloc.rpartition("@")
    path = quote(parts.path or "/", safe="/%:=&~+!$,;'@()*")
    url = f"{parts.scheme}://{host}{path}" + (f"?{parts.query}" if parts.query else "")
    headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity", "User-Agent": "velox"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    try:
        return cast(Response, _opener().open(request, timeout=TIMEOUT_S))
    except urllib.error.HTTPError as error:
        asks = error.headers.get("WWW-Authenticate", "").lower()
        if error.code != http.HTTPStatus.UNAUTHORIZED or not credentials:
            raise
        if not asks.startswith("basic"):
            raise http.client.HTTPException("asks for what FFmpeg can answer") from None
        secret = base64.b64encode(unquote(credentials).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {secret}")
        return cast(Response, _opener().open(request, timeout=TIMEOUT_S))


def _opener() -> urllib.request.OpenerDirector:
    """As FFmpeg does it: the certificates that cameras sign themselves are taken."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))


def _size(response: Response) -> int:
    """Bytes of the whole file; 0 where the answer does not say."""
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        found = _TOTAL.match(response.headers.get("Content-Range", ""))
        return int(found[1]) if found else 0
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() else 0
