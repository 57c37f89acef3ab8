"""Who may see the page and what they send: a token, a cookie, and where a request comes from."""

from __future__ import annotations

import base64
import hashlib
import hmac
from binascii import Error
from email.message import Message
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

COOKIE = "velox-review"
LONGEST_NAME = 100
# Whoever shows the token and no cookie, a program, has this name unless it says another.
PROGRAM = "program"
# A program says so who it is.
REVIEWER = "X-Reviewer"
_LASTS_S = 30 * 24 * 3600
_OF_COOKIES = b"velox review cookie\0"

Headers = Message


class Access:
    """Lets in whoever knows the token.

    A browser gets a cookie for it, which names who works there. It is an HMAC (RFC 2104) of the
    name under the token, so it goes with every process of that token, and with no other token.

    Args:
        token: the secret.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def cookie(self, token: str, name: str) -> str | None:
        """The value of `Set-Cookie` for somebody of that name; None where the token is wrong."""
        if not self._is(token) or not (name := clean_name(name)):
            return None
        value = f"{_encoded(name)}.{self._seal(name)}"
        return f"{COOKIE}={value}; Path=/; Max-Age={_LASTS_S}; HttpOnly; SameSite=Strict"

    def who(self, headers: Headers) -> str | None:
        """The name of whoever sent these headers; None for a stranger."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            named = clean_name(headers.get(REVIEWER, "")) or PROGRAM
            return named if self._is(token.strip()) else None
        try:
            cookies = SimpleCookie(headers.get("Cookie", ""))
        except CookieError:
            return None
        given = cookies[COOKIE].value if COOKIE in cookies else ""
        encoded, _, seal = given.partition(".")
        name = _decoded(encoded)
        if name is None or not hmac.compare_digest(self._seal(name).encode(), seal.encode()):
            return None
        return name

    def _is(self, token: str) -> bool:
        return hmac.compare_digest(self._token, token.encode("utf-8", "replace"))

    def _seal(self, name: str) -> str:
        return hmac.new(self._token, _OF_COOKIES + name.encode(), hashlib.sha256).hexdigest()


def of_this_site(headers: Headers) -> bool:
    """Whether a request that changes something comes from a page of this server, or a program.

    A browser names the origin with every POST, which no page can choose (Fetch standard, "append a
    request `Origin` header"). A program may leave it out, and then has no cookie of a person's.
    """
    origin = headers.get("Origin")
    if origin is None:
        return "Cookie" not in headers
    return bool(origin) and urlsplit(origin).netloc == headers.get("Host")


def clean_name(name: str) -> str:
    """A name as it is kept: one line, and not longer than names are."""
    return " ".join("".join(each if each.isprintable() else " " for each in name).split())[
        :LONGEST_NAME
    ]


def _encoded(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def _decoded(text: str) -> str | None:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode() or None
    except (Error, ValueError):
        return None
