"""Periodic: steps in a thread that outlives every error, one at a time."""

from __future__ import annotations

import logging
import threading

import pytest

from velox.base.waiting import Periodic

LIMIT_S = 10


def periodic(step: object, **more: object) -> Periodic:
    return Periodic(
        step,  # type: ignore[arg-type]
        name="periodic",
        log=logging.getLogger("test"),
        what="take a step",
        **{"every": 0.01, **more},  # type: ignore[arg-type]
    )


def test_steps_go_on_after_one_that_failed_and_the_same_error_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    steps: list[int] = []
    enough = threading.Event()

    def step() -> None:
        steps.append(1)
        if len(steps) == 5:
            enough.set()
        raise ValueError("odd")

    looking = periodic(step)
    looking.start()
    assert enough.wait(LIMIT_S)
    looking.close(LIMIT_S)
    assert not looking._thread.is_alive()
    assert [record.getMessage() for record in caplog.records] == [
        "could not take a step, trying again later error='ValueError: odd'"
    ]


@pytest.mark.parametrize("at_once", [True, False])
def test_the_first_step_waits_unless_it_is_wanted_at_once(at_once: bool) -> None:
    taken = threading.Event()
    looking = periodic(taken.set, every=3600, at_once=at_once)
    looking.start()
    assert taken.wait(LIMIT_S if at_once else 0.05) is at_once
    looking.close()


def test_a_step_out_of_turn_waits_for_the_one_under_way() -> None:
    begun, go_on, order = threading.Event(), threading.Event(), []

    def step() -> None:
        begun.set()
        go_on.wait(LIMIT_S)
        order.append(threading.current_thread().name)

    looking = periodic(step, every=3600, at_once=True)
    looking.start()
    assert begun.wait(LIMIT_S)
    second = threading.Thread(target=looking.now, name="second")
    second.start()
    go_on.set()
    second.join(LIMIT_S)
    assert order == ["periodic", "second"]
    looking.close()


def test_what_was_never_started_can_be_closed() -> None:
    periodic(lambda: None).close(1)
