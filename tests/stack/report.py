"""What the program says, and how long it waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tests.rig.waiting import eventually

LIMIT_S = 300.0

T = TypeVar("T")


def say(line: str) -> None:
    """One promise that held, with its figures."""
    print(f"ok  {line}", flush=True)


@contextmanager
def promise(what: str) -> Iterator[None]:
    """Say that a promise held, and how long it took."""
    started = time.monotonic()
    yield
    say(f"{what}, seconds={time.monotonic() - started:.1f}")


def wait(condition: Callable[[], T | None], what: str | Callable[[], str]) -> T:
    """Look each second until something is true."""
    return eventually(condition, LIMIT_S, what, every=1.0)
