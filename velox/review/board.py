"""What waits for a verdict, held ready for the page, and what becomes of it."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from velox.base.accuracy import Figures, figures_of
from velox.base.candidates import Candidate
from velox.base.errors import VeloxError
from velox.base.records import utc_text
from velox.base.waiting import Periodic
from velox.monitoring.review_metrics import ReviewMetrics
from velox.review.labels import ModelLabels, why_not
from velox.review.order import Group, grouped
from velox.review.pictures import Pictures
from velox.stores.review_interface import Verdicts

EVERY_S = 2.0
# Nobody looks further ahead, and what comes meanwhile is newer.
MOST_WAITING = 2000
# Looked at in one step for what they show, so that the figures are not held up by them.
MOST_LOOKED_AT = 100
MOST_GROUPS = 24
OLD_S = 15.0
UNSURE, RANDOM = VIEWS = ("unsure", "random")
CLOSE_TIMEOUT_S = 5.0

log = logging.getLogger(__name__)


class NotAllowed(VeloxError):
    """A verdict that is not taken; the message says why."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What there was at one moment.

    Attributes:
        groups: of the unsure images, in the order of what they teach.
        random: of the random share, in the order of their chance.
        counts: images of each rank.
        labels: that a verdict may have, in the order in which they are offered.
        figures: of the running model.
    """

    groups: Sequence[Group] = ()
    random: Sequence[Candidate] = ()
    counts: Sequence[int] = (0, 0, 0, 0)
    labels: Sequence[str] = ()
    figures: Figures = field(default_factory=lambda: figures_of(None, ()))


class Board:
    """Reads the store again and again. Safe to share between threads.

    Args:
        store: where the images are.
        pictures: tell which of them are nearly the same.
        labels: beside the model.
        metrics: updated as it goes.
        clock: monotonic seconds.
        wall_clock: seconds since the epoch.

    Attributes:
        has_read: whether it knows what there is; it does not before it has read the store once.
    """

    def __init__(
        self,
        store: Verdicts,
        pictures: Pictures,
        labels: ModelLabels,
        metrics: ReviewMetrics,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._pictures = pictures
        self._labels = labels
        self._metrics = metrics
        self._clock = clock
        self._wall_clock = wall_clock
        self._state = State()
        self._turned_at = self._read_at = clock()
        self.has_read = False
        # Images that have had a verdict since the store was read, and when.
        self._gone: dict[str, float] = {}
        self._changing = threading.Lock()
        self._reading = Periodic(
            self._turn,
            every=EVERY_S,
            name="board",
            log=log,
            what="read the images for review",
            at_once=True,
        )

    def start(self) -> None:
        """Read from now on."""
        self._reading.start()

    def close(self) -> None:
        """Read no more."""
        self._reading.close(CLOSE_TIMEOUT_S)

    def turn_age(self) -> float:
        """Seconds since the store was last asked, whatever it answered."""
        return self._clock() - self._turned_at

    def trouble(self) -> str | None:
        """Why what is shown may be old, None where it is not."""
        age = self._clock() - self._read_at
        return f"the store could not be read for {age:.0f} s" if age > OLD_S else None

    def _turn(self) -> None:
        try:
            self.read()
        finally:
            self._turned_at = self._clock()

    def read(self) -> None:
        """Read the store."""
        started = self._clock()
        store = self._store
        model = store.newest_model()
        unsure = store.unsure(MOST_WAITING)
        ids = [each.id for each in unsure]
        self._pictures.look(ids, MOST_LOOKED_AT)
        known = self._labels.now()
        state = State(
            groups=grouped(unsure, self._pictures.groups(ids)),
            random=store.random(model, MOST_GROUPS) if model else (),
            counts=store.counts(),
            labels=[*known, *sorted(store.labels() - set(known))],
            figures=figures_of(model, store.tally(model) if model else ()),
        )
        with self._changing:
            self._state = state
            self._gone = {each: at for each, at in self._gone.items() if at >= started}
        self._read_at = self._clock()
        self.has_read = True
        self._metrics.show(state.counts, state.figures.accuracy, state.figures.called)

    @property
    def state(self) -> State:
        """What there was when the store was last read."""
        return self._state

    def waiting(self, view: str, label: str | None) -> list[Group]:
        """The first groups of a view that wait.

        Args:
            view: `unsure`, or `random`, in which each image stands alone.
            label: that was predicted; None for any.
        """
        with self._changing:
            state, gone = self._state, self._gone.keys() | set()
        if view == RANDOM:
            found: Sequence[Group] = [[each] for each in state.random]
        else:
            found = [each for each in state.groups if label in (None, each[0].predicted_label)]
        left = ([each for each in group if each.id not in gone] for group in found)
        return [group for group in left if group][:MOST_GROUPS]

    def by_label(self) -> dict[str, int]:
        """How many unsure images wait, by predicted label."""
        found = Counter(each.predicted_label for group in self._state.groups for each in group)
        return dict(sorted(found.items()))

    def judge(self, ids: Sequence[str], label: str | None, by: str, *, new: bool) -> list[str]:
        """Give images a verdict; see `Verdicts.judge`.

        Args:
            ids: of the images.
            label: what they show; None where that cannot be told.
            by: who says so.
            new: whether the label may be one that there is not yet.

        Raises:
            NotAllowed: when the label is not known and not new, or cannot be one.
            StoreUnavailable, StoreRefuses: when it is not durable.
        """
        if label is not None and not self._is_known(label):
            if not new:
                raise NotAllowed(f"there is no label {label!r} yet")
            if (reason := why_not(label)) is not None:
                raise NotAllowed(reason)
        there = self._store.judge(ids, label, by, self._now())
        with self._changing:
            self._gone |= dict.fromkeys(there, self._clock())
        self._metrics.said(len(there))
        if new:
            self._reading.now()
        return there

    def _is_known(self, label: str) -> bool:
        """Whether there is such a label: somebody may have made it since the store was read."""
        if label in self._state.labels or label in self._labels.now():
            return True
        return label in self._store.labels()

    def take_back(self, ids: Sequence[str], by: str) -> list[str]:
        """Take one's own verdicts back; the images wait again."""
        there = self._store.take_back(ids, by, self._now())
        with self._changing:
            for each in there:
                self._gone.pop(each, None)
        self._reading.now()
        return there

    def _now(self) -> str:
        return utc_text(int(1000 * self._wall_clock()))
