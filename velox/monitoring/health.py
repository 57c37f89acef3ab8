"""Health: is the process alive (restart it if not), is it ready (count on it if so)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VitalSigns:
    """What a program tells of its work while it is at it.

    Attributes:
        poll_age: seconds since its loop turned.
        poll_age_limit: seconds after which the loop counts as stuck.
        idle: seconds since a record was last finished.
        work: images in flight plus the lag that is known.
        refusal: why what was done is not accepted, so that it will all be done again.
        excuse: a reason why no progress is possible that a restart would not mend.
        paused: why records that could be done are not, until somebody mends a fault.
        joined: whether the group has given an assignment.
    """

    poll_age: Callable[[], float]
    poll_age_limit: float = 60.0
    idle: Callable[[], float] = lambda: 0.0
    work: Callable[[], int] = lambda: 0
    refusal: Callable[[], str | None] = lambda: None
    excuse: Callable[[], str | None] = lambda: None
    paused: Callable[[], str | None] = lambda: None
    joined: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class Health:
    """What the two probes answer.

    Attributes:
        starting: what the start is waiting for, None once the work has begun.
        stall_timeout: seconds without progress, with work to do, that count as a stall.
    """

    starting: str | None = "starting"
    stall_timeout: float = 120.0
    _signs: VitalSigns | None = None

    def waits(self, reason: str) -> None:
        """The start is waiting for something: what and why."""
        self.starting = reason

    def look_at(self, signs: VitalSigns) -> None:
        """Answer by these from now on: the start is over."""
        self._signs = signs
        self.starting = None

    def idle(self) -> float:
        """Seconds since a record was last finished; 0 before the start is over."""
        return self._signs.idle() if self._signs is not None else 0.0

    def live(self) -> tuple[bool, str]:
        """Whether the process works, and why. A broker or database that is away is no fault."""
        signs = self._signs
        if signs is None:
            return True, self.starting or "starting"
        if (age := signs.poll_age()) > signs.poll_age_limit:
            return False, f"the poll loop has been stuck for {age:.0f} s"
        if (refusal := signs.refusal()) is not None:
            return False, refusal
        if (excuse := signs.excuse()) is not None:
            return True, excuse
        work, idle = signs.work(), signs.idle()
        if work > 0 and idle > self.stall_timeout:
            return False, f"no progress for {idle:.0f} s with {work} records in flight"
        return True, "ok"

    def ready(self) -> tuple[bool, str]:
        """Whether model and group are there and records are done, and what is missing."""
        signs = self._signs
        if signs is None or self.starting is not None:
            return False, self.starting or "starting"
        if (paused := signs.paused()) is not None:
            return False, paused
        if not signs.joined():
            return False, "waiting for the group to assign partitions"
        return True, "ok"
