"""Retries: backoff with jitter, until done, until there, or until told to stop."""

from __future__ import annotations

import itertools
import random
import threading

import pytest

from velox.base.errors import BrokerUnavailable, StartupTimeout, StoreUnavailable
from velox.base.waiting import (
    FIRST_DELAY_S,
    LONGEST_DELAY_S,
    Stopped,
    delays,
    until_done,
    until_there,
)


class Once(threading.Event):
    """A stop event whose waits pass no time; they are noted."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return self.is_set()


def test_delays_double_up_to_a_limit_with_jitter_of_a_half() -> None:
    found = list(itertools.islice(delays(random.Random(1)), 12))
    full = [min(FIRST_DELAY_S * 2**n, LONGEST_DELAY_S) for n in range(12)]
    assert all(each / 2 <= delay <= each for delay, each in zip(found, full, strict=True))
    assert len({delay / each for delay, each in zip(found, full, strict=True)}) == 12


def test_until_done_returns_what_the_first_success_gives() -> None:
    failures = iter([StoreUnavailable("away"), StoreUnavailable("still")])
    seen: list[str] = []
    stop = Once()

    def attempt() -> str:
        for failure in failures:
            raise failure
        return "written"

    done = until_done(
        attempt,
        retryable=StoreUnavailable,
        stop=stop,
        on_failure=lambda error: seen.append(str(error)),
    )
    assert done == "written"
    assert seen == ["away", "still"]
    assert len(stop.waits) == 2


def test_until_done_raises_what_cannot_be_retried() -> None:
    def attempt() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        until_done(attempt, retryable=StoreUnavailable, stop=Once(), on_failure=print)


def test_until_done_ends_when_told_to_stop() -> None:
    stop = Once()
    attempts = 0

    def attempt() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 3:
            stop.set()
        raise StoreUnavailable("away")

    with pytest.raises(Stopped):
        until_done(attempt, retryable=StoreUnavailable, stop=stop, on_failure=lambda _: None)
    assert attempts == 3


def test_until_there_says_what_it_waits_for() -> None:
    found = iter([None, BrokerUnavailable("no broker"), 8])
    said: list[str] = []

    def look() -> int | None:
        answer = next(found)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert until_there(look, what="topic a", limit=60, stop=Once(), announce=said.append) == 8
    assert said == ["waiting for topic a: not there yet", "waiting for topic a: no broker"]


def test_until_there_takes_a_false_thing_for_found() -> None:
    assert until_there(lambda: 0, what="a count", limit=1, stop=Once()) == 0


def test_until_there_gives_up_at_its_limit() -> None:
    with pytest.raises(StartupTimeout, match=r"no topic a after 0 s .*: not there yet"):
        until_there(lambda: None, what="topic a", limit=0, stop=Once())


def test_until_there_ends_when_told_to_stop() -> None:
    stop = Once()
    stop.set()
    with pytest.raises(Stopped, match="stopped while waiting for topic a"):
        until_there(lambda: None, what="topic a", limit=60, stop=stop)
