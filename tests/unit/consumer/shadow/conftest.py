"""What the tests of shadows share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.consumer.shadow.stand_ins import decode
from velox.consumer.stages.decoder import Decoder


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    """Decodes numbers."""
    made = Decoder(decode, max_pixels=10**9, threads=1)
    yield made
    made.close()
