import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.unit.fakes import CAPTURED_MS, record, reference, value
from velox.base.errors import (
    BrokerUnavailable,
    DocumentRejected,
    MessageRefused,
    StoreUnavailable,
    UndecodableImage,
)
from velox.base.records import DeadLetter, Detection, Outcome, Prediction, Record
from velox.base.waiting import Stopped
from velox.consumer.sources.counts import SourceCounts
from velox.consumer.stages import breaker
from velox.consumer.stages.batch import Batch
from velox.consumer.stages.breaker import Breaker
from velox.consumer.stages.decider import Decider
from velox.consumer.stages.predictor import BisectingPredictor
from velox.consumer.stages.recorder import Recorder
from velox.consumer.stages.results import Result
from velox.monitoring import snapshot
from velox.monitoring.metrics import Metrics
from velox.monitoring.window import Decided
from velox.stores.image_files import ImageFiles
from velox.stores.image_names import file_name
from velox.stores.interface import Rejected

NOW = CAPTURED_MS / 1000 + 2.5
LABELS = ("red", "green")

pytestmark = pytest.mark.usefixtures("no_delays")


class Journal:
    """What was written where, in order, shared by the stand-ins."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, list[str]]] = []


class FakeStore:
    """Keeps documents.

    Attributes:
        away: how many writes fail.
        rejects: ids that are refused for good.
        broken: whether anything of Velox's own is refused too.
    """

    name = "fake:store"

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.documents: dict[str, Detection] = {}
        self.away = 0
        self.rejects: set[str] = set()
        self.broken = False
        self.at_write: Callable[[], None] = lambda: None

    def open(self) -> None:
        raise AssertionError

    def write(self, detections: Sequence[Detection]) -> Rejected:
        self.at_write()
        if self.away:
            self.away -= 1
            raise StoreUnavailable("no server")
        self.journal.lines.append(("store", [each.id for each in detections]))
        rejected = [each for each in detections if each.id in self.rejects]
        self.documents |= {each.id: each for each in detections if each not in rejected}
        return [(each, DocumentRejected("error 121")) for each in rejected]

    def probe(self, detection: Detection) -> DocumentRejected | None:
        return DocumentRejected("error 121") if self.broken else None

    def close(self) -> None:
        raise AssertionError


class FakeTopic:
    """Takes letters or results.

    Attributes:
        takes: how many each call acknowledges, in turn; afterwards all. None for a broker away.
        refuses: offsets that are refused for good.
        broken: whether they are even with nothing of their sender's in them.
        at_send: happens at each call.
    """

    def __init__(self, name: str, journal: Journal) -> None:
        self.broken = True
        self.at_send: Callable[[], None] = lambda: None
        self.topic = name
        self.journal = journal
        self.sent: list[Any] = []
        self.takes: list[int | None] = []
        self.refuses: set[int] = set()
        self._refused: list[Any] = []

    def send(self, items: Sequence[Any]) -> list[Any]:
        count = self.takes.pop(0) if self.takes else len(items)
        if count is None:
            raise BrokerUnavailable("away")
        self.at_send()
        taken = [each for each in items[:count] if self._takes(each.record)]
        self._refused += [each for each in items[:count] if each not in taken]
        self.journal.lines.append((self.topic, [each.record.id for each in taken]))
        self.sent += taken
        return list(items[count:])

    def _takes(self, one: Record) -> bool:
        bare = one.value is None and not self.broken
        return bare or one.offset not in self.refuses

    def refused(self) -> list[Any]:
        refused, self._refused = self._refused, []
        return [(each, MessageRefused("too large")) for each in refused]


class FakeFiles(ImageFiles):
    """Writes image files, or has no space for some offsets."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        super().__init__(folder, keep=100)
        self.journal = journal
        self.full: set[int] = set()

    def write_all(self, records: Sequence[Record]) -> list[str | OSError | None]:
        return [self._one(record) for record in records]

    def _one(self, record: Record) -> str | OSError | None:
        if record.offset in self.full:
            return OSError(28, "No space left on device")
        self.journal.lines.append(("file", [record.id]))
        return super().write_all([record])[0]


class Parts:
    """A recorder with stand-ins around it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.journal, self.metrics, self.abort = Journal(), Metrics(), threading.Event()
        self.store = FakeStore(self.journal)
        self.files = FakeFiles(folder, self.journal)
        self.dead = FakeTopic("image_data-dlt", self.journal)
        self.results = FakeTopic("results", self.journal)
        usual: dict[str, Any] = {
            "results": None,
            "sources": SourceCounts(self.metrics, most=0),
            "wall_clock": lambda: NOW,
        }
        if settings.pop("with_results", False):
            usual["results"] = self.results
        self.recorder = Recorder(
            store=self.store,
            files=self.files,
            dead_letters=self.dead,
            metrics=self.metrics,
            abort=self.abort,
            **{**usual, **settings},
        )

    def record(self, *batches: Batch) -> None:
        """As the last two stages do."""
        for each in batches:
            self.recorder.write_files(each)
        self.recorder.record(batches)

    def count(self, name: str, **labels: str) -> float | None:
        return value(self.metrics, name, **labels)

    def outcomes(self) -> tuple[float | None, ...]:
        """Records that were a match, no match, a dead letter."""
        kinds = ("match", "no_match", "dead_letter")
        return tuple(self.count("velox_records_total", outcome=kind) for kind in kinds)


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


def predicted(
    *confidences: float, label: str = "red", of: Sequence[Record] = ()
) -> list[tuple[Record, Prediction]]:
    decide = Decider()
    records = of or [record(number) for number in range(len(confidences))]
    return [
        (one, Prediction(label, confidence, decide(label, confidence, 0.9)))
        for one, confidence in zip(records, confidences, strict=True)
    ]


def dead(offset: int) -> DeadLetter:
    return DeadLetter(record(offset), "decode", UndecodableImage("cut short"))


def batch_of(
    predictions: Sequence[tuple[Record, Prediction]],
    letters: Sequence[DeadLetter] = (),
    labels: tuple[str, ...] = LABELS,
    digest: str = "0123456789ab",
) -> Batch:
    engine = SimpleNamespace(digest=digest, labels=labels, reference=reference(len(labels)))
    batch = Batch([], BisectingPredictor(engine))
    batch.predictions, batch.dead = list(predictions), list(letters)
    return batch


# What a match is, and what its document says.


def test_a_match_is_stored_with_its_file(parts: Parts, tmp_path: Path) -> None:
    headers = (("label", b"green"), ("source", b"camera-1"))
    one = record(7, partition=3, headers=headers)
    parts.record(batch_of(predicted(0.97, of=[one])))
    path = str(tmp_path / f"image_data-3-7-{CAPTURED_MS}.bin")
    assert parts.store.documents[one.id].document() == {
        "_id": f"image_data:3:7:{CAPTURED_MS}",
        "timestamp": "2023-11-14T22:13:20.123Z",
        "predicted_label": "red",
        "confidence": 0.97,
        "ground_truth": "green",
        "file_path": path,
        "source": "camera-1",
        "latency_ms": 2500.0,
        "model": "0123456789ab",
    }
    assert Path(path).read_bytes() == b"image"


def test_without_a_header_the_key_is_the_source_for_all_that_tell_it(tmp_path: Path) -> None:
    parts = Parts(tmp_path, with_results=True)
    one = record(7, key=b"camera-1", headers=(("source", b""),))
    parts.record(batch_of(predicted(0.97, of=[one])))
    assert parts.store.documents[one.id].source == "camera-1"
    assert [each.document()["source"] for each in parts.results.sent] == ["camera-1"]


def test_confidence_at_the_threshold_is_a_match_and_below_it_is_not(parts: Parts) -> None:
    parts.record(batch_of(predicted(0.9, 0.899)))
    assert list(parts.store.documents) == [record(0).id]
    assert parts.outcomes() == (1, 1, 0)


def test_what_is_neither_match_nor_miss_is_counted_and_told_and_not_stored(tmp_path: Path) -> None:
    parts = Parts(tmp_path, with_results=True)
    odd = [(record(1), Prediction("red", 0.99, Outcome.UNKNOWN))]
    parts.record(batch_of([*predicted(0.95, 0.2), *odd], [dead(5)]))
    assert parts.outcomes() == (1, 1, 1)
    assert parts.count("velox_records_total", outcome="unknown") == 1
    assert list(parts.store.documents) == [record(0).id]
    told = [each.document()["outcome"] for each in parts.results.sent]
    assert told == ["match", "no_match", "unknown"]


def test_what_is_stale_is_counted_and_told_in_its_place_and_neither_stored_nor_lost(
    tmp_path: Path,
) -> None:
    parts = Parts(tmp_path, with_results=True)
    batch = batch_of(predicted(0.95, of=[record(2)]), [dead(5)])
    batch.stale = [record(1), record(3)]
    parts.record(batch)
    assert parts.outcomes() == (1, 0, 1)
    assert parts.count("velox_records_total", outcome="stale") == 2
    assert parts.count("velox_end_to_end_seconds_count") == 1, "they have no latency"
    assert list(parts.store.documents) == [record(2).id]
    assert [each.record.offset for each in parts.results.sent] == [1, 2, 3]
    assert [each.outcome for each in parts.results.sent] == ["stale", "match", "stale"]


def test_without_matches_nothing_is_written(parts: Parts) -> None:
    parts.record(batch_of(predicted(0.1, 0.2)))
    parts.record(batch_of([]))
    assert parts.journal.lines == []
    assert parts.outcomes() == (0, 2, 0)


@pytest.mark.parametrize(
    ("timestamp_ms", "latency_ms", "text"),
    [
        (0, 0.0, "2023-11-14T22:13:22.623Z"),
        (CAPTURED_MS + 86_400_000, 0.0, "2023-11-15T22:13:20.123Z"),
        (10**15, 0.0, "2023-11-14T22:13:22.623Z"),
        (1, float(CAPTURED_MS + 2499), "1970-01-01T00:00:00.001Z"),
    ],
    ids=["missing", "future", "no date", "ancient"],
)
def test_odd_timestamps_give_no_negative_latency(
    parts: Parts, timestamp_ms: int, latency_ms: float, text: str
) -> None:
    one = record(0, timestamp_ms=timestamp_ms)
    parts.record(batch_of(predicted(1.0, of=[one])))
    (document,) = parts.store.documents.values()
    assert (document.latency_ms, document.timestamp) == (latency_ms, text)
    assert document.id.endswith(f":{timestamp_ms}")
    assert (parts.count("velox_end_to_end_seconds_sum") or 0) >= 0


def test_the_outlook_learns_what_is_durable_with_its_truth(parts: Parts) -> None:
    truths = (b"red", b"green", None)
    of = [
        record(number, headers=(("label", truth),) if truth else ())
        for number, truth in enumerate(truths)
    ]
    batch = batch_of(predicted(0.9, 0.8, 0.7, of=of))
    confidences = np.array([0.9, 0.8, 0.7], np.float32)
    batch.decided = Decided.of(np.zeros(3, int), confidences, np.zeros((3, 3), np.float32))
    parts.record(batch)
    assert parts.count("velox_expected_accuracy", label="red") == pytest.approx(0.8)
    assert parts.count("velox_true_accuracy", label="") == 0.5, "of the two that have one"


def test_an_unknown_image_is_neither_right_nor_wrong(parts: Parts) -> None:
    of = [record(number, headers=(("label", b"green"),)) for number in range(2)]
    batch = batch_of(predicted(0.9, 0.5, of=of))
    one, other = batch.predictions
    batch.predictions = [one, (other[0], replace(other[1], outcome=Outcome.UNKNOWN))]
    confidences = np.array([0.9, 0.5], np.float32)
    batch.decided = Decided.of(np.zeros(2, int), confidences, np.zeros((2, 3), np.float32))
    parts.record(batch)
    assert parts.count("velox_expected_accuracy", label="") == pytest.approx(0.9)
    assert parts.count("velox_true_accuracy", label="") == 0


# The order of writes.


def test_files_come_before_documents_before_results_before_dead_letters(tmp_path: Path) -> None:
    parts = Parts(tmp_path, with_results=True)
    parts.record(batch_of(predicted(1.0, 0.2), [dead(5)]))
    ids = [record(number).id for number in (0, 1, 5)]
    assert parts.journal.lines == [
        ("file", ids[:1]),
        ("store", ids[:1]),
        ("results", ids[:2]),
        ("image_data-dlt", ids[2:]),
    ]
    assert [(each.outcome, each.model) for each in parts.results.sent] == [
        ("match", "0123456789ab"),
        ("no_match", "0123456789ab"),
    ]


def test_several_batches_are_one_write_of_each_kind(tmp_path: Path) -> None:
    parts = Parts(tmp_path, with_results=True)
    one, two = record(0), record(2)
    parts.record(
        batch_of(predicted(1.0, of=[one]), [dead(1)], digest="old"),
        batch_of([], [dead(3)], digest="old"),
        batch_of(predicted(0.95, of=[two]), digest="new"),
    )
    assert parts.journal.lines == [
        ("file", [one.id]),
        ("file", [two.id]),
        ("store", [one.id, two.id]),
        ("results", [one.id, two.id]),
        ("image_data-dlt", [record(1).id, record(3).id]),
    ]
    assert [each.model for each in parts.store.documents.values()] == ["old", "new"]
    assert [each.model for each in parts.results.sent] == ["old", "new"]
    assert parts.outcomes() == (2, 0, 2)
    assert parts.count("batch_avg_confidence") == 0.95
    assert parts.count("velox_end_to_end_seconds_count") == 2


def test_what_is_refused_of_several_batches_is_refused_alone(tmp_path: Path) -> None:
    parts = Parts(tmp_path, with_results=True)
    parts.store.rejects, parts.results.refuses = {record(1).id}, {2}
    parts.record(*(batch_of(predicted(1.0, of=[record(number)])) for number in range(4)))
    assert list(parts.store.documents) == [record(number).id for number in (0, 2, 3)]
    assert [(each.record.offset, each.stage) for each in parts.dead.sent] == [
        (1, "store"),
        (2, "results"),
    ]
    assert parts.outcomes() == (3, 0, 1)


def test_the_latency_of_a_document_is_that_until_it_is_written(tmp_path: Path) -> None:
    now = [NOW]
    parts = Parts(tmp_path, wall_clock=lambda: now[0])
    batch = batch_of(predicted(1.0))
    parts.recorder.write_files(batch)
    now[0] += 30
    parts.recorder.record([batch])
    assert [each.latency_ms for each in parts.store.documents.values()] == [32_500.0]


# Trouble.


def test_a_store_that_is_away_is_tried_until_it_is_back(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []
    parts.store.away = 3
    parts.store.at_write = lambda: seen.append(parts.recorder.waiting_for)
    parts.record(batch_of(predicted(1.0)))
    assert list(parts.store.documents) == [record(0).id]
    assert parts.count("velox_store_retries_total") == 3
    assert seen == ["fake:store"] * 4
    assert parts.recorder.waiting_for is None
    assert parts.dead.sent == []
    assert "store unavailable, trying again reason='no server'" in caplog.text


def test_what_is_not_durable_is_neither_finished_nor_counted(parts: Parts) -> None:
    parts.store.away = 10**9
    parts.abort.set()
    with pytest.raises(Stopped):
        parts.record(batch_of(predicted(1.0), [dead(5)]))
    assert parts.outcomes() == (0, 0, 0)
    assert parts.dead.sent == []
    assert parts.count("velox_end_to_end_seconds_count") == 0


def test_a_document_that_is_refused_becomes_a_dead_letter_alone(parts: Parts) -> None:
    parts.store.rejects = {record(1).id}
    parts.record(batch_of(predicted(1.0, 1.0, 1.0)))
    assert set(parts.store.documents) == {record(0).id, record(2).id}
    (letter,) = parts.dead.sent
    assert (letter.record, letter.stage, str(letter.error)) == (record(1), "store", "error 121")
    assert parts.outcomes() == (2, 0, 1)
    images = {
        each: parts.count("velox_source_images_total", source="other", outcome=each)
        for each in ("match", "no_match", "dead_letter")
    }
    assert tuple(images.values()) == parts.outcomes()
    labels = {"stage": "store", "reason": "DocumentRejected"}
    assert parts.count("velox_dead_letters_total", **labels) == 1
    assert parts.count("target_shapes_found_total", label="red") == 2


def many(first: int) -> Batch:
    return batch_of(predicted(*[1.0] * 100, of=[record(first + each) for each in range(100)]))


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """With a breaker, and a store that has refused a hundred documents."""
    monkeypatch.setattr(breaker, "LONGEST_PAUSE_S", 0.001)
    metrics, abort = Metrics(), threading.Event()
    parts = Parts(tmp_path, breaker=Breaker(share=0.5, metrics=metrics, abort=abort))
    parts.store.rejects = {record(number).id for number in range(200)}
    return parts


def test_a_store_that_refuses_everything_makes_no_dead_letters(guarded: Parts) -> None:
    guarded.store.broken = True
    writes = []

    def mend() -> None:
        writes.append(len(guarded.dead.sent))
        if len(writes) == 5:
            guarded.store.rejects, guarded.store.broken = {record(3).id}, False

    guarded.store.at_write = mend
    guarded.record(many(0))
    # Tried again and again, and once more after the fault has ended, before any is dead-lettered.
    assert writes == [0] * 6
    assert [each.record for each in guarded.dead.sent] == [record(3)]
    assert len(guarded.store.documents) == 99


def test_a_store_that_takes_our_own_refuses_bad_documents_only(guarded: Parts) -> None:
    guarded.record(many(0))
    guarded.record(many(100))
    assert guarded.outcomes() == (0, 0, 200)


def mended_at(topic: FakeTopic, call: int) -> list[int]:
    """Let a topic take everything from a call on; gives how much it had taken at each."""
    seen: list[int] = []

    def mend() -> None:
        seen.append(len(topic.sent))
        if len(seen) == call:
            topic.refuses = set()

    topic.refuses, topic.at_send = set(range(200)), mend
    return seen


def test_a_results_topic_that_refuses_everything_makes_no_dead_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "LONGEST_PAUSE_S", 0.001)
    guard = Breaker(share=0.5, metrics=Metrics(), abort=threading.Event())
    parts = Parts(tmp_path, with_results=True, breaker=guard)
    seen = mended_at(parts.results, 7)
    parts.record(many(0))
    assert seen == [0] * 7
    assert sorted(each.record.offset for each in parts.results.sent) == list(range(100))
    assert parts.dead.sent == []


def test_a_dead_letter_topic_that_refuses_everything_loses_none(guarded: Parts) -> None:
    seen = mended_at(guarded.dead, 7)
    guarded.record(batch_of([], [dead(number) for number in range(100)]))
    assert seen == [0] * 7
    assert [each.record.offset for each in guarded.dead.sent] == list(range(100))
    assert guarded.count("velox_dead_letters_lost_total") == 0


def test_results_that_are_refused_for_what_their_senders_chose_stop_nobody(
    tmp_path: Path,
) -> None:
    guard = Breaker(share=0.5, metrics=Metrics(), abort=threading.Event())
    parts = Parts(tmp_path, with_results=True, breaker=guard)
    parts.results.refuses, parts.results.broken = set(range(100)), False
    parts.record(many(0))
    assert len(parts.dead.sent) == 100
    (bare,) = parts.results.sent
    assert (bare.record.key, bare.record.headers) == (bare.record.id.encode(), ())


def test_dead_letters_that_were_acknowledged_are_not_sent_again(parts: Parts) -> None:
    parts.dead.takes = [2, None, 0, 1]
    parts.record(batch_of([], [dead(number) for number in range(4)]))
    assert [each.record.offset for each in parts.dead.sent] == [0, 1, 2, 3]
    assert parts.count("velox_dead_letter_retries_total") == 4
    assert parts.outcomes() == (0, 0, 4)


def test_dead_letters_that_nobody_takes_hold_up_the_batch(parts: Parts) -> None:
    parts.dead.takes = [None] * 1000
    parts.abort.set()
    with pytest.raises(Stopped):
        parts.record(batch_of(predicted(1.0), [dead(5)]))
    assert parts.outcomes() == (0, 0, 0)


def test_results_that_nobody_takes_hold_up_the_batch(tmp_path: Path) -> None:
    parts = Parts(tmp_path, with_results=True)
    parts.results.takes = [0, None]
    parts.record(batch_of(predicted(1.0, 0.5)))
    assert [each.record.offset for each in parts.results.sent] == [0, 1]
    assert all(isinstance(each, Result) for each in parts.results.sent)
    assert parts.count("velox_result_retries_total") == 2


def test_a_result_that_is_refused_is_a_dead_letter_and_its_match_stays(tmp_path: Path) -> None:
    parts = Parts(tmp_path, with_results=True)
    parts.results.refuses = {0, 1}
    parts.record(batch_of(predicted(1.0, 0.5, 1.0), [dead(7)]))
    assert list(parts.store.documents) == [record(0).id, record(2).id]
    assert [each.record.offset for each in parts.results.sent] == [2]
    assert [(each.record.offset, each.stage) for each in parts.dead.sent] == [
        (7, "decode"),
        (0, "results"),
        (1, "results"),
    ]
    assert parts.outcomes() == (2, 1, 1)
    assert parts.count("velox_results_refused_total") == 2
    labels = {"stage": "results", "reason": "MessageRefused"}
    assert parts.count("velox_dead_letters_total", **labels) == 2


def test_a_letter_that_is_lost_is_counted_and_said(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.dead.refuses = {1}
    parts.record(batch_of([], [dead(0), dead(1), dead(2)]))
    assert [each.record.offset for each in parts.dead.sent] == [0, 2]
    assert parts.count("velox_dead_letters_lost_total") == 1
    assert parts.outcomes() == (0, 0, 3)
    assert (
        f"dead letter lost id={record(1).id} stage=decode error='UndecodableImage: cut short' "
        "reason='too large'"
    ) in caplog.text


def test_text_of_headers_is_clipped_in_documents(parts: Parts) -> None:
    headers = (("label", b"g" * 5000), ("source", "\N{PILE OF POO}".encode() * 5000))
    parts.record(batch_of(predicted(1.0, of=[record(0, headers=headers)])))
    (document,) = parts.store.documents.values()
    assert document.ground_truth == "g" * 1000
    assert document.source == "\N{PILE OF POO}" * 1000


def test_without_space_a_document_goes_on_without_its_file(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.files.full = {1}
    parts.record(batch_of(predicted(1.0, 1.0)))
    paths = {each: found.file_path for each, found in parts.store.documents.items()}
    assert paths[record(1).id] is None
    assert paths[record(0).id] is not None
    assert parts.count("velox_image_write_errors_total") == 1
    assert "image not written, and none will be while this lasts" in caplog.text
    assert "No space left on device" in caplog.text


def test_a_file_whose_name_is_taken_says_that_others_are_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = Parts(tmp_path)
    (tmp_path / file_name(record(0))).mkdir()
    parts.record(batch_of(predicted(1.0, 1.0)))
    assert [each.file_path is None for each in parts.store.documents.values()] == [True, False]
    assert "image not written, only this one fails" in caplog.text


# What is counted.


def test_predictions_are_counted_by_label_and_truth(parts: Parts) -> None:
    truths = [b"red", b"green", b"ufo", None]
    records = [record(number, headers=(("label", each),)) for number, each in enumerate(truths)]
    parts.record(batch_of(predicted(0.1, 0.2, 0.3, 0.4, of=records)))
    for truth in ("red", "green", "other", ""):
        assert parts.count("velox_predictions_total", label="red", truth=truth) == 1


def test_a_label_named_as_unknown_truths_are_is_not_right_by_that(parts: Parts) -> None:
    """Ten elephants that the model calls `other`: none is right, whatever its label is called."""
    elephants = [record(number, headers=(("label", b"elephant"),)) for number in range(10)]
    others = [record(10, headers=(("label", b"other"),))]
    called = [(each, Prediction("other", 0.9, Outcome.MATCH)) for each in elephants + others]
    parts.record(batch_of(called, labels=("cat", "other")))
    figures = snapshot.of(parts.metrics.registry.collect())
    assert (figures.correct, figures.labelled) == (1, 11)
    assert parts.count("velox_predictions_total", label="other", truth="(other)") == 10


def test_the_mean_confidence_is_that_of_the_last_batch_with_predictions(parts: Parts) -> None:
    parts.record(batch_of(predicted(0.2, 0.4)))
    parts.record(batch_of([], [dead(1)]))
    assert parts.count("batch_avg_confidence") == pytest.approx(0.3)


def test_latency_is_measured_of_every_prediction_with_a_usable_time(parts: Parts) -> None:
    records = [record(0), replace(record(1), timestamp_ms=0)]
    parts.record(batch_of(predicted(0.1, 1.0, of=records)))
    assert parts.count("velox_end_to_end_seconds_count") == 1
    assert parts.count("velox_end_to_end_seconds_sum") == pytest.approx(2.5)
