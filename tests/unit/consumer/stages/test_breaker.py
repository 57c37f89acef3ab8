import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.rig.waiting import eventually
from tests.unit.fakes import Clock, value
from velox.base.errors import (
    DocumentRejected,
    EngineBroken,
    ImageTooLarge,
    StoreUnavailable,
    UndecodableImage,
)
from velox.base.waiting import Stopped
from velox.consumer.stages import breaker
from velox.consumer.stages.breaker import ENGINE_PATIENCE_S, TIMES_AS_LONG, Breaker
from velox.consumer.stages.refusals import LEAST_RECORDS
from velox.monitoring.metrics import Metrics

LIMIT_S = 20.0
PROBE_S = 0.01
RUBBISH, LARGE = UndecodableImage("no image"), ImageTooLarge("too many pixels")


class Stage:
    """A stage that records come to, and a breaker before its dead letters.

    Attributes:
        refuses: why it refuses even what is known to be good, None if it takes it.
        asked: how often that was tried.
        at_probe: happens each time.
    """

    def __init__(self, share: float = 0.5, name: str = "decode") -> None:
        self.metrics, self.abort, self.clock = Metrics(), threading.Event(), Clock()
        self.breaker = Breaker(
            share=share, metrics=self.metrics, abort=self.abort, clock=self.clock
        )
        self.name = name
        self.refuses: Exception | None = None
        self.asked = 0
        self.at_probe: Callable[[], None] = lambda: None

    def probe(self) -> Exception | None:
        self.asked += 1
        self.clock.advance(PROBE_S)
        self.at_probe()
        return self.refuses

    def batch(self, good: int, *bad: Exception, then: Sequence[Exception] | None = None) -> int:
        """One batch; gives how many dead letters came of it.

        Args:
            good: records that are taken.
            bad: why the others are refused.
            then: the same from the second attempt on, when the fault is mended.
        """
        first = True

        def attempt() -> Sequence[Exception]:
            nonlocal first
            if first or then is None:
                first = False
                return bad
            self.refuses = None
            return then

        left = self.breaker.until_taken(
            self.name,
            attempt,
            told=lambda errors: (good + len(bad), errors),
            probe=self.probe,
        )
        return len(left)

    def many(self, batches: int, good: int, *bad: Exception) -> int:
        return sum(self.batch(good, *bad) for _ in range(batches))

    def count(self, name: str, **labels: str) -> float | None:
        return value(self.metrics, name, stage=self.name, **labels)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "LONGEST_PAUSE_S", 0.001)


def mended_at(stage: Stage, probes: int) -> None:
    """Let the fault go away at so many probes."""

    def look() -> None:
        if stage.asked >= probes:
            stage.refuses = None

    stage.at_probe = look


def test_before_a_hundred_records_nobody_is_suspected(stage: Stage) -> None:
    stage.refuses = RUBBISH
    assert stage.many(LEAST_RECORDS - 1, 0, RUBBISH) == LEAST_RECORDS - 1
    assert stage.asked == 0
    assert stage.breaker.paused() is None


@pytest.mark.parametrize("size", [1, 8, 99, 100, 512])
def test_a_stage_that_refuses_everything_costs_less_than_a_hundred(size: int) -> None:
    stage = Stage()
    stage.refuses = LARGE
    dead = 0
    while not stage.asked:
        stage.at_probe = stage.abort.set
        try:
            dead += stage.batch(0, *[LARGE] * size)
        except Stopped:
            break
    assert stage.asked == 1
    assert dead < LEAST_RECORDS


def test_half_is_not_most(stage: Stage) -> None:
    stage.refuses = RUBBISH
    stage.many(100, 1, RUBBISH)
    assert stage.asked == 0


def test_what_was_refused_long_ago_does_not_count(stage: Stage) -> None:
    stage.many(99, 0, RUBBISH)
    stage.many(10, 10)
    stage.refuses = RUBBISH
    stage.many(5, 9, RUBBISH)
    assert stage.asked == 0


def test_bad_records_go_on_to_the_dead_letters_for_as_long_as_ours_pass(stage: Stage) -> None:
    assert stage.many(250, 0, *[RUBBISH] * 8) == 2000
    assert stage.count("velox_breaker_probes_total", outcome="passed") == stage.asked > 0
    assert stage.count("velox_breaker_probes_total", outcome="refused") == 0
    assert stage.breaker.paused() is None


def test_probes_take_little_of_the_time(stage: Stage) -> None:
    began = stage.clock.now
    for _ in range(2000):
        stage.batch(0, *[RUBBISH] * 8)
        stage.clock.advance(0.001)
    assert stage.asked > 1
    spent = stage.asked * PROBE_S
    assert spent <= (stage.clock.now - began) / TIMES_AS_LONG


def test_the_batch_is_tried_again_until_ours_passes(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.many(12, 0, *[LARGE] * 8)
    stage.refuses = LARGE
    mended_at(stage, probes=5)
    seen: list[Any] = []
    look = stage.at_probe

    def at_probe() -> None:
        seen.append((stage.breaker.paused(), stage.count("velox_breaker_open")))
        look()

    stage.at_probe = at_probe
    assert stage.batch(0, *[LARGE] * 8) == 8, "they are the records' fault by then"
    assert seen[0] == (None, 0)
    why = "paused: decode refuses even what is known to be good: ImageTooLarge: too many pixels"
    assert seen[1:] == [(why, 1)] * 4
    assert (stage.breaker.paused(), stage.count("velox_breaker_open")) == (None, 0)
    assert stage.count("velox_breaker_probes_total", outcome="refused") == 4
    lines = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert len([each for each in lines if each.startswith("breaker open")]) == 1
    assert len([each for each in lines if each.startswith("breaker closed")]) == 1


def test_a_held_batch_is_told_of_now_and_then(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.refuses = LARGE

    def look() -> None:
        stage.clock.advance(3)
        if stage.asked == 100:
            stage.refuses = None

    stage.at_probe = look
    stage.batch(0, *[LARGE] * 100)
    lines = [each.getMessage() for each in caplog.records]
    told = [each for each in lines if each.startswith("breaker still open stage=decode seconds=")]
    assert 8 <= len(told) <= 10, "once in 30 s of 300"


def test_what_is_taken_at_a_later_attempt_is_no_dead_letter(stage: Stage) -> None:
    stage.many(12, 0, *[LARGE] * 8)
    stage.refuses = LARGE
    assert stage.batch(0, *[LARGE] * 100, then=[RUBBISH]) == 1


def test_a_fault_that_ends_between_an_attempt_and_its_probe_costs_no_record(stage: Stage) -> None:
    stage.many(12, 0, *[LARGE] * 8)
    stage.refuses = LARGE
    mended_at(stage, probes=3)
    tried: list[Exception | None] = []

    def attempt() -> Sequence[Exception]:
        tried.append(stage.refuses)
        return [] if stage.refuses is None else [stage.refuses] * 8

    left = stage.breaker.until_taken(
        stage.name, attempt, told=lambda errors: (8, errors), probe=stage.probe
    )
    assert left == []
    assert tried == [LARGE, LARGE, LARGE, None]


def test_a_fault_that_comes_and_goes_costs_no_more_records(stage: Stage) -> None:
    dead = 0
    for _ in range(20):
        for _ in range(15):
            stage.refuses = LARGE
            dead += stage.batch(0, *[LARGE] * 8, then=[])
            stage.clock.advance(1)
        stage.refuses = None
        stage.many(50, 8)
    assert dead < LEAST_RECORDS


def test_a_judge_that_is_refused_without_the_fault_too_stays_one_in_need_alone(
    stage: Stage,
) -> None:
    stage.refuses = LARGE
    calls = iter([[LARGE] * 100, []])
    stage.breaker.until_taken(
        "decode", lambda: next(calls), told=lambda errors: (100, errors), probe=stage.probe
    )
    stage.many(2, 100)
    assert stage.batch(99, LARGE) == 1


def test_another_reason_than_ours_is_the_records_own(stage: Stage) -> None:
    stage.refuses = LARGE
    assert stage.many(100, 0, *[RUBBISH] * 8) == 800


def test_whether_ours_passes_may_be_unknown_for_now(stage: Stage) -> None:
    stage = Stage(name="store")
    answers: list[Exception | None] = [StoreUnavailable("away"), StoreUnavailable("away"), None]

    def probe() -> Exception | None:
        stage.clock.advance(PROBE_S)
        answer = answers.pop(0)
        if answer is not None:
            raise answer
        return None

    stage.probe = probe  # type: ignore[method-assign]
    refused = [DocumentRejected("error 121")] * 100
    assert stage.batch(0, *refused) == 100
    assert answers == []


def test_switched_off_it_asks_nothing() -> None:
    stage = Stage(share=1)
    stage.refuses = RUBBISH
    assert stage.many(500, 0, RUBBISH) == 500
    assert stage.asked == 0


def test_each_stage_is_counted_alone(stage: Stage) -> None:
    stage.many(99, 0, RUBBISH)
    stage.name, stage.refuses = "store", RUBBISH
    stage.many(99, 0, RUBBISH)
    assert stage.asked == 0


def test_an_end_does_not_wait_for_a_held_batch(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "LONGEST_PAUSE_S", 1000.0)
    stage.refuses = LARGE
    ended: list[type[Exception]] = []

    def run() -> None:
        try:
            stage.batch(0, *[LARGE] * 100)
        except Stopped as error:
            ended.append(type(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    eventually(lambda: stage.breaker.paused() is not None, LIMIT_S, "a held batch")
    stage.abort.set()
    thread.join(LIMIT_S)
    assert ended == [Stopped]


def broken(stage: Stage, times: float, seconds: float = 1.0) -> str:
    """A model that fails on any image so many times, a second apart."""
    failures = 0

    def attempt() -> str:
        nonlocal failures
        stage.clock.advance(seconds)
        if failures < times:
            failures += 1
            raise EngineBroken("no memory for a single image")
        return "predicted"

    return stage.breaker.until_taken("infer", attempt, told=lambda _: (8, []), probe=lambda: None)


def test_a_model_that_fails_on_any_image_is_tried_for_a_while() -> None:
    stage = Stage(name="infer")
    assert broken(stage, times=10) == "predicted"
    assert stage.breaker.paused() is None


def test_a_device_that_stays_lost_ends_the_process() -> None:
    stage = Stage(name="infer")
    began = stage.clock.now
    with pytest.raises(EngineBroken, match="no memory"):
        broken(stage, times=float("inf"))
    assert ENGINE_PATIENCE_S < stage.clock.now - began < ENGINE_PATIENCE_S + 5


def test_switched_off_a_broken_model_ends_the_process_at_once() -> None:
    with pytest.raises(EngineBroken):
        broken(Stage(share=1, name="infer"), times=1)


def test_threads_may_come_at_the_same_time(stage: Stage) -> None:
    threads = [
        threading.Thread(target=stage.many, args=(500, 1, RUBBISH, RUBBISH)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert not any(thread.is_alive() for thread in threads)
    stage.refuses = RUBBISH
    stage.clock.advance(1000)
    stage.at_probe = stage.abort.set
    with pytest.raises(Stopped):
        stage.batch(0, RUBBISH)
