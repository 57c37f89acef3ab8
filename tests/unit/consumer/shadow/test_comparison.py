"""What a shadow makes of images beside the model in use, and what it does to nobody else."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import Any

import pytest

from tests.unit.consumer.shadow.stand_ins import LIMIT_S, Other, batch, decode, shadow_of, shown
from tests.unit.fakes import value
from velox.base.errors import EngineOutOfMemory
from velox.base.records import Outcome, Prediction
from velox.consumer.shadow.figures import Figures
from velox.consumer.sources.rules import Rule, Sources
from velox.consumer.stages.decoder import Decoder
from velox.images.cropping import Crop
from velox.images.preprocessing import PAD, Preprocessing
from velox.monitoring.metrics import Metrics
from velox.monitoring.shadow_metrics import MOST_PAIRS


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


def test_what_it_decodes_again_is_cut_as_its_source_says() -> None:
    cut: list[Crop | None] = []

    def noting(data: bytes | None, *, crop: Crop | None = None, **how: Any) -> Any:
        cut.append(crop)
        return decode(data, **how)

    with closing(Decoder(noting, max_pixels=10**9, threads=1)) as decoder:
        other, door = Other(), Crop(left=0.5, top=0, right=1, bottom=1)
        other.input_size = 6
        shadow = shadow_of(other, decoder, Metrics())
        shadow.see(shown(batch([94, 91], sources=Sources({"door": Rule(crop=door)}))))
    assert cut == [door, door]


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
    assert "shadow's inference failed images=2 error=EngineOutOfMemory" in caplog.text


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


def test_a_shadow_that_is_ended_in_its_turn_is_closed_afterwards_and_says_nothing(
    decoder: Decoder, caplog: pytest.LogCaptureFixture
) -> None:
    other, metrics = Other(), Metrics()
    other.held.clear()
    other.broken = True
    shadow = shadow_of(other, decoder, metrics)
    turn = threading.Thread(target=shadow.see, args=(shown(batch([94])),))
    turn.start()
    assert other.asked.wait(LIMIT_S)
    shadow.end()
    assert other.closed == 0
    other.held.set()
    turn.join(LIMIT_S)
    assert other.closed == 1
    assert "ended by itself" not in caplog.text
    assert value(metrics, "velox_shadow_failures_total") == 0


def test_pairs_of_labels_have_a_bound() -> None:
    metrics = Metrics()
    for number in range(MOST_PAIRS + 5):
        metrics.shadow.compare(str(number), "a", agreed=False)
    (family,) = metrics.shadow.predictions.collect()
    counts = [each for each in family.samples if each.name.endswith("_total")]
    assert len(counts) == MOST_PAIRS + 1
    assert sum(each.value for each in counts) == MOST_PAIRS + 5
