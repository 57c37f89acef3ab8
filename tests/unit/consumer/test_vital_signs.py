from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.fakes import Clock, FakeEngine, record, value
from velox.consumer.polling.ledger import Ledger
from velox.consumer.stages.model_slot import ModelSlot
from velox.consumer.vital_signs import show, vital_signs
from velox.monitoring.health import Health
from velox.monitoring.metrics import Metrics


class Parts:
    """What is watched, with stand-ins for the poller and the recorder."""

    def __init__(self, max_poll_interval: float = 300) -> None:
        self.clock, self.metrics, self.health = Clock(), Metrics(), Health(stall_timeout=120)
        self.ledger = Ledger(max_images=10, max_bytes=1000, clock=self.clock)
        self.engine = FakeEngine()
        self.poller = SimpleNamespace(
            poll_age=lambda: 0.5,
            commit_age=lambda: 3.0,
            known_lag=0,
            joined=True,
            trouble=False,
            reason="",
            refusal=None,
        )
        self.poller.why_away = lambda: self.poller.reason
        self.poller.commit_refusal = lambda limit: self.poller.refusal and f"{limit:g} s"
        self.poller.broker_in_trouble = lambda: self.poller.trouble
        self.recorder = SimpleNamespace(waiting_for=None)
        self.breaker = SimpleNamespace(reason=None)
        self.breaker.paused = lambda: self.breaker.reason
        parts: dict[str, Any] = {
            "poller": self.poller,
            "recorder": self.recorder,
            "breaker": self.breaker,
        }
        self.signs = vital_signs(
            ledger=self.ledger,
            max_poll_interval=max_poll_interval,
            stall_timeout=120,
            **parts,
        )
        self.health.look_at(self.signs)
        show(
            self.metrics,
            health=self.health,
            poller=parts["poller"],
            models=ModelSlot(self.engine, self.metrics),
            max_poll_interval=max_poll_interval,
        )

    def stall(self) -> None:
        self.clock.advance(121)


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_from_now_on_it_is_ready_when_the_group_is_joined(parts: Parts) -> None:
    assert parts.health.ready() == (True, "ok")
    assert value(parts.metrics, "velox_ready") == 1
    parts.poller.joined = False
    assert not parts.health.ready()[0]
    assert value(parts.metrics, "velox_ready") == 0


def test_lag_without_progress_is_a_stall(parts: Parts) -> None:
    parts.stall()
    assert parts.health.live()[0]
    parts.poller.known_lag = 3
    assert parts.health.live() == (False, "no progress for 121 s with 3 records in flight")


def test_images_in_flight_without_progress_are_a_stall(parts: Parts) -> None:
    parts.ledger.admit([record(0)])
    parts.stall()
    assert parts.health.live() == (False, "no progress for 121 s with 1 records in flight")


def test_a_server_that_the_recorder_waits_for_is_an_excuse(parts: Parts) -> None:
    parts.ledger.admit([record(0)])
    parts.stall()
    parts.recorder.waiting_for = "topic image_data-dlt"
    assert parts.health.live() == (True, "waiting for topic image_data-dlt")


def test_records_that_are_held_are_an_excuse_and_make_it_unready(parts: Parts) -> None:
    parts.ledger.admit([record(0)])
    parts.stall()
    parts.breaker.reason = "paused: why"
    assert parts.health.live() == (True, "paused: why")
    assert parts.health.ready() == (False, "paused: why")


def test_a_broker_that_is_away_is_an_excuse_for_lag(parts: Parts) -> None:
    parts.poller.known_lag, parts.poller.trouble = 3, True
    parts.stall()
    assert parts.health.live() == (True, "waiting for the broker")
    parts.poller.reason = "KAFKA_BOOTSTRAP_SERVER=b:1: refused"
    assert parts.health.live() == (True, f"waiting for the broker: {parts.poller.reason}")


def test_refused_commits_count_as_long_after_the_time_of_a_stall(parts: Parts) -> None:
    parts.poller.refusal = "refused"
    assert parts.health.live() == (False, "120 s")


def test_a_broker_that_is_away_is_no_excuse_for_what_is_in_flight(parts: Parts) -> None:
    parts.poller.trouble = True
    parts.ledger.admit([record(0)])
    parts.stall()
    assert not parts.health.live()[0]


@pytest.mark.parametrize(("max_poll_interval", "limit"), [(300, 60), (10, 10)])
def test_a_poll_loop_is_stuck_no_later_than_the_broker_thinks_so(
    max_poll_interval: float, limit: float
) -> None:
    parts = Parts(max_poll_interval)
    assert parts.signs.poll_age_limit == limit
    assert value(parts.metrics, "velox_max_poll_interval_seconds") == max_poll_interval


def test_ages_and_device_memory_are_read_when_asked_for(parts: Parts) -> None:
    assert value(parts.metrics, "velox_poll_age_seconds") == 0.5
    assert value(parts.metrics, "velox_commit_age_seconds") == 3.0
    assert value(parts.metrics, "velox_device_memory_bytes", kind="allocated") == 0


def test_device_memory_is_that_of_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeEngine, "memory", lambda _self: {"allocated": 123})
    assert value(Parts().metrics, "velox_device_memory_bytes", kind="allocated") == 123
