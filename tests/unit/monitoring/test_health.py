from typing import Any

import pytest

from velox.monitoring.health import Health, VitalSigns


def health(**parts: Any) -> Health:
    """The health of a pipeline that runs, has joined and has work; `parts` differ."""
    usual: dict[str, Any] = {
        "poll_age": lambda: 0.1,
        "work": lambda: 5,
        "joined": lambda: True,
    }
    working = Health(stall_timeout=120.0)
    working.look_at(VitalSigns(**{**usual, **parts}))
    return working


def test_while_it_starts_it_lives_and_is_not_ready() -> None:
    starting = Health(starting="waiting for the model")
    assert starting.live() == (True, "waiting for the model")
    assert starting.ready() == (False, "waiting for the model")


def test_running_and_joined_it_lives_and_is_ready() -> None:
    assert health().live() == (True, "ok")
    assert health().ready() == (True, "ok")


def test_without_an_assignment_it_is_not_ready_but_lives() -> None:
    alone = health(joined=lambda: False)
    assert alone.ready() == (False, "waiting for the group to assign partitions")
    assert alone.live()[0]


@pytest.mark.parametrize(("age", "live"), [(60.0, True), (60.1, False)])
def test_a_poll_loop_that_does_not_turn_is_not_alive(age: float, live: bool) -> None:
    assert health(poll_age=lambda: age).live()[0] is live


def test_a_stuck_poll_loop_is_named_and_has_no_excuse() -> None:
    stuck = health(poll_age=lambda: 75.0, excuse=lambda: "waiting for the broker")
    assert stuck.live() == (False, "the poll loop has been stuck for 75 s")


@pytest.mark.parametrize(
    ("idle", "work", "live"), [(120.0, 5, True), (120.1, 5, False), (500.0, 0, True)]
)
def test_work_without_progress_is_a_stall(idle: float, work: int, live: bool) -> None:
    assert health(idle=lambda: idle, work=lambda: work).live()[0] is live


def test_a_stall_is_named() -> None:
    stalled = health(idle=lambda: 130.0, work=lambda: 7)
    assert stalled.live() == (False, "no progress for 130 s with 7 records in flight")


def test_a_stall_that_a_restart_would_not_mend_is_excused_and_said() -> None:
    waiting = health(idle=lambda: 900.0, excuse=lambda: "waiting for mongodb:db")
    assert waiting.live() == (True, "waiting for mongodb:db")


def test_commits_that_are_refused_are_no_outage_and_have_no_excuse() -> None:
    refused = health(refusal=lambda: "commits refused", excuse=lambda: "waiting for mongodb:db")
    assert refused.live() == (False, "commits refused")


def test_while_it_is_paused_it_is_not_ready() -> None:
    assert health(paused=lambda: "paused: why").ready() == (False, "paused: why")
