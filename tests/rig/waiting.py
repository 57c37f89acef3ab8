"""Waiting for a condition with a limit, instead of sleeping and hoping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

LOOK_EVERY_S = 0.05

T = TypeVar("T")


class NeverHappened(AssertionError):
    """A condition did not come true within its limit."""


def eventually(
    condition: Callable[[], T | None],
    limit: float,
    what: str | Callable[[], str],
    *,
    every: float = LOOK_EVERY_S,
) -> T:
    """Look until the condition gives something true, and return that.

    Args:
        condition: looked at again and again.
        limit: seconds.
        what: the condition in words, or what tells them once the limit has passed.
        every: seconds between looks.

    Raises:
        NeverHappened: at the limit.
    """
    deadline = time.monotonic() + limit
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() >= deadline:
            words = what() if callable(what) else what
            raise NeverHappened(f"not within {limit:g} s: {words} (last seen: {found!r})")
        time.sleep(every)
