"""Images that judge the running model, and those like them: nobody trains on them.

A model that was trained on an image, or on its neighbour in a video, knows the answer. So it would
look better than it is, and than the model that it is to replace.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

from velox.images.near import Sketches
from velox.review.alike import numbered, sketched
from velox.stores.review_interface import Verdicts


class LeftOut(NamedTuple):
    """Ids of images with a verdict that no export has.

    Attributes:
        judging: the images that judge the running model.
        alike: others that show nearly the same as one of these.
    """

    judging: frozenset[str]
    alike: frozenset[str]

    @property
    def ids(self) -> frozenset[str]:
        """Of both."""
        return self.judging | self.alike


class Judging:
    """Finds them, and remembers what it has seen of images. Safe to share between threads.

    Args:
        store: of the verdicts.
        max_pixels: pixels above which an image is not looked at.
    """

    def __init__(self, store: Verdicts, *, max_pixels: int) -> None:
        self._store = store
        self._max_pixels = max_pixels
        self._seen: dict[str, Sketches | None] = {}
        self._turn = threading.Lock()

    def now(self, trained_at: str | None = None) -> LeftOut:
        """What no export may have at this moment.

        Args:
            trained_at: when the last model was made, as text like a timestamp; of the random share
                all that was kept since judges too.

        Raises:
            StoreUnavailable, StoreRefuses: when the store cannot be read.
        """
        model = self._store.newest_model()
        known = [each.candidate for each in self._store.judged() if each.label is not None]
        judges = frozenset(
            each.id
            for each in known
            if each.random
            and (each.model == model or (trained_at is not None and each.kept_at >= trained_at))
        )
        if not judges:
            return LeftOut(judges, judges)
        with self._turn:
            return LeftOut(judges, self._alike([each.id for each in known], judges))

    def _alike(self, ids: list[str], judges: frozenset[str]) -> frozenset[str]:
        for gone in self._seen.keys() - set(ids):
            del self._seen[gone]
        for each in ids:
            if each not in self._seen:
                self._seen[each] = sketched(self._store.image(each), max_pixels=self._max_pixels)
        numbers = numbered([self._seen[each] for each in ids])
        taken = {number for each, number in zip(ids, numbers, strict=True) if each in judges}
        near = {each for each, number in zip(ids, numbers, strict=True) if number in taken}
        return frozenset(near - judges)
