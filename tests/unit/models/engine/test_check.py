import math

import pytest
import torch
from torch import Tensor

from velox.models.engine.check import (
    LEAST_SAMPLES,
    Bounds,
    Refused,
    require_enough,
    require_same_decisions,
)
from velox.models.engine.classifier import Answer

COUNT = 1000
TARGETS = torch.zeros(COUNT, dtype=torch.int64)


def answer(labels: Tensor = TARGETS, confidences: float | Tensor = 0.95) -> Answer:
    return labels.clone()[:, None], (torch.zeros(COUNT) + confidences)[:, None]


def changed(values: Tensor, count: int, to: float) -> Tensor:
    result = values.clone()
    result[:count] = to
    return result


def check(found: Answer, expected: Answer, *thresholds: float) -> None:
    require_same_decisions(found, expected, TARGETS, Bounds(thresholds or (0.9, 0.9, 0.9)))


def test_the_same_is_the_same() -> None:
    check(answer(), answer())


def test_fewer_samples_than_show_the_difference_are_too_few() -> None:
    require_enough(LEAST_SAMPLES)
    with pytest.raises(Refused, match="only 199 samples to check it with, but 200 are needed"):
        require_enough(LEAST_SAMPLES - 1)
    with pytest.raises(Refused, match="no samples to check it with"):
        require_enough(0)


def test_accuracy_may_cost_two_in_a_thousand() -> None:
    check(answer(changed(TARGETS, 2, 1)), answer())
    with pytest.raises(Refused, match=r"accuracy on 1000 samples is 0\.9970, but 1\.0000 in fp32"):
        check(answer(changed(TARGETS, 3, 1)), answer())


def test_other_labels_are_other_decisions_though_as_many_are_right() -> None:
    """A weak model: half of the labels are wrong, and other ones are wrong afterwards."""
    weak = changed(TARGETS, 500, 1)
    unsure = answer(weak, 0.5)
    check(answer(changed(weak, 5, 2), 0.5), unsure)
    with pytest.raises(Refused, match=r"0\.0060 of 1000 samples gets other labels"):
        check(answer(changed(weak, 6, 2), 0.5), unsure)


def test_matches_are_what_counts_at_the_threshold() -> None:
    """Of 200 matches among 1,000 images one may come or go."""
    full = answer(confidences=changed(torch.full((COUNT,), 0.5), 200, 0.95))
    one = changed(full[1][:, 0], 1, 0.89)
    check(answer(confidences=one), full)
    two = changed(full[1][:, 0], 2, 0.89)
    with pytest.raises(Refused, match=r"2 of 200 matches differ .*threshold 0\.9, 1000 samples"):
        check(answer(confidences=two), full)
    check(answer(confidences=two), full, 0.8, 0.8, 0.8)
    more = full[1][:, 0].clone()
    more[-2:] = 0.91
    with pytest.raises(Refused, match=r"2 of 202 matches differ"):
        check(answer(confidences=more), full)


def test_a_source_has_thresholds_of_its_own() -> None:
    full = answer(confidences=changed(torch.full((COUNT,), 0.95), 500, 0.56))
    lower = answer(confidences=changed(full[1][:, 0], 500, 0.54))
    for few, refused in (((), False), ((0.5,), False), ((0.5, 0.55), True)):
        bounds = Bounds((0.9, 0.9, 0.9), math.inf, tuple((each,) * 3 for each in few))
        if refused:
            words = r"500 of 1000 matches differ .*threshold 0\.55 of a source, 1000 samples"
            with pytest.raises(Refused, match=words):
                require_same_decisions(lower, full, TARGETS, bounds)
        else:
            require_same_decisions(lower, full, TARGETS, bounds)


def test_each_label_has_its_own_threshold() -> None:
    labels = changed(TARGETS, 500, 1)
    full = answer(labels, changed(torch.full((COUNT,), 0.95), 500, 0.56))
    lower = answer(labels, changed(full[1][:, 0], 500, 0.54))
    check(lower, full, 0.9, 0.5)
    check(lower, full, 0.9, math.inf)
    with pytest.raises(Refused, match=r"500 of 1000 matches differ .*thresholds 0\.55 to 0\.9, "):
        check(lower, full, 0.9, 0.55)


def test_what_is_no_number_is_no_match() -> None:
    with pytest.raises(Refused, match="matches"):
        check(answer(confidences=changed(torch.full((COUNT,), 0.95), 10, torch.nan)), answer())


def with_novelty(answer: Answer, novelty: Tensor) -> Answer:
    return *answer, novelty


@pytest.mark.parametrize(("others", "refused"), [(0, False), (5, False), (6, True)])
def test_so_few_samples_may_be_unknown_in_one_of_the_two_alone(others: int, refused: bool) -> None:
    novelty = torch.linspace(0, 1, COUNT)
    found = with_novelty(answer(confidences=0.5), changed(novelty, others, to=2.0))
    expected = with_novelty(answer(confidences=0.5), novelty)

    def judge(above: float) -> None:
        require_same_decisions(found, expected, TARGETS, Bounds((0.9, 0.9, 0.9), above))

    judge(math.inf)
    if refused:
        with pytest.raises(
            Refused, match=r"0\.0060 of 1000 samples is unknown in it or in fp32 al"
        ):
            judge(1.5)
    else:
        judge(1.5)


def test_what_is_unknown_is_no_match() -> None:
    novelty = torch.zeros(COUNT)
    novelty[:900] = 2.0
    expected = with_novelty(answer(), novelty)
    less_sure = torch.full((COUNT,), 0.95)
    # Those of the known ones that are no matches any more are one in a hundred of these.
    less_sure[-1:] = 0.5
    found = with_novelty(answer(confidences=less_sure), novelty)
    check(found, expected)
    with pytest.raises(Refused, match="1 of 100 matches differ"):
        require_same_decisions(found, expected, TARGETS, Bounds((0.9, 0.9, 0.9), 1.5))
