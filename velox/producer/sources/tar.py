"""A tar archive as a source, read as a stream: from standard input or from a file.

    tar c photos | SOURCE=- python producer.py

Compressed archives are recognised. One file at a time is held in memory, and never a large one.
"""

from __future__ import annotations

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
    label_of,
    named_like_an_image,
    too_large,
)

STDIN = 0
LOOK_FOR_STOP_S = 0.2
READ_BYTES = 65_536
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
    """

    live = False

    def __init__(self, source_id: str, path: str | None, *, max_bytes: int) -> None:
        self.id = source_id
        self._path = path
        self._max_bytes = max_bytes
        self._stream: _Stream | None = None

    @property
    def done(self) -> float | None:
        """The share of the archive's bytes, None for a pipe."""
        return self._stream.done if self._stream else None

    def items(self, stop: threading.Event) -> Iterator[Item]:
        """Every image, and what is none but should be one."""
        try:
            with _Stream(self._path, stop) as self._stream:
                yield from self._members(cast(IO[bytes], self._stream))
        except Stopped:
            return
        except _DAMAGED as error:
            yield Unreadable(self.id, f"not a tar archive, or damaged or cut short: {error}")

    def _members(self, stream: IO[bytes]) -> Iterator[Item]:
        with tarfile.open(
            fileobj=stream,
            mode="r|*",
            bufsize=READ_BYTES,
            tarinfo=_Member,
            encoding="utf-8",
            errors="surrogateescape",
        ) as archive:
            while (member := archive.next()) is not None:
                # The archive would remember every member, of millions too.
                cast(Any, archive).members.clear()
                if not member.isdir():
                    yield self._read(archive, member)

    def _read(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> Item:
        path = PurePosixPath(member.name)
        if any(map(is_hidden, path.parts)):
            return LeftOut(shown(str(path)), "hidden")
        if member.issym() or member.islnk():
            if not named_like_an_image(str(path)):
                return LeftOut(shown(str(path)), "a link")
            reason = "a link; tar --dereference --hard-dereference packs the file itself"
            return Unreadable(shown(str(path)), reason)
        file = archive.extractfile(member)
        if file is None:
            return LeftOut(shown(str(path)), "not a regular file")
        if member.size > self._max_bytes:
            return too_large(str(path), member.size, self._max_bytes, file.read(BEGIN_BYTES))
        below = PurePosixPath(*member.name.lstrip("/").split("/")[1:])
        return item_of(str(path), file.read(), label_of(below))


class _Member(tarfile.TarInfo):
    """A header that tells the end of an archive from damage, which tarfile takes for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """See `tarfile.TarInfo.frombuf`."""
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf == END_OF_ARCHIVE:
                raise
            raise tarfile.ReadError(str(error)) from None
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
        self._size = os.fstat(self._descriptor).st_size

    @property
    def done(self) -> float | None:
        """The share that is read; None where the size is not known."""
        return min(1.0, self._read / self._size) if self._size else None

    def readable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """See `io.RawIOBase`; the first block, which tells the compression, comes whole."""
        data = super().read(size)
        while 0 < self._read < tarfile.BLOCKSIZE and (more := super().read(size - len(data))):
            data += more
        return data

    def readinto(self, buffer: Any, /) -> int:
        """See `io.RawIOBase`.

        Raises:
            Stopped: when told to stop.
        """
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
