"""Waiting: for what is away, for what may hang, for the next event, for the next time to look."""

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
LOOK_EVERY_S = 0.2

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


def until_told(stop: threading.Event) -> None:
    """Wait in the main thread until a signal's handler has set the event.

    Handlers run in the main thread alone. A signal that the kernel gives to another thread does not
    wake it where it waits without a limit, and would be lost until the next one.
    """
    while not stop.wait(LOOK_EVERY_S):
        pass


def call_within(limit: float, call: Callable[[], object]) -> bool:
    """Run a call in a thread of its own and wait for it at most `limit` seconds.

    Returns:
        Whether it ended in time; if not, it goes on in the background until the process ends.
    """
    worker = threading.Thread(target=call, name=f"bounded-{call.__name__}", daemon=True)
    worker.start()
    worker.join(limit)
    return not worker.is_alive()


class Pace:
    """Waits between events so that they come one an interval.

    An event that is late does not shift those after it, but a standstill is not made up for.

    Args:
        interval: seconds between events; 0 for no wait.
        stop: ends a wait.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        interval: float,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = interval
        self._stop = stop
        self._clock = clock
        self._due = clock()

    def wait(self) -> bool:
        """Wait for the next event's time; False when told to stop."""
        now = self._clock()
        stopped = self._stop.wait(self._due - now) if self._due > now else self._stop.is_set()
        self._due = max(self._due, now - self._longest_debt()) + self._interval
        return not stopped

    def _longest_debt(self) -> float:
        return max(1.0, self._interval)


class Steady:
    """Does a step; what goes wrong in it is logged, once until it goes well or wrong otherwise.

    Args:
        log: where errors go, at level WARNING.
        what: the step in words, for the log.
    """

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self._said = ""

    def do(self, step: Callable[[], None]) -> None:
        """Do the step; never raises an Exception."""
        try:
            step()
            self._said = ""
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            if text != self._said:
                self._said = text
                self._log.warning("could not %s, trying again later error=%r", self._what, text)


class Periodic:
    """Takes a step every so often, in a thread of its own, whatever goes wrong in it.

    One step at a time: an answer that was long on its way does not replace a later one.

    Args:
        step: called in the thread.
        every: seconds from the end of one step to the next.
        name: of the thread.
        log: where errors go (see `Steady`).
        what: the step in words, for the log.
        at_once: whether the first step is taken at the start and not after `every`.
    """

    def __init__(
        self,
        step: Callable[[], None],
        *,
        every: float,
        name: str,
        log: logging.Logger,
        what: str,
        at_once: bool = False,
    ) -> None:
        self._step = step
        self._every = every
        self._at_once = at_once
        self._steady = Steady(log, what)
        self._one = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Take steps from now on."""
        self._thread.start()

    def close(self, timeout: float = 0.0) -> None:
        """Take no more; wait at most so many seconds for one that is under way."""
        self._stop.set()
        if timeout > 0 and self._thread.is_alive():
            self._thread.join(timeout)

    def now(self) -> None:
        """Take a step out of turn, in this thread."""
        with self._one:
            self._steady.do(self._step)

    def _run(self) -> None:
        if self._at_once:
            self.now()
        while not self._stop.wait(self._every):
            self.now()
