"""Where the files of a watched folder go once they are sent (WATCH_DONE)."""

from __future__ import annotations

import os

from velox.base.errors import SettingError
from velox.producer.sources.tree import reason_of


class DoneFolder:
    """Takes files under the path that they have in another folder.

    Args:
        path: of this folder.
        root: the folder that they come from.
    """

    def __init__(self, path: str, root: str) -> None:
        self.path = path
        self._root = root

    def make(self) -> None:
        """Make the folder where there is none.

        Raises:
            SettingError: when it is no folder.
        """
        try:
            os.makedirs(self.path, exist_ok=True)
        except OSError as error:
            raise SettingError(f"WATCH_DONE={self.path!r}: {reason_of(error)}") from None

    def take(self, path: str) -> None:
        """Move a file here; one that is gone already is none to move.

        Raises:
            OSError: when it cannot be moved.
        """
        wanted = os.path.join(self.path, os.path.relpath(path, self._root))
        os.makedirs(os.path.dirname(wanted), exist_ok=True)
        try:
            os.rename(path, _free(wanted))
        except FileNotFoundError:
            return


def _free(wanted: str) -> str:
    """A path that is free: files of one name may come again and again."""
    stem, extension = os.path.splitext(wanted)
    path, number = wanted, 0
    while os.path.lexists(path):
        number += 1
        path = f"{stem}-{number}{extension}"
    return path
