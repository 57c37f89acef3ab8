import math

import pytest

from velox.base.records import Outcome
from velox.consumer.sources.rules import Rule
from velox.consumer.stages.decider import Decider


@pytest.mark.parametrize(
    ("confidence", "threshold", "outcome"),
    [
        (0.9, 0.9, Outcome.MATCH),
        (0.899, 0.9, Outcome.NO_MATCH),
        (0.56, 0.55, Outcome.MATCH),
        (0.0, 0.0, Outcome.MATCH),
        (1.0, math.inf, Outcome.NO_MATCH),
    ],
)
def test_a_match_has_at_least_the_confidence_of_its_label(
    confidence: float, threshold: float, outcome: Outcome
) -> None:
    assert Decider()("red", confidence, threshold) is outcome


def test_only_targets_are_a_match_where_there_are_some() -> None:
    decide = Decider(frozenset({"green"}))
    assert decide("green", 1.0, 0.9) is Outcome.MATCH
    assert decide("red", 1.0, 0.9) is Outcome.NO_MATCH


def test_what_a_source_has_of_its_own_goes_before_the_settings() -> None:
    decide = Decider(frozenset({"green"}))
    assert decide("green", 0.6, 0.9, Rule(of_label={"green": 0.6})) is Outcome.MATCH
    assert decide("green", 0.95, 0.9, Rule(threshold=0.99)) is Outcome.NO_MATCH
    assert decide("red", 0.9, 0.9, Rule(targets=frozenset({"red"}))) is Outcome.MATCH
    assert decide("green", 1.0, 0.9, Rule(targets=frozenset({"red"}))) is Outcome.NO_MATCH
    assert decide("green", 0.9, 0.9, Rule(expect_s=5)) is Outcome.MATCH


def test_what_the_model_has_not_learned_is_unknown_however_sure_it_is() -> None:
    decide = Decider(frozenset({"green"}))
    assert decide("green", 1.0, 0.9, unknown=True) is Outcome.UNKNOWN
    assert decide("red", 0.1, 0.9, unknown=True) is Outcome.UNKNOWN
