"""A call that hangs is left behind at its limit."""

from __future__ import annotations

import threading

from velox.base.waiting import call_within


def test_a_call_that_ends_in_time() -> None:
    called = threading.Event()
    assert call_within(30, called.set)
    assert called.is_set()


def test_a_call_that_hangs() -> None:
    forever = threading.Event()

    def hang() -> None:
        forever.wait(30)

    try:
        assert not call_within(0.01, hang)
    finally:
        forever.set()
