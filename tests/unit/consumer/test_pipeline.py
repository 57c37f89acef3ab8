import math
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.rig.waiting import eventually
from tests.unit.fakes import CAPTURED_MS, Clock, FakeEngine, record, reference, value
from velox.base.errors import OutOfMemory, PollerFailed, UndecodableImage
from velox.base.freshness import Freshness
from velox.base.records import Record
from velox.base.waiting import Stopped
from velox.consumer import pipeline
from velox.consumer.pipeline import Pipeline
from velox.consumer.polling.ledger import Ledger
from velox.consumer.sources.rules import NO_RULES, Rule, Sources
from velox.consumer.stages import breaker
from velox.consumer.stages.batch import Batch
from velox.consumer.stages.breaker import Breaker
from velox.consumer.stages.decider import Decider
from velox.consumer.stages.decoder import Decoder
from velox.consumer.stages.decoding import Decoding
from velox.consumer.stages.inference import Inference
from velox.consumer.stages.model_slot import ModelSlot
from velox.images.cropping import Crop
from velox.images.preprocessing import PAD, Preprocessing
from velox.models.engine.interface import Predictions
from velox.monitoring.metrics import Metrics

LIMIT_S = 20.0
BATCH_SIZE = 4
# A breaker holds the batch that makes the hundredth dead letter; batches may be small.
FEWEST = 100 - BATCH_SIZE - 1
POISON = 99


def decode(
    data: bytes | None,
    *,
    size: int,
    max_pixels: int,
    preprocessing: Preprocessing,
    out: NDArray[np.uint8] | None = None,
    crop: Crop | None = None,
) -> NDArray[np.uint8]:
    """An image whose first byte is the value's number, and whose last tells the preprocessing."""
    if data is None or not data.isdigit():
        raise UndecodableImage("no number")
    image = np.empty((size, size, 3), np.uint8) if out is None else out
    image[:] = int(data) if crop is None else round(100 * crop.left)
    image[-1, -1, -1] = preprocessing.fit == PAD
    return image


class FakePoller:
    """Polls the given numbers as records of partition 0, then drains as the real one does.

    Attributes:
        drain_timeout: as of the real one; long, since what hangs ends the whole process.
        before_the_end: happens once all is polled.
        failure: raised instead of the drain.
        taken: when the image of an offset was, in milliseconds.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.drain_timeout = 600.0
        self.values: list[bytes] = []
        self.before_the_end: Callable[[], None] = lambda: None
        self.failure: Exception | None = None
        self.taken: Callable[[int], int] = lambda _offset: CAPTURED_MS
        self.drained: bool | None = None
        self.told_to_stop = False

    def run(self, stop: threading.Event, deliver: Callable[[Record], None]) -> None:
        epoch = self.ledger.epoch(0)
        records = [
            record(offset, epoch=epoch, value=each, key=b"door", timestamp_ms=self.taken(offset))
            for offset, each in enumerate(self.values)
        ]
        self.ledger.admit(records)
        for each in records:
            deliver(each)
        self.before_the_end()
        if self.failure is not None:
            raise self.failure
        self.told_to_stop = stop.wait(LIMIT_S)
        self.drained = self.ledger.wait_until_done([0], LIMIT_S)


class FakeRecorder:
    """Keeps what batches came to.

    Attributes:
        batches: those that were recorded, in order.
        groups: how many of them each time.
        at_files: happens before each is recorded; may raise.
        at_record: happens at each; may raise.
    """

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.groups: list[int] = []
        self.at_files: Callable[[Batch], None] = lambda _batch: None
        self.at_record: Callable[[Batch], None] = lambda _batch: None

    def write_files(self, batch: Batch) -> None:
        self.at_files(batch)

    def record(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            self.at_record(batch)
        self.batches += batches
        self.groups.append(len(batches))


class Parts:
    """A pipeline with real stages, and stand-ins at its ends; partition 0 is assigned.

    Args:
        share: of the breaker.
        timeout: seconds after which a batch closes at the latest.
        max_age: seconds after which an image is stale, by `clock`.
    """

    def __init__(self, share: float = 1, timeout: float = 0.01, max_age: float = 0) -> None:
        self.clock = Clock(CAPTURED_MS / 1000)
        self.metrics, self.engine, self.stop = Metrics(), FakeEngine(), threading.Event()
        self.rules: Callable[[], Sources] = lambda: NO_RULES
        self.engine.poison = {POISON}
        self.ledger = Ledger(max_images=1000, max_bytes=10**6)
        self.ledger.assign([0])
        self.poller, self.recorder = FakePoller(self.ledger), FakeRecorder()
        self.models = ModelSlot(self.engine, self.metrics)
        self.decoder = Decoder(decode, max_pixels=100, threads=2)
        abort = threading.Event()
        self.breaker = Breaker(share=share, metrics=self.metrics, abort=abort)
        self.shown: list[tuple[list[int], list[int]]] = []
        freshness = Freshness(max_age, wall_clock=self.clock)
        self.pipeline = Pipeline(
            poller=self.poller,  # type: ignore[arg-type]
            ledger=self.ledger,
            models=self.models,
            sources=lambda: self.rules(),
            decode=Decoding(
                self.decoder, self.breaker, self.ledger.is_current, freshness=freshness
            ),
            infer=Inference(
                self.models, self.decoder, self.breaker, Decider(), self._show, freshness
            ),
            recorder=self.recorder,  # type: ignore[arg-type]
            metrics=self.metrics,
            batch_size=BATCH_SIZE,
            batch_timeout=timeout,
            abort=abort,
            breaker=self.breaker,
        )

    def _show(self, batch: Batch, failures: Collection[int]) -> None:
        """Notes the pixels of a batch that was decided, and the rows that have no answer."""
        self.shown.append((batch.images[:, 0, 0, 0].tolist(), sorted(failures)))

    def run(self, *values: int | str) -> None:
        """Put the values through, then stop."""
        self.poller.values = [str(each).encode() for each in values]
        threading.Timer(0.05, self.stop.set).start()
        self.pipeline.run(self.stop)

    def predicted(self) -> list[int]:
        """The offsets that were recorded as predictions, in order."""
        return [one.offset for each in self.recorder.batches for one, _ in each.predictions]

    def dead(self) -> list[tuple[int, str, str]]:
        """Offset, stage and reason of each dead letter, in order."""
        return [
            (letter.record.offset, letter.stage, type(letter.error).__name__)
            for each in self.recorder.batches
            for letter in each.dead
        ]


@pytest.fixture
def parts() -> Iterator[Parts]:
    made = Parts()
    yield made
    made.decoder.close()


def test_what_was_decided_is_shown_with_its_pixels_and_with_what_has_no_answer() -> None:
    parts = Parts(timeout=5)
    parts.run(1, 2, POISON, "bad")
    # However the images were divided into batches.
    shown = [
        (pixel, row in failures)
        for pixels, failures in parts.shown
        for row, pixel in enumerate(pixels)
    ]
    assert shown == [(1, False), (2, False), (POISON, True)]


def test_records_pass_all_stages_in_order_and_may_then_be_committed(parts: Parts) -> None:
    parts.run(*range(30))
    assert parts.predicted() == list(range(30))
    assert parts.ledger.uncommitted() == {0: 30}
    assert parts.ledger.images == 0
    assert parts.poller.drained
    labels = [each.label for batch in parts.recorder.batches for _, each in batch.predictions]
    assert labels == ["red_circle", "green_square"] * 15


def test_each_label_is_decided_by_its_own_threshold_and_the_likeliest_are_kept(
    parts: Parts,
) -> None:
    parts.engine.top, parts.engine.thresholds = 2, (0.1, math.inf)

    def predict(batch: NDArray[np.uint8]) -> Predictions:
        first = batch[:, 0, 0, 0].astype(np.int64) % 2
        confidences = np.tile(np.array([0.75, 0.25], np.float32), (len(batch), 1))
        return Predictions(np.stack([first, 1 - first], axis=1), confidences)

    parts.engine.predict = predict  # type: ignore[method-assign]
    parts.run(0, 1)
    found = [each for batch in parts.recorder.batches for _, each in batch.predictions]
    assert [each.outcome for each in found] == ["match", "no_match"]
    assert found[0].top == (("red_circle", 0.75), ("green_square", 0.25))
    assert found[1].top == (("green_square", 0.75), ("red_circle", 0.25))


def test_what_is_beyond_the_limit_of_its_model_is_unknown(parts: Parts) -> None:
    parts.engine.thresholds, parts.engine.unknown_above = (0.0, 0.0), 1.5

    def predict(batch: NDArray[np.uint8]) -> Predictions:
        shape = (len(batch), 1)
        novelty = batch[:, 0, 0, 0].astype(np.float32)
        return Predictions(np.zeros(shape, np.int64), np.ones(shape, np.float32), novelty)

    parts.engine.predict = predict  # type: ignore[method-assign]
    parts.run(0, 1, 2, 3)
    found = [each.outcome for batch in parts.recorder.batches for _, each in batch.predictions]
    assert found == ["match", "match", "unknown", "unknown"]


def test_a_new_model_brings_its_thresholds(parts: Parts) -> None:
    after = FakeEngine()
    parts.engine.thresholds, after.thresholds = (0.0, 0.0), (1.0, 1.0)
    predict = parts.engine.predict

    def and_swap(batch: NDArray[np.uint8]) -> Any:
        if parts.models.current.engine is parts.engine:
            parts.models.swap(after)
        return predict(batch)

    parts.engine.predict = and_swap  # type: ignore[method-assign]
    parts.run(*range(30))
    found = [
        (batch.predictor.engine is after, {each.outcome for _, each in batch.predictions})
        for batch in parts.recorder.batches
    ]
    assert found[0] == (False, {"match"})
    assert found[-1] == (True, {"no_match"})
    assert all(outcomes == {"no_match" if new else "match"} for new, outcomes in found)


def test_what_is_compared_are_the_images_that_have_an_answer(parts: Parts) -> None:
    parts.engine.reference = reference()
    parts.run(1, POISON, 3, "no number", 4)
    # What is no number may have been a batch of its own.
    batches = [each for each in parts.recorder.batches if each.classifiable]
    for batch in batches:
        assert batch.decided is not None
        found = [(parts.engine.labels.index(each.label), each) for _, each in batch.predictions]
        assert batch.decided.called.tolist() == [index for index, _ in found]
        assert batch.decided.confidences.tolist() == [each.confidence for _, each in found]
    brightness = [
        round(255 * float(each), 3)
        for batch in batches
        for each in batch.decided.looks[:, 0]  # type: ignore[union-attr]
    ]
    assert brightness == pytest.approx([1, 3, 4], abs=0.1)


def test_without_a_reference_no_image_is_looked_at(parts: Parts) -> None:
    parts.run(*range(8))
    assert {batch.decided for batch in parts.recorder.batches} == {None}


def test_batches_are_no_larger_than_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """All images wait for the model at once: but for the first, batches are full."""
    parts = Parts(timeout=3600)
    polled, predict = threading.Event(), parts.engine.predict

    def once_polled(images: NDArray[np.uint8]) -> Any:
        assert_set(polled)
        return predict(images)

    monkeypatch.setattr(parts.engine, "predict", once_polled)
    parts.poller.before_the_end = polled.set
    parts.run(*range(30))
    parts.decoder.close()
    assert max(parts.engine.batches) == BATCH_SIZE
    assert value(parts.metrics, "velox_batch_size_sum") == 30


def test_no_image_waits_for_others_while_the_model_has_nothing_to_do() -> None:
    parts = Parts(timeout=3600)
    parts.poller.values = [b"1"]
    running = threading.Thread(target=parts.pipeline.run, args=(parts.stop,), daemon=True)
    running.start()
    eventually(lambda: parts.recorder.batches, 20, "a batch of one image")
    parts.stop.set()
    running.join(20)
    parts.decoder.close()
    assert parts.predicted() == [0]


def test_what_cannot_be_classified_is_dead_and_its_neighbours_are_not(parts: Parts) -> None:
    parts.run(1, "bad", POISON, 4, 5, "bad", "bad", "bad")
    assert parts.predicted() == [0, 3, 4]
    assert sorted(parts.dead()) == [
        (1, "decode", "UndecodableImage"),
        (2, "infer", "InferenceFailed"),
        *((number, "decode", "UndecodableImage") for number in (5, 6, 7)),
    ]
    assert parts.ledger.uncommitted() == {0: 8}


def test_a_record_is_not_done_before_it_is_recorded(parts: Parts) -> None:
    seen: list[tuple[int, dict[int, int]]] = []

    def look(batch: Batch) -> None:
        first = min(one.offset for one, _ in batch.predictions)
        seen.append((first, parts.ledger.uncommitted()))

    parts.recorder.at_record = look
    parts.run(*range(12))
    assert len(seen) >= 3
    for first, uncommitted in seen:
        assert uncommitted.get(0, 0) <= first


def test_what_comes_while_the_store_is_busy_is_stored_together(parts: Parts) -> None:
    busy, images = threading.Event(), 20 * BATCH_SIZE
    filed: list[Batch] = []

    def hold_the_first(_batch: Batch) -> None:
        if not parts.recorder.batches:
            assert_set(busy)

    def let_it_go() -> None:
        eventually(
            lambda: sum(len(each.records) for each in filed) == images,
            LIMIT_S,
            "nothing before the store waits for it",
        )
        assert parts.ledger.uncommitted() == {}
        busy.set()

    parts.recorder.at_files = filed.append
    parts.recorder.at_record, parts.poller.before_the_end = hold_the_first, let_it_go
    parts.run(*range(images))
    assert parts.predicted() == list(range(images))
    assert len(parts.recorder.groups) <= 3
    assert parts.ledger.uncommitted() == {0: images}
    assert not any(each.images.size for each in parts.recorder.batches), "memory is bounded"


def test_records_of_a_revoked_partition_are_dropped_and_make_room(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    parts.recorder.at_record = lambda _batch: assert_set(held)
    decode = parts.decoder.decode
    decoded: list[int] = []

    def hold_the_second(*arguments: Any) -> Any:
        if decoded:
            assert_set(held)
        decoded.append(1)
        return decode(*arguments)

    monkeypatch.setattr(parts.decoder, "decode", hold_the_second)

    def revoke() -> None:
        parts.ledger.revoke([0])
        held.set()
        eventually(lambda: parts.ledger.images == 0, LIMIT_S, "room for others")

    parts.poller.before_the_end = revoke
    parts.run(*range(90))
    assert len(parts.predicted()) <= 2 * BATCH_SIZE, "most were dropped before they were decoded"
    assert parts.ledger.uncommitted() == {}


def assert_set(event: threading.Event) -> None:
    assert event.wait(LIMIT_S)


@pytest.mark.parametrize("stage", ["decode", "infer", "files", "store"])
def test_a_stage_that_fails_ends_the_pipeline_and_commits_nothing_more(
    parts: Parts, stage: str
) -> None:
    owner: Any
    owner, method = {
        "decode": (parts.decoder, "decode"),
        "infer": (parts.models.current, "predict"),
        "files": (parts.recorder, "at_files"),
        "store": (parts.recorder, "at_record"),
    }[stage]
    works = getattr(owner, method)
    failed: list[str] = []

    def fail_once(*arguments: Any) -> Any:
        if not failed:
            failed.append(stage)
            raise LookupError("a fault of the program")
        # Another thread may be in the model too: it is done when the failure is known.
        assert_set(parts.stop)
        return works(*arguments)

    setattr(owner, method, fail_once)
    parts.poller.values = [b"1"] * 50
    with pytest.raises(LookupError):
        parts.pipeline.run(parts.stop)
    assert parts.poller.told_to_stop
    assert parts.poller.drained is False, "what is in flight is given up at once"
    assert parts.ledger.uncommitted() == {}
    assert parts.recorder.batches == []


def test_batches_before_the_failure_stay_done(parts: Parts) -> None:
    filed: list[Batch] = []

    def fail_later(_batch: Batch) -> None:
        if len(parts.recorder.batches) == 2:
            raise OSError("gone")

    def one_by_one(batch: Batch) -> None:
        before = min(len(filed), 2)
        eventually(lambda: len(parts.recorder.batches) == before, LIMIT_S, "those before it done")
        filed.append(batch)

    parts.recorder.at_files, parts.recorder.at_record = one_by_one, fail_later
    parts.poller.values = [b"1"] * 5 * BATCH_SIZE
    with pytest.raises(OSError, match="gone"):
        parts.pipeline.run(parts.stop)
    assert parts.ledger.uncommitted() == {0: sum(len(each.records) for each in filed[:2])}


def test_an_image_without_memory_is_no_dead_letter_and_comes_again(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def starved(data: bytes | None, **options: Any) -> NDArray[np.uint8]:
        if data == b"7":
            raise OutOfMemory("no memory to decode an image")
        return decode(data, **options)

    monkeypatch.setattr(parts.decoder, "_decode", starved)
    before = [b"1"] * (BATCH_SIZE + 1)
    parts.poller.values = [*before, b"7", b"bad", b"1"]
    with pytest.raises(OutOfMemory):
        parts.pipeline.run(parts.stop)
    assert parts.dead() == []
    assert parts.ledger.uncommitted().get(0, 0) <= len(before)


def test_the_first_failure_is_the_one_that_is_told(parts: Parts) -> None:
    def fail(_batch: Batch) -> None:
        raise OSError("gone")

    parts.recorder.at_record = fail
    parts.poller.values = [b"1"]
    parts.poller.before_the_end = lambda: assert_set(parts.stop)
    parts.poller.failure = PollerFailed("closed")
    with pytest.raises(OSError, match="gone"):
        parts.pipeline.run(parts.stop)


def test_what_is_in_flight_is_finished_after_the_stop(parts: Parts) -> None:
    parts.recorder.at_record = lambda _batch: assert_set(parts.stop)
    parts.run(*range(30))
    assert parts.predicted() == list(range(30))
    assert parts.poller.drained


def test_what_the_poller_has_given_up_is_discarded(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "STAGES_END_TIMEOUT_S", 0.05)
    begun, ended = threading.Event(), threading.Event()

    def record(_batch: Batch) -> None:
        begun.set()
        assert_set(ended)

    parts.recorder.at_record = record
    parts.ledger.wait_until_done = lambda *_: not begun.wait(LIMIT_S)  # type: ignore[method-assign]
    parts.run(*range(30))
    ended.set()
    eventually(lambda: not stages(), LIMIT_S, "the end of the stages")
    assert len(parts.recorder.groups) == 1, "that which was under way"


def stages() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name in ("infer", "files", "store")]


def test_a_poller_that_fails_ends_the_pipeline(parts: Parts) -> None:
    parts.poller.failure = PollerFailed("fenced")
    with pytest.raises(PollerFailed, match="fenced"):
        parts.pipeline.run(parts.stop)
    assert parts.stop.is_set()


def test_a_recorder_told_to_give_up_leaves_its_batch_undone(parts: Parts) -> None:
    def give_up(_batch: Batch) -> None:
        parts.ledger.abandon()
        raise Stopped("told to")

    parts.recorder.at_record = give_up
    parts.run(1, 2, 3)
    assert parts.ledger.uncommitted() == {}
    assert parts.ledger.images == 3


def test_a_stage_that_hangs_does_not_hold_up_the_end(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "STAGES_END_TIMEOUT_S", 0.05)
    hang = threading.Event()

    def hanging(_batch: Batch) -> None:
        parts.ledger.abandon()
        hang.wait(LIMIT_S)

    parts.recorder.at_record = hanging
    parts.run(1, 2, 3)
    assert parts.ledger.uncommitted() == {}
    assert not hang.is_set(), "the end did not wait for it"
    hang.set()


def test_time_is_measured_by_stage(parts: Parts) -> None:
    parts.run(1, 2)
    for stage in ("queue", "decode", "infer", "files", "store"):
        assert value(parts.metrics, "velox_stage_seconds_count", stage=stage) >= 1  # type: ignore[operator]


def test_a_batch_that_is_inferred_first_waits_for_the_one_before(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two are in the model at the same time, which its time counts once."""
    clock, first_begun = Clock(), threading.Event()
    monkeypatch.setattr(pipeline, "time", SimpleNamespace(monotonic=clock))
    predict = parts.models.current.predict
    order: list[bool] = []
    name = "velox_stage_seconds_count"

    def until_inferred(batches: int) -> None:
        eventually(
            lambda: (value(parts.metrics, name, stage="infer") or 0) >= batches,
            LIMIT_S,
            f"{batches} that the model is done with",
        )

    def overtaken(images: NDArray[np.uint8]) -> Any:
        first = images.flat[0] == 0
        if first:
            first_begun.set()
            until_inferred(1)
        elif not order:
            assert_set(first_begun)
        else:
            # There are more if the images were divided into smaller batches.
            until_inferred(2)
            return predict(images)
        order.append(first)
        clock.advance(1)
        return predict(images)

    parts.models.current.predict = overtaken  # type: ignore[method-assign]
    parts.run(*range(2 * BATCH_SIZE))
    assert parts.predicted() == list(range(2 * BATCH_SIZE))
    assert order == [False, True]
    assert value(parts.metrics, "velox_stage_seconds_sum", stage="infer") == 2


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """With a breaker; what it holds is not given up because the machine stood still."""
    monkeypatch.setattr(breaker, "LONGEST_PAUSE_S", 0.01)
    monkeypatch.setattr(pipeline, "HELD_IDLE_S", 600.0)
    made = Parts(share=0.5)
    yield made
    made.decoder.close()


def test_a_decoder_that_refuses_everything_makes_no_more_than_a_hundred_dead_letters(
    guarded: Parts,
) -> None:
    """The stand-in takes numbers alone, so it refuses the known good image too."""

    def held() -> None:
        eventually(lambda: guarded.breaker.paused() is not None, LIMIT_S, "a held batch")
        eventually(lambda: len(guarded.dead()) > FEWEST, LIMIT_S, "all that may be dead")
        guarded.ledger.revoke([0])
        eventually(lambda: guarded.ledger.images == 0, LIMIT_S, "what is not ours is let go")

    guarded.poller.before_the_end = held
    guarded.run(*["bad"] * 400)
    assert FEWEST < len(guarded.dead()) <= 100


def test_a_model_that_refuses_everything_is_tried_again_and_replaced(guarded: Parts) -> None:
    better = PaddedEngine()

    def swap() -> None:
        eventually(lambda: guarded.breaker.paused() is not None, LIMIT_S, "a held batch")
        guarded.models.swap(better)

    guarded.poller.before_the_end = swap
    guarded.engine.predict = raising(guarded.engine)  # type: ignore[method-assign]
    guarded.run(*range(40, 80), *range(40, 80), *range(40, 80), *range(40, 80))
    assert len(guarded.dead()) + len(guarded.predicted()) == 160
    assert len(guarded.dead()) < 100
    assert guarded.ledger.uncommitted() == {0: 160}
    assert better.given
    assert better.given == {(better.input_size, True)}, "decoded for the other model"


class PaddedEngine(FakeEngine):
    """Wants other images than the first one, and keeps what it was given: the size, and whether
    it was padded."""

    input_size = 2 * FakeEngine.input_size
    preprocessing = Preprocessing(fit=PAD)

    def __init__(self) -> None:
        super().__init__()
        self.given: set[tuple[int, bool]] = set()

    def predict(self, batch: NDArray[np.uint8]) -> Any:
        self.given |= {(batch.shape[1], bool(each)) for each in batch[:, -1, -1, -1]}
        return super().predict(batch)


def raising(engine: FakeEngine) -> Any:
    """A model that takes a blank image, so that it is not known to be broken."""
    works = engine.predict

    def predict(batch: NDArray[np.uint8]) -> Any:
        if batch.any():
            raise RuntimeError("not one of these")
        return works(batch)

    engine.poison = set()
    return predict


def test_a_device_that_comes_back_costs_no_record(guarded: Parts) -> None:
    guarded.engine.broken = True

    def mend() -> None:
        eventually(lambda: guarded.breaker.paused() is not None, LIMIT_S, "a held batch")
        guarded.engine.broken = False

    guarded.poller.before_the_end = mend
    guarded.run(*range(8))
    assert guarded.predicted() == list(range(8))


def test_an_end_does_not_wait_for_what_is_held(
    guarded: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held_and_idle() -> None:
        eventually(lambda: guarded.breaker.paused() is not None, LIMIT_S, "a held batch")
        eventually(
            lambda: guarded.ledger.uncommitted().get(0, 0) > FEWEST, LIMIT_S, "those before it done"
        )
        monkeypatch.setattr(pipeline, "HELD_IDLE_S", 0.1)

    guarded.poller.before_the_end = held_and_idle
    guarded.run(*["bad"] * 400)
    assert guarded.poller.drained is False
    assert guarded.ledger.abandoned, "it was not waited for until the limit"
    assert FEWEST < guarded.ledger.uncommitted()[0] <= 100


def test_rules_of_sources_come_with_the_next_batch_and_never_within_one(parts: Parts) -> None:
    """Crop and threshold of one rule go together: a batch is cut and decided by the same."""
    before = Sources({"*": Rule(threshold=0.6, crop=Crop(left=0.7))})
    after = Sources({"*": Rule(threshold=0.9, crop=Crop(left=0.8))})
    rules = [before]
    predict = parts.engine.predict

    def and_change(batch: NDArray[np.uint8]) -> Any:
        rules[0] = after
        return predict(batch)

    parts.engine.predict = and_change  # type: ignore[method-assign]
    parts.rules = lambda: rules[0]
    parts.run(*range(30))
    found = [
        (batch.sources is after, prediction.confidence, prediction.outcome)
        for batch in parts.recorder.batches
        for _, prediction in batch.predictions
    ]
    assert len(found) == 30
    assert {(new, round(confidence, 2), outcome) for new, confidence, outcome in found} == {
        (False, 0.7, "match"),
        (True, 0.8, "no_match"),
    }


# What is too old.


def test_what_is_too_old_is_not_decoded_and_may_be_committed_in_its_turn() -> None:
    parts = Parts(max_age=10)
    parts.poller.taken = lambda offset: CAPTURED_MS - (60_000 if offset in (1, 2, 6) else 9_000)
    # What is no image is not looked at either.
    parts.run(0, "bad", 2, 3, 4, 5, 6, 7)
    assert parts.predicted() == [0, 3, 4, 5, 7]
    assert [one.offset for batch in parts.recorder.batches for one in batch.stale] == [1, 2, 6]
    assert parts.dead() == []
    assert parts.ledger.uncommitted() == {0: 8}
    parts.decoder.close()


def test_what_becomes_too_old_while_it_waits_for_the_model_does_not_go_in() -> None:
    parts = Parts(max_age=10)
    predict = parts.engine.predict

    def and_let_time_pass(batch: NDArray[np.uint8]) -> Any:
        if parts.clock.now == CAPTURED_MS / 1000:
            eventually(parts.pipeline._to_infer.full, LIMIT_S, "batches that wait")
            parts.clock.advance(11)
        return predict(batch)

    parts.engine.predict = and_let_time_pass  # type: ignore[method-assign]
    # Of each batch the last image has no time, so that it is never too old.
    parts.poller.taken = lambda offset: 0 if offset % BATCH_SIZE == 3 else CAPTURED_MS
    parts.run(*range(40))
    untimed = set(range(3, 40, BATCH_SIZE))
    first = set(parts.predicted()) - untimed
    assert untimed <= set(parts.predicted())
    assert first <= set(range(2 * BATCH_SIZE)), "those that were in the model already"
    stale = [one.offset for batch in parts.recorder.batches for one in batch.stale]
    assert sorted([*stale, *parts.predicted()]) == list(range(40))
    assert parts.ledger.uncommitted() == {0: 40}
    parts.decoder.close()
