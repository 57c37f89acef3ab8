"""The matched images on disk: the bytes that came in, the newest so many of them.

Each process deletes the oldest file it knows of for each one it adds. What other consumers wrote it
learns by listing the folder in the background, never in the way of a write, and the seldomer the
longer that takes. Between two listings there may be as many files too many as the others wrote;
where a listing takes seconds at most, the bound is exact at the end.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from velox.base.logs import ThinnedLog
from velox.base.records import Record
from velox.stores.folder_listing import FolderListing
from velox.stores.gone import Gone
from velox.stores.image_names import file_name, is_ours
from velox.stores.image_writing import ImageWriting
from velox.stores.unfinished import Unfinished

LIST_EVERY_S = 1.0
# A listing holds at most twice as many, some 10 MB.
MOST_NAMES = 50_000
# A listing takes at most so much of the time.
LISTING_SHARE = 1 / 20
FIRST_LISTING_LIMIT_S = 10.0
LAST_LISTING_LIMIT_S = 2.0
# Files removed for one that is written, so that many too many are no pause for the others.
MOST_REMOVED = 8

log = logging.getLogger(__name__)


class ImageFiles:
    """Keeps the newest images of one folder. One thread writes.

    Names are held of the oldest files and of those just written, at most `MOST_NAMES` of each; what
    lies between is a number. With fewer files than that all names are held, and the bound is exact
    as long as nobody else writes.

    Args:
        folder: made if it is missing.
        keep: how many files stay; 0 writes none.
        topic: of the images.
        sync: whether what is written survives a power cut.
        clock: monotonic seconds.

    Attributes:
        gone: the files that were removed, until their documents say so.

    Raises:
        OSError: when the folder cannot be made or listed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep: int,
        topic: str = "",
        sync: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._prefix = os.path.join(folder, "")
        # Not the process's number: containers that share the folder count from 1 each.
        self._writer = secrets.token_hex(4)
        self.gone = Gone(folder, writer=self._writer, topic=topic)
        self._writing = ImageWriting(folder, writer=self._writer, sync=sync)
        self._keep = keep
        self._clock = clock
        self._trouble = ThinnedLog(log, per_second=0.1)
        # Oldest first; a record that comes again moves to the end of the newest.
        self._oldest: OrderedDict[str, None] = OrderedDict()
        self._between = 0
        self._newest: OrderedDict[str, None] = OrderedDict()
        self._unfinished = Unfinished(clock)
        # What happened since the running listing began.
        self._written: OrderedDict[str, None] = OrderedDict()
        self._removed: set[str] = set()
        self._next_listing = 0.0
        self._known = False
        self._writing.make_folder()
        self._listing: FolderListing | None = self._list()
        self._trim_within(FIRST_LISTING_LIMIT_S)

    def write(self, record: Record) -> str | None:
        """Write the record's value under a name made of its id, then forget the oldest file.

        The same record written again replaces its file.

        Returns:
            The path, None if no files are kept.

        Raises:
            OSError: when the file cannot be written; nothing is left of it.
        """
        (written,) = self.write_all([record])
        if isinstance(written, OSError):
            raise written
        return written

    def write_all(self, records: Sequence[Record]) -> list[str | OSError | None]:
        """As `write`, several at once; of each its path, or why it cannot be written."""
        if self._keep == 0:
            return [None] * len(records)
        names = [file_name(record) for record in records]
        there = {name: self._is_there(name, self._prefix + name) for name in names}
        contents = {name: each.value or b"" for name, each in zip(names, records, strict=True)}
        failed = self._writing.write(contents)
        kept = [name for name in there if name not in failed]
        for name in kept:
            self._note(name, there[name])
        self._look()
        self._trim(MOST_REMOVED * len(kept))
        return [failed.get(name) or self._prefix + name for name in names]

    def _look(self) -> None:
        """See from time to time what others wrote."""
        if self._listing is None:
            if self._clock() >= self._next_listing:
                self._listing = self._list()
        elif self._listing.done:
            self._take(self._listing)

    def close(self) -> None:
        """List once more, so that the bound is exact, unless that takes too long."""
        self._writing.close()
        if self._listing is not None:
            self._listing.cancel()
        self._listing = self._list()
        try:
            if not self._trim_within(LAST_LISTING_LIMIT_S):
                log.info("could not count the stored images in time folder=%s", self._folder)
        except OSError as error:
            self._say_unlisted(error)
        if self._listing is not None:
            self._listing.cancel()
        self.gone.close()

    @property
    def _count(self) -> int:
        return len(self._oldest) + self._between + len(self._newest)

    def _is_there(self, name: str, path: str) -> bool:
        """Whether a file of that name is counted already."""
        if name in self._newest or name in self._oldest:
            return True
        return self._between > 0 and os.path.lexists(path)

    def _note(self, name: str, there: bool) -> None:
        if there and name not in self._newest and name not in self._oldest:
            self._between -= 1
        self._oldest.pop(name, None)
        _put_last(name, self._newest)
        if len(self._newest) > MOST_NAMES:
            self._newest.popitem(last=False)
            self._between += 1
        if self._listing is not None:
            _put_last(name, self._written)
            if len(self._written) > MOST_NAMES:
                self._written.popitem(last=False)

    def _trim(self, most: int) -> bool:
        """Remove at most so many of the oldest that are too many; whether there were any."""
        names = list(islice(iter(self._one_too_many, None), most))
        for name, error in self.gone.remove(names).items() if names else ():
            text, path = "could not remove a stored image file=%s reason=%s", self._prefix + name
            self._trouble.warning(text, path, error.strerror)
        return bool(names)

    def _one_too_many(self) -> str | None:
        """Count the oldest file no more, if there are too many and it is known; its name."""
        if not self._known or self._count <= self._keep:
            return None
        if self._oldest:
            name, _ = self._oldest.popitem(last=False)
        elif self._between == 0:
            name, _ = self._newest.popitem(last=False)
        else:
            return None
        if self._listing is not None:
            self._removed.add(name)
            self._written.pop(name, None)
        return name

    # What is there.

    def _list(self) -> FolderListing:
        self._written, self._removed = OrderedDict(), set()
        self._unfinished.look_begins()
        return FolderListing(
            self._folder, wanted=is_ours, see_other=self._see_other, most=MOST_NAMES
        )

    def _take(self, listing: FolderListing) -> None:
        """Know what a listing has found, and what was written and removed while it went on."""
        self._listing = None
        pause = max(LIST_EVERY_S, listing.seconds / LISTING_SHARE)
        self._next_listing = self._clock() + pause
        if listing.error is not None:
            self._say_unlisted(listing.error)
            return
        known = listing.oldest
        # Not all that was written meanwhile was seen: better some too many stay than too few.
        between = max(0, listing.count - len(known) - len(self._written))
        self._between = 0 if listing.count == len(known) else between
        self._oldest = OrderedDict.fromkeys(
            name for name in known if name not in self._written and name not in self._removed
        )
        self._newest = self._written
        self._written, self._removed = OrderedDict(), set()
        self._known = True

    def _say_unlisted(self, error: OSError) -> None:
        text = "could not list the stored images folder=%s reason=%s"
        self._trouble.warning(text, self._folder, error.strerror)

    def _trim_within(self, limit: float) -> bool:
        """Wait for listings and remove what is too many; whether it was done in time.

        Raises:
            OSError: when the folder cannot be listed.
        """
        deadline = time.monotonic() + limit
        while self._listing is not None:
            listing = self._listing
            if not listing.wait(max(0.0, deadline - time.monotonic())):
                return False
            if listing.error is not None:
                raise listing.error
            self._take(listing)
            while self._trim(MOST_REMOVED):
                if time.monotonic() >= deadline:
                    return False
            if self._count > self._keep:
                self._listing = self._list()
        return True

    def _see_other(self, path: str, written: float) -> None:
        if not self.gone.see(path) and self._unfinished.is_stale(path, written):
            with suppress(OSError):
                os.unlink(path)


def _put_last(name: str, names: OrderedDict[str, None]) -> None:
    names[name] = None
    names.move_to_end(name)
