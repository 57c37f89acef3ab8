"""What is kept for review, and what of it is left out."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.fakes import CAPTURED_MS, Clock, record, value
from velox.base.candidates import Candidate, Kept, chance_of
from velox.base.errors import DocumentRejected, StoreRefuses, StoreUnavailable, StoreUnclear
from velox.base.records import Outcome, Prediction, Record
from velox.base.waiting import Stopped
from velox.consumer.sources.rules import Rule, Sources
from velox.consumer.stages.batch import Batch
from velox.consumer.stages.candidates import Candidates, doubt_of
from velox.consumer.stages.predictor import BisectingPredictor
from velox.monitoring.metrics import Metrics
from velox.stores.review_interface import KeptRejected

pytestmark = pytest.mark.usefixtures("no_delays")


class FakeReview:
    """Keeps what it is given.

    Attributes:
        away: how many writes, and trims, fail.
        rejects: ids that are refused for good.
        at_all: whether it takes anything.
    """

    name = "fake:review"

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.writes = self.away = 0
        self.rejects: set[str] = set()
        self.at_all = True

    def open(self) -> None:
        raise AssertionError

    def write(self, kept: Sequence[Kept]) -> KeptRejected:
        if not self.at_all:
            raise StoreRefuses("a view")
        if self.away:
            self.away -= 1
            raise StoreUnavailable("no server")
        self.writes += 1
        self.kept |= {each.id: each for each in kept if each.id not in self.rejects}
        return [(each, DocumentRejected("no")) for each in kept if each.id in self.rejects]

    def trim(self, most: int) -> Sequence[int]:
        if self.away:
            raise StoreUnavailable("no server")
        order = sorted(self.kept.values(), key=lambda each: each.candidate.rank)
        gone = order[: max(0, len(order) - most)]
        for each in gone:
            del self.kept[each.id]
        ranks = [each.candidate.rank for each in gone]
        return [ranks.count(rank) for rank in range(4)]

    def close(self) -> None:
        raise AssertionError


class Parts:
    """What is kept, with stand-ins around it."""

    def __init__(self, *, share: float = 0.0, per_hour: int = 1_000_000, most: int = 1000) -> None:
        self.store, self.metrics, self.clock = FakeReview(), Metrics(), Clock()
        self.abort = threading.Event()
        self.waited: list[str] = []
        self.candidates = Candidates(
            self.store,
            share,
            per_hour,
            most,
            metrics=self.metrics,
            abort=self.abort,
            clock=self.clock,
            wall_clock=lambda: CAPTURED_MS / 1000 + 60,
        )

    def keep(self, *batches: Batch) -> None:
        self.candidates.keep(batches, self._waiting)

    @contextmanager
    def _waiting(self, what: str) -> Iterator[None]:
        self.waited.append(what)
        yield

    @property
    def reasons(self) -> dict[int, str]:
        """By offset."""
        return {
            int(each.id.split(":")[2]): each.candidate.reason for each in self.store.kept.values()
        }

    def dropped(self, kind: str, bound: str) -> float | None:
        return value(self.metrics, "velox_review_dropped_total", kind=kind, bound=bound)


def batch(*confidences: float, thresholds: tuple[float, ...] = (0.9, 0.6), **how: Any) -> Batch:
    """Records with these confidences in the first label, and what that comes to."""
    label = how.get("label", "red")
    engine = SimpleNamespace(digest="d", labels=("red", "green"), thresholds=thresholds)
    made = Batch([], BisectingPredictor(engine))
    least = thresholds[engine.labels.index(label)]
    first = how.get("first", 0)
    made.predictions = [
        (
            how.get("of") or record(first + number),
            Prediction(label, each, Outcome.MATCH if each >= least else Outcome.NO_MATCH),
        )
        for number, each in enumerate(confidences)
    ]
    return made


def test_what_is_below_its_threshold_or_just_above_it_is_kept() -> None:
    parts = Parts()
    parts.keep(batch(0.5, 0.89, 0.9, 0.92, 0.93, 1.0))
    assert parts.reasons == {0: "below", 1: "below", 2: "near", 3: "near"}
    parts.keep(batch(0.62, 0.8, label="green", first=10))
    assert parts.reasons[10] == "near"
    assert 11 not in parts.reasons
    assert value(parts.metrics, "velox_review_kept_total", reason="near") == 3


def test_the_threshold_is_that_of_the_source_where_it_has_one() -> None:
    parts = Parts()
    one = batch(0.95, of=record(1, headers=(("source", b"camera"),)))
    one.sources = Sources({"camera": Rule(of_label={"red": 0.97})})
    parts.keep(one)
    (only,) = parts.store.kept.values()
    assert (only.candidate.reason, only.candidate.threshold) == ("below", 0.97)


def test_a_label_that_never_matches_is_always_unsure() -> None:
    parts = Parts()
    parts.keep(batch(1.0, thresholds=(math.inf, 0.5)))
    (only,) = parts.store.kept.values()
    assert (only.candidate.reason, only.candidate.threshold) == ("below", None)


def test_an_outcome_that_is_neither_is_unsure_whatever_its_confidence() -> None:
    assert doubt_of(Prediction("red", 0.99, Outcome.UNKNOWN), 0.9) == "unknown"


def disagree(parts: Parts, made: Batch) -> None:
    engine: Any = made.predictor.engine
    parts.candidates.keep_disagreements(engine, made.sources, made.predictions)


def test_a_sure_decision_that_another_model_contradicts_is_kept() -> None:
    parts = Parts()
    disagree(parts, batch(0.99, 1.0))
    assert parts.reasons == {0: "disagreement", 1: "disagreement"}
    assert value(parts.metrics, "velox_review_kept_total", reason="disagreement") == 2
    (one, _) = parts.store.kept.values()
    assert (one.candidate.random, one.candidate.rank, one.image) == (False, 0, b"image")
    assert parts.waited == [], "no commit waits for it"


def test_a_contradicted_decision_that_is_kept_anyway_keeps_its_reason_whichever_comes_first() -> (
    None
):
    for order in (0, 1):
        parts = Parts(share=0.5)
        made = batch(*[0.5] * 20, *[0.99] * 20)
        if order:
            parts.keep(made)
        disagree(parts, made)
        if not order:
            parts.keep(made)
        random = {number for number in range(20, 40) if chance_of(record(number).id) < 0.5}
        assert 0 < len(random) < 20
        assert parts.reasons == {
            number: "below" if number < 20 else "random" if number in random else "disagreement"
            for number in range(40)
        }


def test_contradicted_decisions_share_the_bound_of_the_others_and_are_counted() -> None:
    parts = Parts(per_hour=20)
    disagree(parts, batch(*[0.99] * 10))
    assert parts.dropped("unsure", "rate") == 10 - len(parts.reasons) > 0


def test_a_document_says_what_was_decided_and_by_whom() -> None:
    parts = Parts()
    one = record(7, value=b"bytes", headers=(("label", b"green"), ("source", b"camera")))
    parts.keep(batch(0.5, of=one))
    (only,) = parts.store.kept.values()
    assert only.image == b"bytes"
    assert only.candidate == Candidate(
        id=one.id,
        timestamp="2023-11-14T22:13:20.123Z",
        kept_at="2023-11-14T22:14:20.123Z",
        predicted_label="red",
        confidence=0.5,
        outcome="no_match",
        threshold=0.9,
        reason="below",
        chance=chance_of(one.id),
        random=False,
        ground_truth="green",
        source="camera",
        model="d",
        extension=".bin",
    )


def test_a_record_without_a_time_has_that_of_now_and_without_a_source_its_key() -> None:
    parts = Parts()
    parts.keep(batch(0.5, of=record(7, timestamp_ms=0, key=b"door")))
    (only,) = parts.store.kept.values()
    assert only.candidate.timestamp == "2023-11-14T22:14:20.123Z"
    assert only.candidate.source == "door"


def test_the_random_share_is_the_same_each_time_and_as_large_as_asked_for() -> None:
    def chosen() -> set[str]:
        parts = Parts(share=0.1, most=10_000)
        for first in range(0, 2000, 100):
            parts.keep(batch(*[0.99] * 100, first=first))
        assert all(each.candidate.random for each in parts.store.kept.values())
        assert set(parts.reasons.values()) == {"random"}
        return set(parts.store.kept)

    assert chosen() == chosen()
    assert 150 < len(chosen()) < 250


def test_an_unsure_image_may_be_of_the_random_share_as_well() -> None:
    parts = Parts(share=1)
    parts.keep(batch(0.5))
    (only,) = parts.store.kept.values()
    assert (only.candidate.reason, only.candidate.random) == ("below", True)


def test_a_batch_that_comes_again_changes_nothing() -> None:
    parts = Parts(share=0.5)
    again = batch(0.5, 0.99, 0.99, 0.7)
    parts.keep(again)
    before = dict(parts.store.kept)
    parts.keep(again)
    assert parts.store.kept == before


def test_several_batches_are_one_write_and_none_without_a_candidate() -> None:
    parts = Parts()
    parts.keep(batch(0.5), batch(0.5, first=1), Batch([], batch().predictor))
    assert parts.store.writes == 1
    assert parts.waited == ["fake:review"]
    parts.keep(batch(0.99))
    assert parts.store.writes == 1


def test_in_an_hour_there_are_so_many_and_the_random_ones_are_left_out_last() -> None:
    parts = Parts(share=0.02, per_hour=1000, most=10_000)
    for minute in range(60):
        parts.keep(batch(*[0.5] * 300, first=1000 * minute))
        for _ in range(6):
            parts.clock.advance(10)
            parts.keep(batch(*[0.99] * 20, first=1000 * minute + 500 + int(parts.clock.now) % 60))
    chances = [each.candidate for each in parts.store.kept.values()]
    assert 800 < len(chances) <= 1000
    assert parts.dropped("random", "rate") == 0
    unsure = parts.dropped("unsure", "rate")
    assert unsure is not None
    assert unsure > 10_000


def test_of_too_many_the_random_ones_go_last_and_all_are_counted() -> None:
    parts = Parts(share=0.1, most=50)
    for first in range(0, 500, 50):
        parts.clock.advance(2)
        parts.keep(batch(*[0.5] * 50, first=first))
    kept = [each.candidate.random for each in parts.store.kept.values()]
    random = sum(chance_of(record(offset).id) < 0.1 for offset in range(500))
    assert len(kept) == 50
    assert sum(kept) == min(random, 50)
    assert parts.dropped("unsure", "number") == 500 - max(random, 50)


def test_how_many_there_are_is_not_asked_all_the_time() -> None:
    parts = Parts(most=10)
    parts.keep(batch(*[0.5] * 20))
    assert len(parts.store.kept) == 10
    parts.keep(batch(*[0.5] * 20, first=20))
    assert len(parts.store.kept) == 30
    parts.clock.advance(1)
    parts.keep(batch(0.99))
    assert len(parts.store.kept) == 10


def test_a_store_that_is_away_is_waited_for() -> None:
    parts = Parts()
    parts.store.away = 3
    parts.keep(batch(0.5))
    assert list(parts.reasons) == [0]
    assert value(parts.metrics, "velox_store_retries_total") == 3


def test_the_wait_ends_when_told() -> None:
    parts = Parts()
    parts.store.away = 10**9
    parts.abort.set()
    with pytest.raises(Stopped):
        parts.keep(batch(0.5))


def test_what_is_refused_for_good_holds_up_nobody_and_is_counted() -> None:
    parts = Parts()
    parts.store.rejects = {record(0).id}
    parts.keep(batch(0.5, 0.6))
    assert list(parts.reasons) == [1]
    assert parts.dropped("unsure", "refused") == 1
    assert value(parts.metrics, "velox_review_kept_total", reason="below") == 1


def test_a_store_that_takes_nothing_ends_it() -> None:
    parts = Parts()
    parts.store.at_all = False
    with pytest.raises(StoreRefuses):
        parts.keep(batch(0.5))


def test_that_too_many_cannot_be_removed_now_holds_up_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parts = Parts()
    parts.store.away = 1
    parts.keep(batch(0.99))
    assert parts.store.kept == {}
    assert "could not remove what is more than REVIEW_KEEP=1000 store=fake:review" in caplog.text


def test_that_a_removal_fails_in_a_way_that_is_in_no_table_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    parts = Parts(most=1)

    def trim(_most: int) -> Sequence[int]:
        raise StoreUnclear("a new one (MongoDB error 98765)")

    monkeypatch.setattr(parts.store, "trim", trim)
    parts.keep(batch(0.5, 0.5))
    assert parts.reasons == {0: "below", 1: "below"}
    assert "reason='a new one (MongoDB error 98765)'" in caplog.text


def test_records_are_as_they_came() -> None:
    parts = Parts()
    empty: Record = record(3, value=None)
    parts.keep(batch(0.5, of=empty))
    assert parts.store.kept[empty.id].image == b""
