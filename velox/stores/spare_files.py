"""Image files of what is classified once more: never at the cost of others."""

from __future__ import annotations

import os
from collections.abc import Sequence

from velox.base.records import Record
from velox.stores.image_files import ImageFiles
from velox.stores.image_names import file_name


class SpareFiles(ImageFiles):
    """As `ImageFiles`, but what it writes takes the place of no other file.

    A file that is there stays as it is; one that is not is written where there is room for it.
    """

    def write_all(self, records: Sequence[Record]) -> list[str | OSError | None]:
        """See ImageFiles; None too where there is no room."""
        return [self._write_spare(record) for record in records]

    def _write_spare(self, record: Record) -> str | OSError | None:
        path = os.path.join(self._folder, file_name(record))
        if self._keep and os.path.lexists(path):
            return path
        if self._count >= self._keep:
            return None
        return super().write_all([record])[0]
