"""Which documents are written again after they were there, however they are written."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Self

from pymongo.collection import Collection
from pymongo.errors import PyMongoError

LOOK_EVERY_S = 0.5


class Rewrites:
    """Looks at a collection again and again while it is open.

    A record that is done again leaves a document with another latency; one whose image file is
    removed only says so. What is written twice between two looks is missed: a process that begins
    anew takes longer than that.

    Args:
        collection: of detections.

    Attributes:
        seen: each document by its id, as it was last, without the name of its file.
        changed: the ids of those that were another before.
    """

    def __init__(self, collection: Collection[dict[str, Any]]) -> None:
        self._collection = collection
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._watch, name="rewrites", daemon=True)
        self.seen: dict[str, dict[str, Any]] = {}
        self.changed: set[str] = set()

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        if error is None:
            self._look()
            assert self._failure is None, f"the watch ended early: {self._failure!r}"

    def _watch(self) -> None:
        try:
            while not self._stop.wait(LOOK_EVERY_S):
                self._look()
        except PyMongoError as error:
            self._failure = error

    def _look(self) -> None:
        for document in self._collection.find({}, {"file_path": False}):
            name = document["_id"]
            if self.seen.get(name, document) != document:
                self.changed.add(name)
            self.seen[name] = document
