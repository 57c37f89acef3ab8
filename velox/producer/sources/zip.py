"""A zip archive as a source: its files in the order of its directory.

The directory at its end is read a file at a time, so that an archive of a million files takes no
more memory than one of ten. Nothing is unpacked to disk.
Format: PKWARE's APPNOTE.TXT 6.3.10, 4.3 and 4.4; 4.5.3 for archives beyond 4 GiB (zip64).
"""

from __future__ import annotations

import os
import stat
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO, NamedTuple

from velox.base.names import shown
from velox.producer.sources.capture import Item, LeftOut, Unreadable
from velox.producer.sources.image_file import (
    BEGIN_BYTES,
    is_hidden,
    item_of,
    key_in,
    label_of,
    named_like_an_image,
    too_large,
)

BEGINNINGS = (b"PK\3\4", b"PK\5\6", b"PK\7\x08")

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_LONGEST_COMMENT = 0xFFFF
_IN_ZIP64 = 0xFFFFFFFF
_ENCRYPTED, _UTF8 = 1, 0x800
_STORED, _DEFLATED = 0, 8
_FROM_DOS, _FROM_UNIX = 0, 3


class Damaged(Exception):
    """The archive does not hold what its directory says."""


class _Member(NamedTuple):
    """A file in the archive, as the directory has it."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    at: int


class Zip:
    """Reads an archive; a label is what the folder would give that one gets by unpacking it.

    Args:
        source_id: its name in logs.
        path: the archive.
        max_bytes: above which a file is refused, unread.
        above: begins the name of every image; below it comes the name in the archive.
    """

    live = False

    def __init__(self, source_id: str, path: str, *, max_bytes: int, above: str = "") -> None:
        self.id = source_id
        self._path = path
        self._max_bytes = max_bytes
        self._above = above
        self._seen = 0
        self._total = 0

    @property
    def done(self) -> float | None:
        """The share of the files; None until the directory was found."""
        return min(1.0, self._seen / self._total) if self._total else None

    def items(self, stop: threading.Event) -> Iterator[Item]:
        """Every image, and all else that is in the archive, with the reason why it is not sent."""
        self._seen = 0
        try:
            with open(self._path, "rb") as file:
                self._total = _directory(file)[0]
                top = _common_top(_members(file, stop))
                for member in _members(file, stop):
                    self._seen += 1
                    if not member.name.endswith("/"):
                        yield self._read(file, member, top)
        except (Damaged, OSError, struct.error) as error:
            yield Unreadable(self.id, f"not a zip archive, or damaged or cut short: {error}")

    def _read(self, file: BinaryIO, member: _Member, top: str) -> Item:
        path = PurePosixPath(*_parts(member.name))
        name = key_in(self._above, path)
        if any(map(is_hidden, path.parts)):
            return LeftOut(shown(name), "hidden")
        if stat.S_ISLNK(member.mode):
            named = named_like_an_image(name)
            return Unreadable(shown(name), "a link") if named else LeftOut(shown(name), "a link")
        if refused := _why_not(member):
            return Unreadable(shown(name), refused)
        try:
            if member.size > self._max_bytes:
                return too_large(
                    name, member.size, self._max_bytes, _content(file, member, BEGIN_BYTES)
                )
            data = _content(file, member, self._max_bytes + 1)
            if len(data) != member.size or zlib.crc32(data) != member.crc:
                raise Damaged("not the bytes that the directory describes")
        except (Damaged, zlib.error, struct.error) as error:
            return Unreadable(shown(name), f"damaged: {error}")
        return item_of(name, data, label_of(path.relative_to(top)))


def _why_not(member: _Member) -> str:
    if member.flags & _ENCRYPTED:
        return "encrypted: unpack the archive with its password"
    if member.method not in (_STORED, _DEFLATED):
        return f"compressed by method {member.method}, which is not read: unpack the archive"
    return ""


def _parts(name: str) -> tuple[str, ...]:
    """The parts of a name that name something: it is a key, and never a path on this machine."""
    return tuple(part for part in name.split("/") if part not in ("", ".", ".."))


def _common_top(members: Iterator[_Member]) -> str:
    """The folder in which all files lie, as the archive of one folder has it; else empty."""
    tops = set()
    for member in members:
        parts = _parts(member.name)
        if not member.name.endswith("/") and not any(map(is_hidden, parts)):
            tops.add(parts[0] if len(parts) > 1 else "")
            if len(tops) > 1:
                return ""
    return tops.pop() if tops else ""


def _members(file: BinaryIO, stop: threading.Event) -> Iterator[_Member]:
    """What the directory lists.

    Raises:
        Damaged, struct.error, OSError: when there is none, or it is not whole.
    """
    count, at, end, shift = _directory(file)
    for _ in range(count):
        if stop.is_set():
            return
        _go_to(file, at, "the directory is incomplete")
        fields = _ENTRY.unpack(file.read(_ENTRY.size))
        if fields[0] != b"PK\1\2" or at >= end:
            raise Damaged("the directory is incomplete")
        lengths = fields[10:13]
        name, extra = file.read(lengths[0]), file.read(lengths[1])
        yield _member(fields, name, extra, shift)
        at += _ENTRY.size + sum(lengths)


def _directory(file: BinaryIO) -> tuple[int, int, int, int]:
    """Number of entries, where the directory begins and ends, and how far all is moved."""
    size = file.seek(0, os.SEEK_END)
    tail_at = max(0, size - _LONGEST_COMMENT - _END.size - _LOCATOR.size)
    file.seek(tail_at)
    tail = file.read()
    found = tail.rfind(b"PK\5\6")
    if found < 0:
        raise Damaged("its end is missing")
    _, disk, _, _, count, length, offset, _ = _END.unpack_from(tail, found)
    if disk not in (0, 0xFFFF):
        raise Damaged("it is one part of several")
    end = tail_at + found
    if found >= _LOCATOR.size and tail.startswith(b"PK\6\7", found - _LOCATOR.size):
        # Right before its locator, which knows nothing of what was put before the archive.
        end -= _LOCATOR.size + _END64.size
        file.seek(max(0, end))
        signature, *_, count, length, offset = _END64.unpack(file.read(_END64.size))
        if signature != b"PK\6\6":
            raise Damaged("its end is incomplete")
    return count, end - length, end, end - length - offset


def _member(fields: tuple[int, ...], name: bytes, extra: bytes, shift: int) -> _Member:
    _, made_by, _, flags, method, _, _, crc, packed, size, *_, attributes, at = fields
    wide = _wide(extra)
    size = next(wide, 0) if size == _IN_ZIP64 else size
    packed = next(wide, 0) if packed == _IN_ZIP64 else packed
    at = next(wide, 0) if at == _IN_ZIP64 else at
    text = _text(name, flags)
    if made_by >> 8 == _FROM_DOS and "/" not in text:
        text = text.replace("\\", "/")
    mode = attributes >> 16 if made_by >> 8 == _FROM_UNIX else 0
    return _Member(text, flags, method, crc, packed, size, mode, at + shift)


def _wide(extra: bytes) -> Iterator[int]:
    """The numbers that have no room in the entry itself, APPNOTE 4.5.3."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            part = extra[at + 4 : at + 4 + length]
            yield from (number for (number,) in struct.iter_unpack("<Q", part[: length // 8 * 8]))
        at += 4 + length


def _text(name: bytes, flags: int) -> str:
    """A name; many write UTF-8 and do not say so."""
    name = name.partition(b"\0")[0]
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("utf-8", "surrogateescape") if flags & _UTF8 else name.decode("cp437")


def _go_to(file: BinaryIO, at: int, wrong: str) -> None:
    """Read on from a place that the archive names, which may be one that no file has.

    Raises:
        Damaged: when it is, in these words.
    """
    try:
        file.seek(at)
    except (OSError, ValueError, OverflowError):
        raise Damaged(wrong) from None


def _content(file: BinaryIO, member: _Member, most: int) -> bytes:
    """The first bytes of a file, at most so many."""
    _go_to(file, member.at, "not where the directory says")
    signature, *_, name, extra = _LOCAL.unpack(file.read(_LOCAL.size))
    if signature != b"PK\3\4":
        raise Damaged("not where the directory says")
    file.seek(name + extra, os.SEEK_CUR)
    if member.method == _STORED:
        return file.read(min(member.packed, most))
    unpacker, found, left = zlib.decompressobj(-zlib.MAX_WBITS), bytearray(), member.packed
    while len(found) < most and (chunk := file.read(min(left, BEGIN_BYTES))):
        left -= len(chunk)
        found += unpacker.decompress(chunk, most - len(found))
    return bytes(found)
