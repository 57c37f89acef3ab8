"""Waiting for something that is away: backoff with jitter, within a bound or until told to stop."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from velox.base.errors import StartupTimeout, VeloxError

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 5.0
REMIND_EVERY_S = 10.0

T = TypeVar("T")
log = logging.getLogger(__name__)


class Stopped(VeloxError):
    """The process was told to stop while it waited."""


def delays(rng: random.Random | None = None) -> Iterator[float]:
    """Seconds to wait between attempts: doubling up to a limit, each with jitter of a half."""
    rng = rng or random.Random()
    longest = FIRST_DELAY_S
    while True:
        yield longest * (0.5 + 0.5 * rng.random())
        longest = min(2 * longest, LONGEST_DELAY_S)


def until_done(
    attempt: Callable[[], T],
    *,
    retryable: type[Exception] | tuple[type[Exception], ...],
    stop: threading.Event,
    on_failure: Callable[[Exception], None],
    tries: int | None = None,
) -> T:
    """Call `attempt` until it returns, for as long as it takes or so many times.

    Args:
        attempt: may raise.
        retryable: the errors after which it is called again.
        stop: ends the wait.
        on_failure: called with each such error.
        tries: after so many, the last error is raised; None for no end.

    Raises:
        Stopped: when told to stop before an attempt succeeded.
    """
    for number, delay in enumerate(delays(), start=1):
        try:
            return attempt()
        except retryable as error:
            on_failure(error)
            if number == tries and not stop.is_set():
                raise
        if stop.wait(delay):
            raise Stopped("stopped while retrying")
    raise AssertionError("delays() never ends")


def until_there(
    look: Callable[[], T | None],
    *,
    what: str,
    limit: float,
    stop: threading.Event,
    announce: Callable[[str], None] = lambda _reason: None,
    final: type[VeloxError] | tuple[type[VeloxError], ...] = (),
) -> T:
    """Look until the thing is there, saying what is waited for.

    Args:
        look: returns the thing, or None while it is missing; may raise a VeloxError that says why.
        what: the thing in words, for the log.
        limit: longest wait in seconds.
        stop: ends the wait.
        announce: told why it is still missing, each time.
        final: errors for which no waiting helps; they are raised at once.

    Raises:
        StartupTimeout: when it is still missing at the limit.
        Stopped: when told to stop before.
    """
    deadline = time.monotonic() + limit
    remind = 0.0
    for delay in delays():
        reason = "not there yet"
        try:
            found = look()
            if found is not None:
                return found
        except final:
            raise
        except VeloxError as error:
            reason = str(error)
        now = time.monotonic()
        announce(f"waiting for {what}: {reason}")
        if now >= remind:
            log.info("waiting for=%r reason=%r", what, reason)
            remind = now + REMIND_EVERY_S
        if now >= deadline:
            raise StartupTimeout(f"no {what} after {limit:g} s (STARTUP_TIMEOUT_S): {reason}")
        if stop.wait(min(delay, deadline - now)):
            raise Stopped(f"stopped while waiting for {what}")
    raise AssertionError("delays() never ends")
