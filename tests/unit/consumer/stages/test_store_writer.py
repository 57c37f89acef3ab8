"""Patience with a store, and with a document that fails for no known reason."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from tests.unit.fakes import detection
from velox.base.errors import DocumentRejected, StoreRefuses, StoreUnavailable, StoreUnclear
from velox.base.records import Detection
from velox.base.waiting import Stopped
from velox.consumer.stages.store_writer import ITEMS_IN_A_PART, TRIES_ALONE, write_patiently
from velox.stores.interface import Rejected

pytestmark = pytest.mark.usefixtures("no_delays")


class OddStore:
    """Fails for no known reason with some documents, and is away for some calls.

    Attributes:
        odd: how many more times a document of an id fails.
        away: how many more calls find nobody.
        broken: takes nothing at all.
    """

    name = "odd"

    def __init__(self) -> None:
        self.odd: dict[str, int] = {}
        self.away = 0
        self.broken = False
        self.documents: set[str] = set()
        self.calls: list[int] = []

    def open(self) -> None:
        raise AssertionError

    def write(self, detections: Sequence[Detection]) -> Rejected:
        self.calls.append(len(detections))
        if self.broken:
            raise StoreRefuses("a view")
        if self.away:
            self.away -= 1
            raise StoreUnavailable("nobody")
        for each in detections:
            if self.odd.get(each.id):
                self.odd[each.id] -= 1
                raise StoreUnclear("odd")
        self.documents |= {each.id for each in detections}
        return []

    def probe(self, detection: Detection) -> DocumentRejected | None:
        raise AssertionError

    def close(self) -> None:
        raise AssertionError


class SlowStore(OddStore):
    """Manages so many documents before its client's patience ends."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def write(self, detections: Sequence[Detection]) -> Rejected:
        self.away = int(len(detections) > self._most)
        return super().write(detections)


BATCH = [detection(number) for number in range(4)]


def write(store: OddStore, stop: threading.Event | None = None) -> tuple[Rejected, list[str]]:
    failures: list[str] = []
    rejected = write_patiently(
        store,
        BATCH,
        stop=stop or threading.Event(),
        on_failure=lambda error: failures.append(str(error)),
    )
    return rejected, failures


def test_a_batch_is_one_write() -> None:
    store = OddStore()
    assert write(store) == ([], [])
    assert store.calls == [4]


def test_a_store_that_is_away_is_waited_for() -> None:
    store = OddStore()
    store.away = 50
    assert write(store) == ([], ["nobody"] * 50)


def test_what_a_slow_store_does_not_manage_together_is_written_in_parts() -> None:
    store = SlowStore(most=ITEMS_IN_A_PART)
    failures: list[Exception] = []
    many = [detection(number) for number in range(2 * ITEMS_IN_A_PART + 1)]
    refused = write_patiently(store, many, stop=threading.Event(), on_failure=failures.append)
    assert refused == []
    assert store.calls == [len(many), ITEMS_IN_A_PART, ITEMS_IN_A_PART, 1]
    assert store.documents == {each.id for each in many}
    assert len(failures) == 1


def test_a_document_that_always_fails_is_refused_alone_after_some_tries() -> None:
    store = OddStore()
    store.odd[BATCH[2].id] = 1_000_000
    ((rejected, reason),), failures = write(store)
    assert rejected == BATCH[2]
    assert isinstance(reason, DocumentRejected)
    assert str(reason) == f"odd (tried {TRIES_ALONE} times alone)"
    assert store.documents == {each.id for each in BATCH if each != BATCH[2]}
    assert len(failures) == 1 + TRIES_ALONE
    assert store.calls == [4, 1, 1, *[1] * TRIES_ALONE, 1]


def test_an_unknown_error_that_passes_costs_nobody_anything() -> None:
    store = OddStore()
    store.odd[BATCH[0].id] = TRIES_ALONE
    assert write(store)[0] == []
    assert len(store.documents) == 4


def test_a_store_that_goes_away_meanwhile_uses_up_no_tries() -> None:
    store = OddStore()
    store.odd[BATCH[0].id] = 1
    store.away = 0
    stop = threading.Event()
    failures: list[str] = []

    def failed(error: Exception) -> None:
        failures.append(str(error))
        if len(failures) == 1:
            store.away = 20

    assert write_patiently(store, BATCH, stop=stop, on_failure=failed) == []
    assert failures == ["odd", *["nobody"] * 20]


def test_a_store_that_refuses_everything_is_not_tried_again() -> None:
    store = OddStore()
    store.broken = True
    with pytest.raises(StoreRefuses):
        write(store)
    assert store.calls == [4]


def test_told_to_stop_it_refuses_nothing() -> None:
    store = OddStore()
    store.odd = {each.id: 1_000_000 for each in BATCH}
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        write(store, stop)
