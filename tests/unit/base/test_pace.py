import threading

import pytest

from velox.base.waiting import Pace


class Time:
    """A clock and a stop event in one: waiting moves the clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []
        self.stopped = False

    def __call__(self) -> float:
        return self.now

    def wait(self, timeout: float) -> bool:
        self.waits.append(timeout)
        self.now += timeout
        return self.stopped

    def is_set(self) -> bool:
        return self.stopped


def pace(interval: float, time: Time) -> Pace:
    return Pace(interval, time, clock=time)  # type: ignore[arg-type]


def test_events_come_one_an_interval_whatever_each_takes() -> None:
    time = Time()
    each = pace(0.5, time)
    starts = []
    for _ in range(4):
        assert each.wait()
        starts.append(time.now)
        time.now += 0.2
    assert starts == pytest.approx([100.0, 100.5, 101.0, 101.5])


def test_a_late_event_does_not_shift_the_next_ones() -> None:
    time = Time()
    each = pace(0.5, time)
    each.wait()
    time.now += 0.9
    each.wait()
    each.wait()
    assert time.now == pytest.approx(101.0)


def test_a_standstill_is_not_made_up_for() -> None:
    time = Time()
    each = pace(0.1, time)
    each.wait()
    time.now += 1000
    at_once = 0
    while True:
        before = time.now
        each.wait()
        if time.now > before:
            break
        at_once += 1
    assert 9 <= at_once <= 12


def test_no_interval_never_waits() -> None:
    time = Time()
    each = pace(0.0, time)
    assert all(each.wait() for _ in range(100))
    assert time.waits == []


@pytest.mark.parametrize("interval", [0.0, 10.0])
def test_told_to_stop_it_says_so(interval: float) -> None:
    stop = threading.Event()
    each = Pace(interval, stop)
    assert each.wait()
    stop.set()
    assert not each.wait()
