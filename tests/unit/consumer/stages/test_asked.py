"""The labels that settings ask for: each setting says which of them the model lacks."""

from __future__ import annotations

from velox.consumer.sources.rules import Rule, Sources
from velox.consumer.stages.asked import Asked

LABELS = ("green", "red")


def test_each_place_says_what_it_asks_for_in_vain() -> None:
    rules = {
        "door": Rule(of_label={"gren": 0.5, "red": 0.5}, targets=frozenset({"blue"})),
        "yard": Rule(targets=frozenset({"red", "Green"})),
    }
    asked = Asked(
        targets=frozenset({"red"}), with_threshold=["rot"], sources=lambda: Sources(rules)
    )
    assert list(asked.unknown_to(LABELS)) == [
        "CONFIDENCE_THRESHOLD: the model has no label 'rot'",
        "SOURCES_PATH: 'door' targets: the model has no label 'blue'; so nothing will match",
        "SOURCES_PATH: 'door' thresholds: the model has no label 'gren' (the nearest is 'green')",
        "SOURCES_PATH: 'yard' targets: the model has no label 'Green' (the nearest is 'green')",
    ]
    assert list(asked.unknown_to(["rot", "red", "blue", "gren", "Green"])) == []
