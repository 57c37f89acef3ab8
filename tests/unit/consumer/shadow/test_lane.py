"""The lane: what it shows, what it drops, and what it never does to the pipeline."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from tests.rig.waiting import eventually
from tests.unit.fakes import FakeEngine, record, value
from velox.base.errors import EngineOutOfMemory, StoreRefuses
from velox.base.records import Outcome, Prediction
from velox.consumer.shadow import lane as lane_module
from velox.consumer.shadow.comparison import Shadow
from velox.consumer.shadow.figures import Figures
from velox.consumer.shadow.lane import MOST_AT_ONCE, SHARE, Lane, rest_after
from velox.consumer.shadow.seen import Seen
from velox.consumer.sources.rules import NO_RULES, Rule, Sources
from velox.consumer.stages.batch import Batch
from velox.consumer.stages.decider import Decider
from velox.consumer.stages.decoder import Decoder
from velox.consumer.stages.predictor import BisectingPredictor
from velox.images.preprocessing import PAD, Preprocessing
from velox.monitoring.metrics import Metrics
from velox.monitoring.shadow_metrics import COMPARISON, MOST_PAIRS

LIMIT_S = 20.0


class Other(FakeEngine):
    """Another model: by default it answers as the one in use."""

    digest = "ba9876543210"

    def __init__(self, wrong: Sequence[int] = ()) -> None:
        super().__init__()
        self.wrong = list(wrong)
        self.closed = 0
        self.held = threading.Event()
        self.held.set()
        self.asked = threading.Event()

    def predict(self, batch: Any) -> Any:
        self.asked.set()
        assert self.held.wait(LIMIT_S)
        found = super().predict(batch)
        found.indices[np.isin(batch[:, 0, 0, 0], self.wrong)] ^= 1
        return found

    def close(self) -> None:
        self.closed += 1


def decode(data: bytes | None, *, size: int, out: Any = None, **_: Any) -> Any:
    """An image of the number that the value is."""
    image = np.empty((size, size, 3), np.uint8) if out is None else out
    image[:] = int(data or b"0")
    return image


def batch(numbers: Sequence[int], *, sources: Sources = NO_RULES, **headers: bytes) -> Batch:
    """A batch that the model in use has decided: each image is a number."""
    engine = FakeEngine()
    records = [
        record(number, value=str(number).encode(), headers=tuple(headers.items()), key=b"door")
        for number in numbers
    ]
    made = Batch(records, BisectingPredictor(engine), sources)
    made.classifiable = list(records)
    made.images = np.stack([np.full((4, 4, 3), number, np.uint8) for number in numbers])
    made.predictions = [
        (each, Prediction(engine.labels[number % 2], number / 100, _outcome(number)))
        for each, number in zip(records, numbers, strict=True)
    ]
    return made


def _outcome(number: int) -> Outcome:
    return Outcome.MATCH if number >= 90 else Outcome.NO_MATCH


class Kept:
    """Stands for `Candidates`."""

    def __init__(self, error: Exception | None = None) -> None:
        self.disagreements: list[tuple[str, str]] = []
        self.error = error

    def keep_disagreements(self, engine: Any, sources: Any, decided: Any) -> None:
        if self.error is not None:
            raise self.error
        self.disagreements += [(str(each.offset), engine.digest) for each, _ in decided]


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    made = Decoder(decode, max_pixels=10**9, threads=1)
    yield made
    made.close()


def shadow_of(engine: Any, decoder: Decoder, metrics: Metrics, **what: Any) -> Shadow:
    return Shadow(engine, decide=Decider(), decoder=decoder, metrics=metrics.shadow, **what)


def shown(made: Batch, failures: Sequence[int] = ()) -> Seen:
    return Seen.of(made, failures)


def test_agreement_and_truth_are_counted_image_by_image(decoder: Decoder) -> None:
    metrics = Metrics()
    shadow = shadow_of(Other(wrong=[91, 92]), decoder, metrics)
    otherwise = shadow.see(shown(batch([94, 91, 92, 93], label=b"green_square")))
    # 91 and 93 are green squares to the model in use.
    assert [each.offset for each, _ in otherwise] == [91, 92]
    assert shadow.figures == Figures(
        images=4, agreed=2, matches=4, shadow_matches=4, both=1, in_use=1, shadow=1, neither=1
    )
    pair = {"primary": "green_square", "shadow": "red_circle"}
    assert value(metrics, "velox_shadow_predictions_total", **pair) == 1
    assert value(metrics, "velox_shadow_images_total", agreed="no") == 2


def test_the_same_label_is_not_the_same_decision_where_it_is_no_match(decoder: Decoder) -> None:
    other = Other()
    other.thresholds = (0.99, 0.99)
    shadow = shadow_of(other, decoder, Metrics())
    assert len(shadow.see(shown(batch([95])))) == 1
    assert (shadow.figures.matches, shadow.figures.shadow_matches) == (1, 0)


def test_a_source_s_own_threshold_holds_for_both(decoder: Decoder) -> None:
    other = Other()
    other.thresholds = (0.99, 0.99)
    shadow = shadow_of(other, decoder, Metrics())
    sources = Sources({"door": Rule(threshold=0.9)})
    assert shadow.see(shown(batch([95], sources=sources))) == []


def test_what_both_call_unknown_is_the_same_whatever_the_label(decoder: Decoder) -> None:
    other = Other(wrong=[95])
    other.unknown_above = -1.0
    shadow = shadow_of(other, decoder, Metrics())
    made = batch([95], label=b"green_square")
    ((each, decision),) = made.predictions
    made.predictions = [(each, Prediction(decision.label, decision.confidence, Outcome.UNKNOWN))]
    assert shadow.see(shown(made)) == []
    assert shadow.figures.neither == 1, "what is unknown is not right"


def test_an_image_without_an_answer_is_a_disagreement(decoder: Decoder) -> None:
    other, metrics = Other(), Metrics()
    other.poison = {91}
    shadow = shadow_of(other, decoder, metrics)
    assert [each.offset for each, _ in shadow.see(shown(batch([94, 91])))] == [91]
    pair = {"primary": "green_square", "shadow": ""}
    assert value(metrics, "velox_shadow_predictions_total", **pair) == 1
    assert shadow.error is None


def test_images_that_the_model_in_use_failed_on_are_not_compared(decoder: Decoder) -> None:
    made = batch([94, 91, 92])
    made.predictions = [made.predictions[0], made.predictions[2]]
    shadow = shadow_of(Other(), decoder, Metrics())
    assert shadow.see(shown(made, [1])) == []
    assert shadow.figures.images == 2


@pytest.mark.parametrize(
    "otherwise", [{"input_size": 6}, {"preprocessing": Preprocessing(fit=PAD)}]
)
def test_a_model_that_takes_its_images_otherwise_decodes_them_again(
    decoder: Decoder, otherwise: dict[str, Any]
) -> None:
    other = Other()
    for name, what in otherwise.items():
        setattr(other, name, what)
    made = batch([94, 91])
    # These are not what that model would see.
    made.images[:] = 0
    shadow = shadow_of(other, decoder, Metrics())
    assert shadow.see(shown(made)) == []
    assert shadow.figures.agreed == 2


def test_what_another_model_is_beside_is_not_counted(decoder: Decoder) -> None:
    shadow = shadow_of(Other(), decoder, Metrics(), beside="another")
    shadow.see(shown(batch([94])))
    assert shadow.figures.images == 0


def test_a_shadow_that_fails_ends_alone_and_says_why(
    decoder: Decoder, caplog: pytest.LogCaptureFixture
) -> None:
    other, metrics = Other(), Metrics()
    other.capacity = 0
    shadow = shadow_of(other, decoder, metrics, most=100)
    assert shadow.see(shown(batch([94, 91]))) == []
    assert isinstance(shadow.error and shadow.error.__cause__, EngineOutOfMemory)
    assert shadow.left == 0
    assert value(metrics, "velox_shadow_failures_total") == 1
    assert "shadow ended by itself digest=ba9876543210" in caplog.text


def test_an_ended_shadow_closes_its_engine_once_unless_it_is_used_further(decoder: Decoder) -> None:
    metrics = Metrics()
    for keep, closed in ((False, 1), (True, 0)):
        other = Other()
        shadow = shadow_of(other, decoder, metrics)
        labels = {"digest": other.digest, "role": "candidate"}
        assert value(metrics, "velox_shadow_model", **labels) == 1
        shadow.end(keep=keep)
        shadow.end()
        assert other.closed == closed
        assert value(metrics, "velox_shadow_model", **labels) is None
        assert shadow.see(shown(batch([94]))) == []


def test_pairs_of_labels_have_a_bound() -> None:
    metrics = Metrics()
    for number in range(MOST_PAIRS + 5):
        metrics.shadow.compare(str(number), "a", agreed=False)
    (family,) = metrics.shadow.predictions.collect()
    counts = [each for each in family.samples if each.name.endswith("_total")]
    assert len(counts) == MOST_PAIRS + 1
    assert sum(each.value for each in counts) == MOST_PAIRS + 5


class Parts:
    """A lane at work."""

    def __init__(self, decoder: Decoder, kept: Kept | None = None) -> None:
        self.metrics = Metrics()
        self.lane = Lane(self.metrics.shadow, kept)  # type: ignore[arg-type]
        self.decoder = decoder
        self.other = Other(wrong=[91])

    def try_(self, **what: Any) -> Shadow:
        self.lane.trial = shadow_of(self.other, self.decoder, self.metrics, **what)
        return self.lane.trial


@pytest.fixture
def parts(decoder: Decoder) -> Iterator[Parts]:
    made = Parts(decoder)
    made.lane.start()
    yield made
    made.other.held.set()
    made.lane.close()
    made.lane._thread.join(LIMIT_S)
    assert not made.lane._thread.is_alive()


def test_a_busy_lane_drops_and_never_waits(parts: Parts) -> None:
    shadow = parts.try_()
    parts.other.held.clear()
    parts.lane.offer(batch([94]), ())
    assert parts.other.asked.wait(LIMIT_S)
    for _ in range(5):
        parts.lane.offer(batch([92, 93]), ())
    assert value(parts.metrics, "velox_shadow_dropped_total") == 8, "one batch waits"
    parts.other.held.set()
    eventually(lambda: shadow.figures.images == 3, LIMIT_S, "all that was taken")
    assert parts.lane.offered == 11


def test_without_a_shadow_nothing_is_held_or_counted(parts: Parts) -> None:
    for _ in range(5):
        parts.lane.offer(batch([94]), ())
    assert value(parts.metrics, "velox_shadow_dropped_total") == 0
    assert parts.lane._waiting.empty()


def test_a_trial_sees_as_many_images_as_it_is_to_and_no_more(parts: Parts) -> None:
    shadow = parts.try_(most=5)
    parts.lane.offer(batch([94, 92, 93]), ())
    eventually(lambda: shadow.figures.images == 3, LIMIT_S, "the first")
    parts.lane.offer(batch([94, 92, 93]), ())
    eventually(lambda: shadow.left < 1, LIMIT_S, "enough")
    assert shadow.figures.images == 5
    assert parts.lane.shadow is None


def test_of_a_large_batch_the_first_few_are_seen_and_the_others_counted(parts: Parts) -> None:
    shadow = parts.try_()
    parts.lane.offer(batch([94] * (MOST_AT_ONCE + 3)), ())
    eventually(lambda: shadow.figures.images == MOST_AT_ONCE, LIMIT_S, "one turn")
    assert value(parts.metrics, "velox_shadow_dropped_total") == 3


def test_a_trial_goes_before_a_comparison(parts: Parts) -> None:
    comparison = shadow_of(Other(), parts.decoder, parts.metrics, role=COMPARISON)
    parts.lane.comparison = comparison
    trial = parts.try_(most=1)
    assert parts.lane.shadow is trial
    trial.see(shown(batch([94])))
    assert parts.lane.shadow is comparison


@pytest.mark.parametrize("error", [None, StoreRefuses("a view"), RuntimeError("away")])
def test_disagreements_go_to_review_and_what_hinders_that_ends_nothing(
    decoder: Decoder, error: Exception | None
) -> None:
    kept = Kept(error)
    parts = Parts(decoder, kept)
    parts.lane.start()
    shadow = parts.try_()
    parts.lane.offer(batch([94, 91]), ())
    eventually(lambda: shadow.figures.images == 2, LIMIT_S, "two")
    parts.lane.offer(batch([91]), ())
    eventually(lambda: shadow.figures.images == 3, LIMIT_S, "three")
    parts.lane.close()
    parts.lane._thread.join(LIMIT_S)
    expected = [] if error else [("91", FakeEngine.digest)] * 2
    assert kept.disagreements == expected


def test_after_each_turn_it_rests_so_long_that_it_takes_no_more_than_its_share(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([100.0, 100.5])
    parts = Parts(decoder)
    lane = Lane(parts.metrics.shadow, clock=lambda: next(times))
    rests: list[float] = []
    monkeypatch.setattr(lane._stop, "wait", rests.append)
    lane._turn(parts.try_(), shown(batch([94])))
    assert rests == [pytest.approx(0.5 * 19)]
    assert 0.5 / (0.5 + rest_after(0.5)) == pytest.approx(SHARE)
    assert lane_module.SHARE <= 0.05
