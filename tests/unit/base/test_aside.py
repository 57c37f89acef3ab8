import threading

import pytest

from velox.base.aside import aside
from velox.base.errors import CheckpointError
from velox.base.waiting import Stopped


def test_what_work_returns_comes_back() -> None:
    assert aside(lambda: 7, stop=threading.Event()) == 7


def test_what_work_raises_comes_back() -> None:
    def fail() -> None:
        raise CheckpointError("no model")

    with pytest.raises(CheckpointError, match="no model"):
        aside(fail, stop=threading.Event())


def test_work_that_cannot_be_told_to_stop_is_left_alone() -> None:
    stop, hang, begun = threading.Event(), threading.Event(), threading.Event()

    def endless() -> None:
        begun.set()
        stop.set()
        hang.wait(60)

    with pytest.raises(Stopped):
        aside(endless, stop=stop)
    assert begun.is_set()
    hang.set()
