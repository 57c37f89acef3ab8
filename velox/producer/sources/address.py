"""Addresses of cameras and streams: what can be one, what is shown, why nothing comes."""

from __future__ import annotations

import re
import socket
from urllib.parse import quote, urlsplit

from velox.base.errors import SettingError

# What the FFmpeg in OpenCV's packages reads over a network, with the port that is meant where an
# address has none; None where there is nothing to connect to.
PORTS: dict[str, int | None] = {
    "rtsp": 554,
    "rtsps": 322,
    "http": 80,
    "https": 443,
    "rtmp": 1935,
    "rtmpe": 1935,
    "rtmps": 443,
    "rtmpt": 80,
    "rtmpte": 80,
    "rtmpts": 443,
    "mmsh": 80,
    "mmst": 1755,
    "ftp": 21,
    "tcp": None,
    "tls": None,
    "udp": None,
    "udplite": None,
    "rtp": None,
    "srtp": None,
}
CONNECT_TIMEOUT_S = 2.0
# What to do where an address was taken for two entries.
COMMA = r"a comma in a password is written \,"

_ENDS_HOST = re.compile(r"[/?#]")
_HOST = r"(?:\[[0-9A-Fa-f:.%]+\]|[^\[\]:@/?#]+)(?::[0-9]{1,5})?"
_AUTHORITY = re.compile(rf"(?:[^/?#]*@)?{_HOST}")
# A user has no such name.
_SURELY_HOST = re.compile(r"\[.*|localhost(:.*)?|[0-9]+(\.[0-9]+){3}(:.*)?", re.IGNORECASE)
# What ends a name or a password, or makes an escape of what is none.
_TO_ESCAPE = re.compile(r"[/?#@\[\]\s]|%(?![0-9A-Fa-f]{2})")


def usable(address: str) -> str:
    """The address as FFmpeg takes it: what user and password should not hold is escaped.

    Raises:
        SettingError: for a scheme that is not read, an address without a host or with what cannot
            be one, and one of which it is not clear where the password ends. It holds nothing that
            may be secret.
    """
    scheme, _, rest = address.partition("://")
    if scheme.lower() == "file":
        raise SettingError("SOURCE has an address file://: write the path alone")
    if scheme.lower() not in PORTS:
        known = ", ".join(sorted(PORTS))
        raise SettingError(f"SOURCE has an address {scheme}://; these can be read: {known}")
    end = _credentials_end(scheme, rest)
    host = _ENDS_HOST.split(rest[end:], maxsplit=1)[0]
    if not host:
        raise SettingError(
            f"SOURCE names an address without a host: {without_credentials(address)!r}"
        )
    if not _can_be(host):
        # Not shown: it is the beginning of a password that was cut at its comma.
        raise SettingError(
            f"SOURCE has an address {scheme}:// whose host or port cannot be one: a port is a "
            f"number up to 65535; {COMMA}"
        )
    secret = _TO_ESCAPE.sub(lambda found: quote(found[0], safe=""), rest[: max(0, end - 1)])
    return f"{scheme}://{secret}{rest[max(0, end - 1) :]}"


def _can_be(host: str) -> bool:
    """Whether it may be a host, with or without a port."""
    try:
        urlsplit(f"//{host}").port  # noqa: B018
    except ValueError:
        return False
    return True


def without_credentials(address: str) -> str:
    """An address without what may be secret: user, password, query and fragment.

    Where it is not clear what the password is, all up to the last `@` is.
    """
    scheme, _, rest = address.partition("://")
    try:
        end = _credentials_end(scheme, rest)
    except SettingError:
        end = rest.rfind("@") + 1
    return f"{scheme}://" + re.split(r"[?#]", rest[end:], maxsplit=1)[0]


def _credentials_end(scheme: str, rest: str) -> int:
    """Where the host begins.

    An `@` ends the password wherever it stands, for passwords hold characters that they should not,
    unless what comes before is a host: then it is a part of path or query.
    """
    end = rest.rfind("@") + 1
    ends_host = _ENDS_HOST.search(rest, 0, end)
    if ends_host is None:
        return end
    authority = rest[: ends_host.start()]
    if not _AUTHORITY.fullmatch(authority):
        return end
    if ":" not in authority or _SURELY_HOST.fullmatch(authority):
        return authority.rfind("@") + 1
    raise SettingError(
        f"SOURCE has an address {scheme}:// of which it is not clear where the password ends: "
        "write %40 for an @, in a password also %2F for /, %3F for ? and %23 for #"
    )


def is_reachable(address: str) -> bool:
    """Whether something answers at an address, be it that it refuses; also where none can tell."""
    if (place := _place(address)) is None:
        return True
    try:
        socket.create_connection(place, CONNECT_TIMEOUT_S).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


def why_nothing_comes(address: str) -> str:
    """Why there is no picture, as far as a connection tells; nothing of it is secret."""
    if (place := _place(address)) is None:
        return "nothing comes"
    port = place[1]
    try:
        socket.create_connection(place, CONNECT_TIMEOUT_S).close()
    except OSError as error:
        return f"no connection to port {port}: {error.strerror or error}"
    return f"port {port} answers, but gives no picture: are path, user and password right?"


def _place(address: str) -> tuple[str, int] | None:
    """Host and port, None where there is nothing to connect to."""
    parts = urlsplit(address)
    host, port = parts.hostname, parts.port or PORTS.get(parts.scheme)
    if not host or not port or parts.scheme in ("udp", "udplite", "rtp", "srtp"):
        return None
    return host, port
