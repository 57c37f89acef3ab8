"""What the tests of stages share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from velox.base import waiting


@pytest.fixture
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again is tried at once."""

    def at_once() -> Iterator[float]:
        while True:
            yield 0.0

    monkeypatch.setattr(waiting, "delays", at_once)
