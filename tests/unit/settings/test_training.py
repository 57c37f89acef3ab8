"""What the training reads."""

from __future__ import annotations

from velox.settings.training import TrainSettings


def test_the_default_classes_are_four() -> None:
    settings = TrainSettings.load({})
    assert (settings.colors, settings.shapes) == (("red", "green"), ("circle", "square"))
