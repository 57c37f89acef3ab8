"""A new model and two consumers that share a volume: who tries it, and what becomes of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.unit.consumer.shadow.stand_ins import Other, batch, shown
from tests.unit.fakes import Clock, FakeEngine, candidate, value
from velox.base.candidates import Judged
from velox.base.errors import CheckpointError, EngineOutOfMemory, StoreRefuses, StoreUnavailable
from velox.base.records import Outcome
from velox.base.waiting import Stopped
from velox.consumer.shadow import judged as judged_module
from velox.consumer.shadow.comparison import Shadow
from velox.consumer.shadow.gate import Gate
from velox.consumer.shadow.judged import JudgedImages
from velox.consumer.shadow.lane import Lane
from velox.consumer.shadow.rulings import Rulings, State
from velox.consumer.shadow.trial import IDLE_S, Making, Trial
from velox.consumer.sources.rules import NO_RULES
from velox.consumer.stages.decider import Decider
from velox.consumer.stages.decoder import Decoder
from velox.consumer.stages.model_slot import ModelSlot
from velox.models.description import digest
from velox.models.files import ModelFiles
from velox.monitoring.metrics import Metrics

IMAGES = 4
OLD, SAME, BAD, OOM = b"old", b"same", b"bad", b"out of memory"
# Decides every image otherwise.
OTHERWISE = b"otherwise"


class Replica:
    """One consumer: its model in use, its lane and its gate."""

    def __init__(self, folder: Path, decoder: Decoder, judged: JudgedImages | None = None) -> None:
        self.path = folder / "model.pth"
        self.metrics = Metrics()
        self.made: list[Other] = []
        self.slot = ModelSlot(self._engine(OLD), self.metrics)
        self.lane = Lane(self.metrics.shadow)
        self.decoder = decoder
        self.clock = Clock()
        self.rulings = Rulings(folder / "shared", self.path, "group")
        making = Making(
            load=self._load,
            engine_of=lambda checkpoint: self._engine(vars(checkpoint)["content"]),
            kept_engine=lambda model, _classes: self._engine(model.read_bytes()),
            shadow_of=self._shadow,
        )
        self.trial = Trial(self.rulings, self.lane, making, judged, self.clock)
        self.gate = Gate(
            self.slot,
            files=ModelFiles(self.path),
            making=making,
            rulings=self.rulings,
            trial=self.trial,
            share=0.95,
            metrics=self.metrics,
            interval=10.0,
            wall_clock=lambda: 1_700_000_000.0,
        )

    def _load(self) -> Any:
        content = self.path.read_bytes()
        if content == BAD:
            raise CheckpointError(f"{self.path} is broken")
        return SimpleNamespace(content=content, digest=digest(content), labels=FakeEngine.labels)

    def _engine(self, content: bytes) -> Any:
        if content == OOM:
            raise EngineOutOfMemory("no memory")
        engine = Other(wrong=range(100) if content == OTHERWISE else ())
        engine.digest = digest(content)
        self.made.append(engine)
        return engine

    def _shadow(self, engine: Any, beside: str) -> Shadow:
        return Shadow(
            engine,
            decide=Decider(),
            decoder=self.decoder,
            metrics=self.metrics.shadow,
            beside=beside,
            most=IMAGES,
        )

    @property
    def in_use(self) -> str:
        return self.slot.current.engine.digest

    def see(self, *numbers: int, **headers: bytes) -> None:
        """Images come: the lane sees them at once."""
        made = batch(numbers or range(91, 91 + IMAGES), sources=NO_RULES, **headers)
        made.predictor = self.slot.current
        self.lane.offered += len(made.predictions)
        if self.lane.shadow is not None:
            self.lane.shadow.see(shown(made))

    def state(self) -> str:
        (family,) = self.metrics.shadow.gate.collect()
        (found,) = [each.labels["state"] for each in family.samples if each.value]
        return found

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.gate.look()


def put(replica: Replica, content: bytes) -> None:
    new = replica.path.with_suffix(".new")
    new.write_bytes(content)
    os.replace(new, replica.path)


@pytest.fixture
def replica(tmp_path: Path, decoder: Decoder) -> Replica:
    (tmp_path / "model.pth").write_bytes(OLD)
    made = Replica(tmp_path, decoder)
    made.look(2)
    return made


@pytest.fixture
def other(replica: Replica, tmp_path: Path, decoder: Decoder) -> Replica:
    made = Replica(tmp_path, decoder)
    made.look(2)
    return made


def test_the_first_model_is_written_down_and_copied(replica: Replica) -> None:
    assert replica.rulings.read() == State(digest(OLD))
    assert replica.rulings.place(digest(OLD))[0].read_bytes() == OLD
    assert replica.state() == "idle"


def test_a_model_that_decides_as_before_takes_over_once_it_has_seen_enough(
    replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    put(replica, SAME)
    replica.look()
    assert (replica.state(), replica.in_use) == ("trying", digest(OLD))
    replica.see(91, 92)
    replica.look()
    assert replica.in_use == digest(OLD)
    replica.see(93, 94)
    with caplog.at_level("INFO"):
        replica.look(2)
    assert (replica.state(), replica.in_use) == ("idle", digest(SAME))
    assert replica.made[-1].closed == 0
    assert len(replica.made) == 2, "what was tried is what runs"
    assert replica.made[0].closed == 1
    assert "new model taken digest=" in caplog.text
    assert "images=4 agreed=4" in caplog.text
    assert value(replica.metrics, "velox_gate_decisions_total", decision="taken") == 1
    state = replica.rulings.read()
    assert state is not None
    assert state.in_use == digest(SAME)
    assert state.rulings[-1].figures["agreed"] == 4


def test_a_model_that_decides_otherwise_is_refused_and_not_tried_again_until_it_changes(
    replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    put(replica, OTHERWISE)
    replica.look()
    replica.see()
    replica.look(2)
    assert (replica.state(), replica.in_use) == ("refused", digest(OLD))
    assert replica.made[-1].closed == 1
    assert "new model refused, keeping the old one" in caplog.text
    assert "nothing tells which of the two is right" in caplog.text
    assert replica.path.read_bytes() == OTHERWISE, "its file stays"
    # The same file once more, and another look or two.
    put(replica, OTHERWISE)
    replica.look(3)
    assert len(replica.made) == 2
    assert value(replica.metrics, "velox_gate_decisions_total", decision="refused") == 1
    put(replica, SAME)
    replica.look()
    assert replica.state() == "trying"


def test_where_the_truth_is_known_it_decides(replica: Replica) -> None:
    """The model in use calls odd numbers green squares; here they are not."""
    put(replica, OTHERWISE)
    replica.look()
    for _ in range(100):
        replica.trial.shadow._most = 400  # type: ignore[union-attr]
        replica.see(91, 93, 95, 97, label=b"red_circle")
    replica.look(2)
    assert replica.in_use == digest(OTHERWISE)


def test_another_consumer_follows_what_one_decides(replica: Replica, other: Replica) -> None:
    put(replica, SAME)
    replica.look()
    other.see()
    other.look()
    assert (replica.state(), other.state()) == ("trying", "waiting")
    assert len(other.made) == 1, "it tries nothing itself"
    replica.see()
    replica.look()
    other.look(2)
    assert replica.in_use == other.in_use == digest(SAME)
    assert other.state() == "idle"
    assert value(other.metrics, "velox_gate_decisions_total", decision="taken") == 0


def test_a_refusal_holds_for_all(replica: Replica, other: Replica) -> None:
    put(replica, OTHERWISE)
    replica.look()
    other.look()
    replica.see()
    replica.look()
    other.look()
    assert replica.in_use == other.in_use == digest(OLD)
    assert other.state() == "refused"
    assert len(other.made) == 1


def test_one_that_dies_is_replaced(replica: Replica, other: Replica) -> None:
    put(replica, SAME)
    replica.look()
    other.look()
    # What the system does for a process that dies.
    replica.rulings.release()
    other.look()
    assert other.state() == "trying"
    other.see()
    other.look(2)
    assert other.in_use == digest(SAME)


def test_one_that_gets_no_images_lets_another_decide_and_may_go_on_later(
    replica: Replica, other: Replica
) -> None:
    put(replica, SAME)
    replica.look()
    replica.see(91, 92, 93)
    replica.look()
    replica.clock.advance(IDLE_S + 1)
    replica.look()
    assert replica.state() == "waiting"
    replica.see(94)
    replica.look(2)
    assert replica.in_use == digest(SAME), "what it had seen counts"
    other.look()
    assert other.in_use == digest(SAME)


def test_one_that_has_seen_enough_decides_however_long_no_image_came(replica: Replica) -> None:
    put(replica, SAME)
    replica.look()
    replica.see()
    replica.clock.advance(IDLE_S + 1)
    replica.look(2)
    assert replica.in_use == digest(SAME)


def test_a_newer_model_takes_the_place_of_one_that_is_tried(replica: Replica) -> None:
    put(replica, OTHERWISE)
    replica.look()
    tried = replica.made[-1]
    replica.see(91)
    put(replica, SAME)
    replica.look()
    assert tried.closed == 1
    replica.see()
    replica.look(2)
    assert replica.in_use == digest(SAME)


def test_whoever_tries_a_model_tries_the_newer_one_too_and_nobody_else_does(
    replica: Replica, other: Replica
) -> None:
    put(replica, OTHERWISE)
    replica.look()
    put(replica, SAME)
    replica.look()
    other.look()
    assert (replica.state(), other.state()) == ("trying", "waiting")
    assert len(other.made) == 1


def test_the_old_model_again_ends_a_trial(replica: Replica) -> None:
    put(replica, OTHERWISE)
    replica.look()
    put(replica, OLD)
    replica.look()
    assert (replica.state(), replica.lane.trial) == ("idle", None)
    assert replica.made[-1].closed == 1


def test_a_broken_file_is_refused_as_without_a_gate(replica: Replica) -> None:
    put(replica, BAD)
    replica.look(3)
    assert replica.in_use == digest(OLD)
    assert value(replica.metrics, "velox_model_refusals_total") == 1
    put(replica, SAME)
    replica.look()
    assert replica.state() == "trying"


@pytest.mark.parametrize("when", ["at once", "at work"])
def test_one_without_memory_ends_alone_and_is_tried_again(replica: Replica, when: str) -> None:
    put(replica, OOM if when == "at once" else SAME)
    replica.look()
    if when == "at work":
        replica.made[-1].capacity = 0
        replica.see()
        replica.look()
        assert replica.made[-1].closed == 1
    assert replica.lane.trial is None
    assert replica.in_use == digest(OLD)
    assert value(replica.metrics, "velox_model_refusals_total") == 1
    replica._engine = lambda content: Replica._engine(replica, SAME)  # type: ignore[method-assign]
    replica.look()
    assert replica.lane.trial is not None


def test_one_that_fails_again_and_again_is_given_up(replica: Replica) -> None:
    put(replica, SAME)
    for _ in range(30):
        replica.look()
        if replica.trial.shadow is not None:
            replica.made[-1].broken = True
            replica.see()
    assert len(replica.made) == 1 + 3
    assert replica.in_use == digest(OLD)


def test_where_everything_written_down_is_removed_what_lies_there_is_used(
    replica: Replica, other: Replica
) -> None:
    put(replica, OTHERWISE)
    replica.look()
    replica.see()
    replica.look(2)
    other.look()
    shutil.rmtree(replica.rulings.folder)
    replica.look(2)
    other.look(2)
    assert replica.in_use == other.in_use == digest(OTHERWISE)
    assert replica.state() == other.state() == "idle"


def test_a_damaged_file_lets_no_refused_model_in(replica: Replica, other: Replica) -> None:
    put(replica, OTHERWISE)
    replica.look()
    replica.see()
    replica.look(2)
    other.look()
    (replica.rulings.folder / "rulings.json").write_bytes(b"no rulings")
    replica.look(2)
    other.look(2)
    assert replica.in_use == other.in_use == digest(OLD)
    assert replica.rulings.read() == State(digest(OLD))
    assert (replica.state(), other.state()) == ("trying", "waiting")


def test_while_rulings_cannot_be_read_they_hold(
    replica: Replica, other: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    put(replica, OTHERWISE)
    replica.look()
    replica.see()
    replica.look(2)
    file = replica.rulings.folder / "rulings.json"
    aside = file.with_suffix(".aside")
    file.rename(aside)
    file.mkdir()
    other.look(2)
    assert other.in_use == digest(OLD)
    assert "rulings.json cannot be read: Is a directory" in caplog.text
    file.rmdir()
    aside.rename(file)
    other.look(2)
    assert (other.state(), other.in_use) == ("refused", digest(OLD))


def test_where_nothing_can_be_written_no_model_is_tried(
    tmp_path: Path, decoder: Decoder, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "model.pth").write_bytes(OLD)
    (tmp_path / "shared").write_text("a file where a folder is to be")
    replica = Replica(tmp_path, decoder)
    replica.look()
    put(replica, SAME)
    replica.look(3)
    assert replica.in_use == digest(OLD)
    assert caplog.text.count("no new model is tried as long as nothing can be written") == 1
    (tmp_path / "shared").unlink()
    replica.look(2)
    assert replica.state() == "trying"


def test_a_model_in_use_that_is_lost_is_not_waited_for(replica: Replica, other: Replica) -> None:
    """Another one has started with what lies at MODEL_PATH, because the copy was gone."""
    put(replica, SAME)
    for each in replica.rulings.place(digest(OLD)):
        each.unlink()
    other.slot.swap(other._engine(SAME))
    other.look(2)
    assert other.rulings.read() == State(digest(SAME))
    replica.look()
    assert replica.in_use == digest(SAME)


class Store:
    """Images with verdicts: even numbers are called red circles, and are green squares."""

    def __init__(self, count: int, model: str, error: Exception | None = None) -> None:
        self.error = error
        self.found = [
            Judged(
                _of_model(number, model, random=number % 3 != 1),
                None if number % 3 == 2 else "green_square",
                "ann",
                "2026-01-31T12:00:00.000Z",
            )
            for number in range(count)
        ]

    def judged(self) -> Iterator[Judged]:
        if self.error is not None:
            raise self.error
        yield from self.found

    def image(self, identity: str) -> bytes | None:
        return b"92"


def _of_model(number: int, model: str, *, random: bool) -> Any:
    made = candidate(number, random=random)
    object.__setattr__(made, "model", model)
    object.__setattr__(made, "outcome", Outcome.MATCH)
    return made


class Stop:
    """Is never set, and waits for nothing."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return False


def judged_by(store: Store, decoder: Decoder, stop: Stop) -> JudgedImages:
    @contextmanager
    def opened() -> Iterator[Store]:
        yield store

    return JudgedImages(
        opened=opened,
        decoder=decoder,
        sources=lambda: NO_RULES,
        stop=stop,  # type: ignore[arg-type]
    )


def tried_with(store: Store, tmp_path: Path, decoder: Decoder, content: bytes) -> Replica:
    (tmp_path / "model.pth").write_bytes(OLD)
    replica = Replica(tmp_path, decoder, judged_by(store, decoder, Stop()))
    replica.look(2)
    put(replica, content)
    replica.look()
    replica.see()
    replica.look(2)
    return replica


def test_verdicts_on_the_random_share_of_the_model_in_use_decide(
    tmp_path: Path, decoder: Decoder
) -> None:
    replica = tried_with(Store(600, digest(OLD)), tmp_path, decoder, OTHERWISE)
    assert replica.in_use == digest(OTHERWISE)
    state = replica.rulings.read()
    assert state is not None
    figures = state.rulings[-1].figures
    # Of three one is not of the random share, and of one nobody can tell.
    assert (figures["shadow"], figures["images"]) == (200, IMAGES)


def test_verdicts_on_another_model_s_share_decide_nothing(tmp_path: Path, decoder: Decoder) -> None:
    replica = tried_with(Store(600, "another"), tmp_path, decoder, OTHERWISE)
    assert replica.in_use == digest(OLD)


@pytest.mark.parametrize(
    ("error", "state"), [(StoreUnavailable("away"), "trying"), (StoreRefuses("a view"), "refused")]
)
def test_verdicts_that_are_away_are_waited_for_and_those_that_are_refused_are_not(
    tmp_path: Path, decoder: Decoder, error: Exception, state: str
) -> None:
    store = Store(600, digest(OLD), error)
    replica = tried_with(store, tmp_path, decoder, OTHERWISE)
    assert (replica.state(), replica.in_use) == (state, digest(OLD))
    store.error = None
    replica.look(2)
    assert (replica.in_use == digest(OTHERWISE)) == (state == "trying")


def test_the_end_of_the_process_is_no_fault_of_the_model(
    tmp_path: Path, decoder: Decoder, caplog: pytest.LogCaptureFixture
) -> None:
    replica = tried_with(Store(600, digest(OLD), Stopped("told to")), tmp_path, decoder, OTHERWISE)
    assert replica.in_use == digest(OLD)
    assert "refused" not in caplog.text
    assert "not loaded" not in caplog.text
    assert value(replica.metrics, "velox_model_refusals_total") == 0


def test_images_with_verdicts_are_looked_at_as_slowly_as_the_others(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, times = Stop(), iter(np.arange(0, 100, 0.5))
    monkeypatch.setattr(judged_module, "time", SimpleNamespace(monotonic=lambda: next(times)))
    judged = judged_by(Store(27, "old"), decoder, stop)
    shadow = Shadow(
        Other(),
        decide=Decider(),
        decoder=decoder,
        metrics=Metrics().shadow,
    )
    figures = judged.figures(shadow, "old")
    assert figures.truths == 9
    assert stop.waits == [pytest.approx(0.5 * 19)] * 2
