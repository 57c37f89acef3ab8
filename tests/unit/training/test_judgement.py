"""What a network is worth: augmentation, calibration and the figures."""

from __future__ import annotations

import math

import pytest
import torch

from velox.training.calibration import expected_calibration_error, fit_temperature
from velox.training.data.augment import augmented
from velox.training.judgement import judge
from velox.training.judgement_log import log_judgement
from velox.training.thresholds import Promise, Threshold

LABELS = ("cat", "dog", "owl")


def drawn_from(scale: float, count: int = 5_000) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits `scale` times too large for labels that are drawn from their softmax."""
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn((count, 3), generator=generator) * 2
    targets = torch.multinomial(logits.softmax(dim=1), 1, generator=generator).squeeze(1)
    return logits * scale, targets


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_scale(scale: float) -> None:
    logits, targets = drawn_from(scale)
    temperature = fit_temperature(logits, targets)
    assert temperature == pytest.approx(scale, rel=0.06)
    assert expected_calibration_error(logits, targets, temperature) < 0.02
    if scale != 1.0:
        assert expected_calibration_error(logits, targets, 1.0) > 0.05


def test_images_that_are_all_right_do_not_make_it_certain() -> None:
    targets = torch.arange(3).repeat(30)
    logits = 8.0 * torch.nn.functional.one_hot(targets, 3)
    temperature = fit_temperature(logits, targets)
    confidence = torch.softmax(logits / temperature, dim=1).max(dim=1).values
    assert confidence.mean().item() == pytest.approx(91 / 92, abs=0.001)


def test_the_calibration_error_is_the_distance_of_confidence_and_accuracy() -> None:
    # Ten images at a confidence of 0.8, of which six are right: off by 0.2.
    logits = torch.tensor([[math.log(0.8), math.log(0.2)]]).repeat(10, 1)
    targets = torch.tensor([0] * 6 + [1] * 4)
    assert expected_calibration_error(logits, targets, 1.0) == pytest.approx(0.2)


def test_a_judgement_counts_by_truth_and_prediction() -> None:
    predicted = torch.tensor([0, 0, 1, 1, 1, 0])
    targets = torch.tensor([0, 0, 0, 1, 1, 2])
    found = judge(
        9.0 * torch.nn.functional.one_hot(predicted, 3), targets, labels=LABELS, temperature=1.0
    )
    assert found.confusion.tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.precision[:2].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert math.isnan(found.precision[2])
    assert found.recall.tolist() == pytest.approx([2 / 3, 1, 0])
    assert [each[:3] for each in found.wrong] == [(2, 0, 1), (5, 2, 0)]
    assert found.wrong[0].confidence == pytest.approx(0.9998, abs=1e-4)
    assert (found.sure, found.sure_right) == pytest.approx((1.0, 4 / 6))


def images() -> torch.Tensor:
    return torch.rand((6, 3, 16, 16), generator=torch.Generator().manual_seed(0))


def test_without_changes_images_stay_as_they_are() -> None:
    assert torch.equal(augmented(images(), ()), images())


def test_a_flip_mirrors_some_and_leaves_the_others() -> None:
    torch.manual_seed(0)
    flipped = augmented(images(), ("flip",))
    same = [torch.allclose(a, b, atol=1e-5) for a, b in zip(flipped, images(), strict=True)]
    mirrored = [
        torch.allclose(a, b.flip(-1), atol=1e-5) for a, b in zip(flipped, images(), strict=True)
    ]
    assert all(one != other for one, other in zip(same, mirrored, strict=True))
    assert 0 < sum(same) < 6


@pytest.mark.parametrize("change", ["rotate", "zoom", "shift", "light"])
def test_each_change_differs_by_image_and_repeats_for_a_seed(change: str) -> None:
    one_image = images()[:1].expand(4, -1, -1, -1)
    torch.manual_seed(1)
    changed = augmented(one_image, (change,))
    assert changed.shape == one_image.shape
    assert len({each.numpy().tobytes() for each in (*changed, one_image[0])}) == 5
    torch.manual_seed(1)
    assert torch.equal(augmented(one_image, (change,)), changed)


def test_a_change_is_a_small_one() -> None:
    """A bright square in the middle stays there, about as bright and as large."""
    square = torch.zeros((50, 3, 32, 32))
    square[:, :, 10:22, 10:22] = 1.0
    torch.manual_seed(2)
    changed = augmented(square, ("rotate", "zoom", "shift", "flip", "light"))
    assert (changed[:, :, 15:17, 15:17] > 0.4).all()
    area = (changed[:, 0] > 0.5).float().mean(dim=(1, 2)) / (12 / 32) ** 2
    assert (area > 0.5).all()
    assert (area < 2.0).all()


def test_what_thresholds_do_to_the_test_images_is_counted_by_label(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Each 0.9 sure of label 0 but the third, which is 0.6 sure; the second is a dog.
    of_cat = torch.tensor([0.9, 0.9, 0.6])
    logits = torch.stack([of_cat, (1 - of_cat) / 2, (1 - of_cat) / 2], dim=1).log()
    never = Threshold(at=None, images=3, right=3, missing=296)
    promise = Promise(0.99, (Threshold(at=0.8, images=400, right=400), never, never))
    found = judge(logits, torch.tensor([0, 1, 0]), labels=LABELS, temperature=1.0, promise=promise)
    assert found.matched.tolist() == [[2, 1], [0, 0], [0, 0]]
    with caplog.at_level("INFO"):
        log_judgement(found)
    assert "thresholds precision=0.99 labels=1 of=3 test_matches=2 right=1" in caplog.text
    assert (
        "label='dog' is never matched: found on 3 unseen images, at least 296 more" in caplog.text
    )


def test_of_many_labels_without_a_threshold_a_few_are_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    never = Threshold(at=None, images=1, right=1, missing=298)
    labels = tuple(f"label {number}" for number in range(40))
    targets = torch.arange(40)
    logits = 9.0 * torch.nn.functional.one_hot(targets, 40)
    promise = Promise(0.99, (never,) * 40)
    with caplog.at_level("INFO"):
        log_judgement(judge(logits, targets, labels=labels, temperature=1.0, promise=promise))
    assert caplog.text.count("is never matched") == 5
    assert "and 35 more labels: see the report" in caplog.text
