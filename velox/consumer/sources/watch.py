"""The file's rules in use, and their replacement once it says something else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from velox.base.errors import SettingError
from velox.base.waiting import Periodic
from velox.consumer.sources.file import content, sources_of
from velox.consumer.sources.rules import NO_RULES, Sources

EVERY_S = 2.0

log = logging.getLogger(__name__)


class SourcesWatch:
    """Reads the file again and again, and takes its rules into use.

    The file is small, and what it holds tells for sure whether it has changed, however that was
    done: written in place, renamed, or behind a link that points elsewhere now, as Kubernetes does
    it. What cannot be used is refused once, and the rules from before stay.

    Args:
        path: the file; None for no rules.

    Attributes:
        current: the rules in use.

    Raises:
        SettingError: when it cannot be used at the start.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._used = content(path) if path is not None else b""
        self.current = sources_of(self._used, path) if path is not None else NO_RULES
        self._doubted: str | None = None
        self._refused: str | None = None
        self._taken: Callable[[Sources], None] = lambda _: None
        self._looking = Periodic(
            self.look, every=EVERY_S, name="sources-watch", log=log, what="look for new sources"
        )

    def start(self, taken: Callable[[Sources], None]) -> None:
        """Look from now on, in a thread, and tell of new rules."""
        self._taken = taken
        if self._path is not None:
            log.info("sources rules=%d path=%s", len(self.current), self._path)
            self._looking.start()

    def close(self) -> None:
        """Stop looking."""
        self._looking.close()

    def look(self) -> None:
        """Take what the file says now, if that is something else."""
        if self._path is None:
            return
        try:
            found = content(self._path)
            if found == self._used:
                if self._refused is not None:
                    log.info(
                        "SOURCES_PATH is as it was before path=%s rules=%d",
                        self._path,
                        len(self.current),
                    )
                self._doubted = self._refused = None
                return
            sources = sources_of(found, self._path)
        except SettingError as error:
            self._doubt(str(error))
            return
        self._used, self.current = found, sources
        self._doubted = self._refused = None
        log.info("SOURCES_PATH read again path=%s rules=%d", self._path, len(sources))
        self._taken(sources)

    def _doubt(self, reason: str) -> None:
        """Say what is wrong once, and not before it is so at two looks: it may be half written."""
        if reason == self._doubted and reason != self._refused:
            self._refused = reason
            log.error("sources refused, keeping the old ones reason=%r", reason)
        self._doubted = reason
