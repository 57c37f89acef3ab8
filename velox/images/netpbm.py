"""The headers of Netpbm's formats: PBM, PGM, PPM, PAM, and PFM (netpbm.sourceforge.net/doc)."""

from __future__ import annotations

import re
from typing import NamedTuple

# Each byte of these can be read in one way only, or the time to refuse one grows without bound.
_SPACE = rb"(?:\s|#[^\r\n]{0,999}[\r\n]){1,999}"
_NUMBER = rb"([0-9]{1,9})"
_PBM = re.compile(rb"P[14]" + _SPACE + _NUMBER + _SPACE + _NUMBER + rb"\s")
_PGM_PPM = re.compile(
    rb"P([2356])" + _SPACE + _NUMBER + _SPACE + _NUMBER + _SPACE + rb"([0-9]{1,5})\s"
)
_PFM = re.compile(rb"P[Ff]\s" + _NUMBER + rb"\s" + _NUMBER + rb"\s")
_PAM = re.compile(
    rb"P7\n((?:(?:WIDTH|HEIGHT|DEPTH|MAXVAL) [0-9]{1,9}\n|TUPLTYPE [A-Z_]{1,99}\n){1,5})ENDHDR\n"
)
_BYTE, _TWO_BYTES = 255, 65_535


class Netpbm(NamedTuple):
    """What a header says.

    Attributes:
        width, height: in pixels.
        white: the value of white where that is not the greatest of its one or two bytes, else 0.
        kind: of a PAM's tuples, empty where nothing is said.
        depth: numbers of a PAM's tuple.
    """

    width: int
    height: int
    white: int = 0
    kind: bytes = b""
    depth: int = 0


def pnm(data: bytes) -> Netpbm | None:
    """PBM, PGM and PPM, as text or as bytes."""
    if found := _PBM.match(data):
        return Netpbm(int(found[1]), int(found[2]))
    if found := _PGM_PPM.match(data):
        width, height, white = map(int, found.groups()[1:])
        # What is text with a white of one byte, OpenCV scales itself.
        scaled = found[1] in b"23" and white <= _BYTE
        return Netpbm(width, height, 0 if scaled else _unusual(white))
    return None


def pam(data: bytes) -> Netpbm | None:
    """PAM, with each field at most once."""
    found = _PAM.match(data)
    if not found:
        return None
    lines = [line.split(b" ") for line in found[1].splitlines()]
    fields = dict(lines)
    if len(fields) < len(lines):
        return None
    return Netpbm(
        int(fields[b"WIDTH"]),
        int(fields[b"HEIGHT"]),
        _unusual(int(fields[b"MAXVAL"])),
        fields.get(b"TUPLTYPE", b""),
        int(fields[b"DEPTH"]),
    )


def pfm(data: bytes) -> Netpbm | None:
    """PFM: numbers with a point."""
    found = _PFM.match(data)
    return Netpbm(int(found[1]), int(found[2])) if found else None


def _unusual(white: int) -> int:
    if not 0 < white <= _TWO_BYTES:
        raise ValueError
    return 0 if white in (_BYTE, _TWO_BYTES) else white
