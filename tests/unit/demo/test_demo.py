"""What the demo makes of the end of its training."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

import demo
from velox.base.errors import VeloxError
from velox.base.waiting import Stopped
from velox.demo.programs import ConsumerProgram

ALIVE = cast(ConsumerProgram, SimpleNamespace(require_alive=lambda: None))


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trainer that has ended by SIGINT."""

    @contextmanager
    def child(*_: Any, **__: Any) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(wait=lambda _timeout: True, exit_code=-2)

    monkeypatch.setattr(demo, "Child", child)


@pytest.mark.usefixtures("interrupted")
def test_a_ctrl_c_that_ended_the_training_is_no_error() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped, match="while training"):
        demo.train({}, ALIVE, stop)


@pytest.mark.usefixtures("interrupted")
def test_a_training_that_ends_by_itself_is_one() -> None:
    with pytest.raises(VeloxError, match=r"train\.py ended with exit code -2"):
        demo.train({}, ALIVE, threading.Event())
