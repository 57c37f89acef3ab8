"""A tar archive as a source, read as a stream: from standard input or from a file.

    tar c photos | SOURCE=- python producer.py

Compressed archives are recognised, and archives in a row are read to the last. One file at a time
is held in memory, and never a large one.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import select
import tarfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Any, Self, cast

from velox.base.names import shown
from velox.base.waiting import Stopped
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

STDIN = 0
LOOK_FOR_STOP_S = 0.2
READ_BYTES = 65_536
BEGINNING = 8
# A header block's own data (a long name, extended attributes) is read whole.
MAX_HEADER_BYTES = 1024 * 1024
END_OF_ARCHIVE = bytes(tarfile.BLOCKSIZE)

_HEADER_TYPES = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_DAMAGED = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError)


class Tar:
    """Reads an archive as it comes.

    Links carry no bytes of their own and cannot be sent; hidden files are left out, and so are
    files that are images neither by name nor by content.

    Args:
        source_id: its name in logs.
        path: the archive, None for standard input.
        max_bytes: above which a file is refused, unread.
        above: begins the name of every image; below it comes the name in the archive.
    """

    live = False

    def __init__(
        self, source_id: str, path: str | None, *, max_bytes: int, above: str = ""
    ) -> None:
        self.id = source_id
        self._path = path
        self._max_bytes = max_bytes
        self._above = above
        self._stream: _Stream | None = None

    @property
    def done(self) -> float | None:
        """The share of the archive's bytes, None for a pipe."""
        return self._stream.done if self._stream else None

    def items(self, stop: threading.Event) -> Iterator[Item]:
        """Every image, and what is none but should be one."""
        try:
            with _Stream(self._path, stop) as self._stream:
                yield from self._members(cast(IO[bytes], _unpacked(self._stream)))
        except Stopped:
            return
        except _DAMAGED as error:
            yield Unreadable(self.id, f"not a tar archive, or damaged or cut short: {error}")

    def _members(self, stream: IO[bytes]) -> Iterator[Item]:
        with tarfile.open(
            fileobj=stream,
            mode="r|",
            bufsize=READ_BYTES,
            tarinfo=type("Member", (_Member,), {}),
            ignore_zeros=True,
            encoding="utf-8",
            errors="surrogateescape",
        ) as archive:
            while (member := _next_of(archive)) is not None:
                # The archive would remember every member, of millions too.
                cast(Any, archive).members.clear()
                if not member.isdir():
                    yield self._read(archive, member)

    def _read(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> Item:
        path = PurePosixPath(member.name)
        name = key_in(self._above, path)
        if any(map(is_hidden, path.parts)):
            return LeftOut(shown(name), "hidden")
        if member.issym() or member.islnk():
            if not named_like_an_image(name):
                return LeftOut(shown(name), "a link")
            reason = "a link; tar --dereference --hard-dereference packs the file itself"
            return Unreadable(shown(name), reason)
        file = archive.extractfile(member)
        if file is None:
            return LeftOut(shown(name), "not a regular file")
        if member.size > self._max_bytes:
            return too_large(name, member.size, self._max_bytes, file.read(BEGIN_BYTES))
        below = PurePosixPath(*member.name.lstrip("/").split("/")[1:])
        return item_of(name, file.read(), label_of(below))


def _next_of(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    """The next member, None at the end.

    Raises:
        tarfile.ReadError: when its header is damaged, for which tarfile may raise a ValueError too:
            where a sparse file's numbers are none.
    """
    try:
        return archive.next()
    except ValueError as error:
        raise tarfile.ReadError(str(error)) from None


class _Unpacked:
    """Gives a compressed stream's content as it comes.

    Args:
        file: one of gzip, bz2 or lzma, which go on where the next compressed part begins.
    """

    def __init__(self, file: gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        """At most so many bytes, at least one before the end."""
        return self._file.read1(size)


def _unpacked(stream: _Stream) -> _Stream | _Unpacked:
    """The stream, or its content where it is compressed.

    Raises:
        tarfile.ReadError: when it is known to be something else.
    """
    begin, file = stream.begin(), cast(IO[bytes], stream)
    if begin.startswith(b"\x1f\x8b"):
        return _Unpacked(gzip.GzipFile(fileobj=file))
    if begin.startswith(b"BZh"):
        return _Unpacked(bz2.BZ2File(file))
    if begin.startswith(b"\xfd7zXZ\0"):
        return _Unpacked(lzma.LZMAFile(file))
    if begin.startswith(b"PK\3\4"):
        raise tarfile.ReadError("it is a zip archive, whose file SOURCE must name")
    if begin.startswith(b"\x28\xb5\x2f\xfd"):
        raise tarfile.ReadError("it is compressed by zstd, and must come through `zstd -dc`")
    return stream


class _Member(tarfile.TarInfo):
    """A header that tells the end of an archive from damage, which tarfile takes for the end.

    Attributes:
        ended: whether the block before was one that ends an archive; of a class for each stream.
    """

    ended = False

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """See `tarfile.TarInfo.frombuf`."""
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            # Another archive may follow, or nothing.
            if buf == END_OF_ARCHIVE or (cls.ended and not buf):
                cls.ended = True
                raise
            raise tarfile.ReadError(str(error)) from None
        cls.ended = False
        if member.size < 0 or (member.type in _HEADER_TYPES and member.size > MAX_HEADER_BYTES):
            raise tarfile.ReadError(f"a header claims {member.size} bytes")
        return member


class _Stream(io.RawIOBase):
    """A file descriptor to read from; a wait for data ends with `stop`.

    A read gives what has come, so that an image is not kept until the next one follows.
    """

    def __init__(self, path: str | None, stop: threading.Event) -> None:
        self._own = False  # what could not be opened is closed as well, when it is forgotten
        self._descriptor = STDIN if path is None else os.open(path, os.O_RDONLY)
        self._own = path is not None
        self._stop = stop
        self._read = 0
        self._begun = b""
        self._size = os.fstat(self._descriptor).st_size

    @property
    def done(self) -> float | None:
        """The share that is read; None where the size is not known."""
        return min(1.0, self._read / self._size) if self._size else None

    def readable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def begin(self) -> bytes:
        """The first bytes, which are read once more afterwards."""
        begin = b""
        while len(begin) < BEGINNING and (more := self.read(BEGINNING)):
            begin += more
        self._begun = begin
        return begin

    def readinto(self, buffer: Any, /) -> int:
        """See `io.RawIOBase`.

        Raises:
            Stopped: when told to stop.
        """
        if self._begun:
            count = min(len(buffer), len(self._begun))
            buffer[:count], self._begun = self._begun[:count], self._begun[count:]
            return count
        while not self._stop.is_set():
            if select.select([self._descriptor], [], [], LOOK_FOR_STOP_S)[0]:
                count = os.readv(self._descriptor, [buffer])
                self._read += count
                return count
        raise Stopped("stopped while reading a tar archive")

    def close(self) -> None:
        """Close a file that was opened here."""
        if self._own and not self.closed:
            os.close(self._descriptor)
        super().close()
