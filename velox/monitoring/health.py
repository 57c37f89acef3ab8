"""Health: is the process alive (restart it if not), is it ready (count on it if so)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Health:
    """What the two probes look at; parts that are not there yet are None.

    Attributes:
        starting: what the start is waiting for, None once the pipeline runs.
        poll_age: seconds since the poll loop turned.
        poll_age_limit: seconds after which the loop counts as stuck.
        idle: seconds since a record was last finished.
        stall_timeout: seconds without progress, with work to do, that count as a stall.
        work: images in flight plus the lag that is known.
        refusal: why what was done is not accepted, so that it will all be done again.
        excuse: a reason why no progress is possible that a restart would not mend.
        paused: why records that could be done are not, until somebody mends a fault.
        joined: whether the group has given an assignment.
    """

    starting: str | None = "starting"
    poll_age: Callable[[], float] | None = None
    poll_age_limit: float = 60.0
    idle: Callable[[], float] | None = None
    stall_timeout: float = 120.0
    work: Callable[[], int] = lambda: 0
    refusal: Callable[[], str | None] = lambda: None
    excuse: Callable[[], str | None] = lambda: None
    paused: Callable[[], str | None] = lambda: None
    joined: Callable[[], bool] = lambda: False

    def live(self) -> tuple[bool, str]:
        """Whether the process works, and why. A broker or database that is away is no fault."""
        if self.poll_age is None or self.idle is None:
            return True, self.starting or "starting"
        if (age := self.poll_age()) > self.poll_age_limit:
            return False, f"poll loop has not turned for {age:.0f} s"
        if (refusal := self.refusal()) is not None:
            return False, refusal
        if (excuse := self.excuse()) is not None:
            return True, excuse
        work, idle = self.work(), self.idle()
        if work > 0 and idle > self.stall_timeout:
            return False, f"no progress for {idle:.0f} s with {work} records to do"
        return True, "ok"

    def ready(self) -> tuple[bool, str]:
        """Whether model and group are there and records are done, and what is missing."""
        if self.starting is not None:
            return False, self.starting
        if (paused := self.paused()) is not None:
            return False, paused
        if not self.joined():
            return False, "waiting for the consumer group's assignment"
        return True, "ok"
