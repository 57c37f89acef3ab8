"""What is said of thresholds that a reduced precision was not tried with."""

from __future__ import annotations

import pytest

from tests.unit.fakes import FakeEngine
from velox.consumer.sources.rules import Rule, Sources
from velox.consumer.untried import say_what_is_untried

HALF, USUAL = Rule(threshold=0.5), Rule(threshold=0.9)


@pytest.mark.parametrize(
    ("precision", "tried", "rules", "said"),
    [
        ("int8", (), {"door": HALF}, True),
        ("int8", (), {"door": USUAL, "gate": Rule(targets=frozenset({"red_circle"}))}, False),
        ("int8", ((0.5, 0.5),), {"door": HALF}, False),
        ("int8", ((0.5, 0.5),), {"door": HALF, "gate": Rule(of_label={"red_circle": 0.1})}, True),
        ("fp32", (), {"door": HALF}, False),
    ],
)
def test_new_thresholds_are_told(
    precision: str,
    tried: tuple[tuple[float, ...], ...],
    rules: dict[str, Rule],
    said: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = FakeEngine()
    engine.precision, engine.of_sources = precision, tried
    say_what_is_untried(engine, Sources(rules))
    words = f"SOURCES_PATH: precision={precision} was not tried with the thresholds that are new (1"
    assert (words in caplog.text) == said
