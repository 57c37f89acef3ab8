"""The step of a thread that goes round and round and must outlive every error."""

from __future__ import annotations

import logging
from collections.abc import Callable


class Steady:
    """Does a step; what goes wrong in it is logged, once until it goes well or wrong otherwise.

    Args:
        log: where errors go, at level WARNING.
        what: the step in words, for the log.
    """

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self._said = ""

    def do(self, step: Callable[[], None]) -> None:
        """Do the step; never raises an Exception."""
        try:
            step()
            self._said = ""
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            if text != self._said:
                self._said = text
                self._log.warning("failed=%s, goes on error=%r", self._what, text)
