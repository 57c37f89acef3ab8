import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.fakes import FakeEngine
from velox.base.errors import EngineBroken
from velox.consumer.stages.predictor import BisectingPredictor
from velox.models.engine.interface import Predictions


def images(*first: int) -> NDArray[np.uint8]:
    """Images of these first bytes; the fake engine's answers follow from them."""
    batch = np.zeros((len(first), 4, 4, 3), np.uint8)
    batch[:, 0, 0, 0] = first
    return batch


def made(**rules: object) -> tuple[BisectingPredictor, FakeEngine]:
    engine = FakeEngine()
    for name, rule in rules.items():
        setattr(engine, name, rule)
    return BisectingPredictor(engine), engine


def test_a_batch_is_predicted_in_one_call() -> None:
    predictor, engine = made()
    found, failures = predictor.predict(images(10, 21, 30))
    indices, confidences = found.best
    assert indices.tolist() == [0, 1, 0]
    assert confidences.tolist() == pytest.approx([0.10, 0.21, 0.30])
    assert (str(indices.dtype), str(confidences.dtype)) == ("int64", "float32")
    assert failures == {}
    assert engine.batches == [3]


@pytest.mark.parametrize("guilty", range(7))
def test_the_guilty_image_is_found_wherever_it_stands(guilty: int) -> None:
    predictor, _ = made(poison={99})
    first = [10 + row for row in range(7)]
    first[guilty] = 99
    found, failures = predictor.predict(images(*first))
    indices, confidences = found.best
    assert set(failures) == {guilty}
    assert "RuntimeError: cannot digest" in str(failures[guilty])
    good = [row for row in range(7) if row != guilty]
    assert indices[good].tolist() == [first[row] % 2 for row in good]
    assert confidences[good].tolist() == pytest.approx([first[row] / 100 for row in good])
    assert (indices[guilty], confidences[guilty]) == (-1, 0)


def test_one_image_that_passes_clears_the_engine() -> None:
    predictor, _ = made(poison={99, 0})
    _, failures = predictor.predict(images(99, 5))
    assert set(failures) == {0}, "the blank image would fail too, but is not asked for"


def test_several_guilty_images_are_all_found() -> None:
    predictor, _ = made(poison={98, 99})
    _, failures = predictor.predict(images(99, 1, 2, 98, 3, 99))
    assert set(failures) == {0, 3, 5}


def test_images_that_all_fail_are_guilty_if_a_blank_one_passes() -> None:
    predictor, engine = made(poison={99})
    _, failures = predictor.predict(images(99, 99))
    assert set(failures) == {0, 1}
    assert engine.batches[-1] == 1, "the blank image"


def test_an_engine_that_fails_on_a_blank_image_is_broken() -> None:
    predictor, _ = made(broken=True)
    with pytest.raises(EngineBroken, match="fails on every image: RuntimeError: device lost"):
        predictor.predict(images(1, 2))


def test_an_engine_that_says_it_is_broken_is_not_asked_again() -> None:
    predictor, engine = made()
    calls = []

    def predict(batch: NDArray[np.uint8]) -> None:
        calls.append(len(batch))
        raise EngineBroken("gone")

    engine.predict = predict  # type: ignore[method-assign]
    with pytest.raises(EngineBroken, match="gone"):
        predictor.predict(images(1, 2, 3))
    assert calls == [3]


def test_out_of_memory_halves_the_batch() -> None:
    predictor, engine = made(capacity=2)
    found, failures = predictor.predict(images(*range(8)))
    assert found.best[0].tolist() == [0, 1] * 4
    assert failures == {}
    assert engine.batches == [8, 4, 2, 2, 4, 2, 2]


def test_later_batches_start_no_larger_than_what_fit_and_grow_back() -> None:
    predictor, engine = made(capacity=4)
    predictor.predict(images(*range(8)))
    engine.batches.clear()
    engine.capacity = 100
    sizes = []
    for _ in range(5):
        predictor.predict(images(*range(8)))
        sizes.append(max(engine.batches))
        engine.batches.clear()
    assert sizes == [5, 6, 7, 8, 8]


def test_no_memory_for_one_image_is_no_fault_of_the_image() -> None:
    predictor, engine = made(capacity=0)
    with pytest.raises(EngineBroken, match="enough memory for a single image"):
        predictor.predict(images(1, 2))
    assert engine.batches == [2, 1]


def test_a_guilty_image_does_not_shrink_later_batches() -> None:
    predictor, engine = made(poison={99})
    predictor.predict(images(99, 1, 2, 3))
    engine.batches.clear()
    predictor.predict(images(1, 2, 3, 4))
    assert engine.batches == [4]


def test_a_flood_of_guilty_images_does_not_flood_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    predictor, _ = made(poison={99})
    for _ in range(200):
        predictor.predict(images(10, 99, 99, 20))
    assert 0 < len(caplog.records) <= 11


@pytest.mark.parametrize("rule", ["no_number", "spoils"])
@pytest.mark.parametrize("guilty", range(4))
def test_an_answer_that_is_no_number_is_the_failure_of_its_image(rule: str, guilty: int) -> None:
    predictor, _ = made(**{rule: {99}})
    first = [10, 21, 30, 41]
    first[guilty] = 99
    found, failures = predictor.predict(images(*first))
    indices, confidences = found.best
    assert set(failures) == {guilty}
    assert "confidence nan" in str(failures[guilty])
    assert (indices[guilty], confidences[guilty]) == (-1, 0)
    good = [row for row in range(4) if row != guilty]
    assert indices[good].tolist() == [first[row] % 2 for row in good]
    assert np.isfinite(confidences).all()


def test_a_label_that_is_not_there_is_the_failure_of_its_image() -> None:
    predictor, engine = made()
    engine.predict = lambda batch: Predictions.of(  # type: ignore[method-assign]
        batch[:, 0, 0, 0].astype(np.int64),
        np.ones(len(batch), np.float32),
    )
    found, failures = predictor.predict(images(1, 2, 0))
    assert set(failures) == {1}
    assert found.best[0].tolist() == [1, -1, 0]


def test_a_model_whose_answers_are_never_numbers_is_broken() -> None:
    predictor, _ = made(no_number=set(range(256)))
    with pytest.raises(EngineBroken, match=r"fails on every image: .* confidence nan"):
        predictor.predict(images(1, 2))


def test_images_whose_answers_are_no_numbers_are_guilty_if_a_blank_one_passes() -> None:
    predictor, _ = made(no_number={98, 99})
    assert set(predictor.predict(images(98, 99))[1]) == {0, 1}


def test_an_answer_of_several_labels_comes_whole_and_fails_with_any_of_them() -> None:
    predictor, engine = made(top=2)
    answers = {1: ([1, 0], [0.75, 0.25]), 2: ([0, 1], [0.5, np.nan])}

    def predict(batch: NDArray[np.uint8]) -> Predictions:
        indices, confidences = zip(*(answers[int(each)] for each in batch[:, 0, 0, 0]), strict=True)
        return Predictions(np.array(indices), np.array(confidences, np.float32))

    engine.predict = predict  # type: ignore[method-assign]
    found, failures = predictor.predict(images(1, 2))
    assert found.indices.tolist() == [[1, 0], [-1, -1]]
    assert found.confidences.tolist() == [[0.75, 0.25], [0, 0]]
    assert "label 0 1, confidence 0.5 nan" in str(failures[1])


def test_a_novelty_that_is_no_number_is_a_failure_of_its_image() -> None:
    predictor, engine = made()
    novelties = {1: 0.5, 2: np.nan}

    def predict(batch: NDArray[np.uint8]) -> Predictions:
        novelty = np.array([novelties[int(each)] for each in batch[:, 0, 0, 0]], np.float32)
        indices, confidences = np.zeros(len(batch), np.int64), np.ones(len(batch), np.float32)
        return Predictions(indices[:, None], confidences[:, None], novelty)

    engine.predict = predict  # type: ignore[method-assign]
    found, failures = predictor.predict(images(1, 2))
    assert failures.keys() == {1}
    assert found.novelty.tolist() == [0.5, 0]
