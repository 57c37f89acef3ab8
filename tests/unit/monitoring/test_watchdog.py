"""The watchdog: what stands still ends, what was slow or frozen does not."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing

from tests.rig.manifests import pods
from tests.rig.waiting import eventually
from velox.monitoring.health import Health, VitalSigns
from velox.monitoring.watchdog import EVERY_S, TIMES, Watchdog

LIMIT_S = 60
HANGS = """
import threading
from velox.monitoring.health import Health, VitalSigns
from velox.monitoring.watchdog import Watchdog

def a_call_that_hangs():
    threading.Event().wait()

health = Health()
health.look_at(VitalSigns(poll_age=lambda: 1e9))
Watchdog(health, every=0.01).start()
a_call_that_hangs()
"""


class Watched:
    """A watchdog of a poll loop whose age is set by hand."""

    def __init__(self) -> None:
        self.age = 0.0
        self.ended = 0
        health = Health()
        health.look_at(VitalSigns(poll_age=lambda: self.age))
        self.watchdog = Watchdog(health, end=self.end)

    def end(self) -> None:
        self.ended += 1

    def look(self, times: int) -> None:
        for _ in range(times):
            self.watchdog.look()


def test_what_stands_still_is_ended_once() -> None:
    watched = Watched()
    watched.look(TIMES)
    assert watched.ended == 0
    watched.age = 1e9
    watched.look(TIMES - 1)
    assert watched.ended == 0
    watched.look(2)
    assert watched.ended == 1


def test_what_goes_on_in_time_is_left_alone() -> None:
    watched = Watched()
    for _ in range(3):
        watched.age = 1e9
        watched.look(TIMES - 1)
        watched.age = 0.0
        watched.look(1)
    assert watched.ended == 0


def test_what_starts_is_left_alone() -> None:
    ended: list[int] = []
    watchdog = Watchdog(Health(), end=lambda: ended.append(1))
    for _ in range(2 * TIMES):
        watchdog.look()
    assert ended == []


def test_it_looks_by_itself_until_it_is_closed() -> None:
    looks: list[int] = []

    def age() -> float:
        looks.append(1)
        return 0.0

    health = Health()
    health.look_at(VitalSigns(poll_age=age))
    watchdog = Watchdog(health, every=0.01)
    watchdog.start()
    eventually(lambda: len(looks) > 3, LIMIT_S, "looks", every=0.01)
    watchdog.close()
    seen = len(looks)
    watchdog.close()
    assert len(looks) == seen


def test_it_goes_on_when_a_look_goes_wrong() -> None:
    looks: list[int] = []

    def age() -> float:
        looks.append(1)
        if len(looks) < 3:
            raise RuntimeError("no answer")
        return 1e9

    ended: list[int] = []
    health = Health()
    health.look_at(VitalSigns(poll_age=age))
    with closing(Watchdog(health, every=0.01, end=lambda: ended.append(1))) as watchdog:
        watchdog.start()
        eventually(lambda: ended == [1], LIMIT_S, "the end", every=0.01)


def test_a_process_that_hangs_ends_with_1_and_shows_where_it_hung() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 1
    assert (
        "ending the process so that it is started again reason='the poll loop has been stuck for"
        in done.stderr
    )
    assert "a_call_that_hangs" in done.stderr


def test_it_is_as_patient_as_the_probe_of_kubernetes() -> None:
    for name in ("consumer", "lag"):
        probe = pods()[name].main["livenessProbe"]
        assert (probe["periodSeconds"], probe["failureThreshold"]) == (EVERY_S, TIMES)
