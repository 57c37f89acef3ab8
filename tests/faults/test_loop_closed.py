"""The whole story on real servers, with real images, while each process is killed once.

A model that knows only half of one label runs on a stream. What it is unsure of is kept, a person
labels it in a browser, and a training takes that in. The new model is tried beside
the old one on the stream, earns its place, and takes it. How to run this, and what it prints, is in
docs/review.md.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import MakeScenario
from tests.faults.labelling import KILLED, Labelling
from tests.faults.scenario import Scenario, metric
from tests.faults.sent import DOCUMENT, Sent
from tests.faults.stored import WithReview
from tests.faults.taught import HALF_KNOWN, NAMES, Digits, mixed
from tests.rig.browser import browser
from tests.rig.model import Model
from tests.rig.processes import Child, script
from tests.rig.waiting import eventually

LIMIT_S = 300.0
VERDICTS = 60
RATE = 8.0
TRAINING = {
    "MODEL_ARCH": "shufflenet_v2_x0_5",
    "INPUT_SIZE": "32",
    "INIT_WEIGHTS": "",
    "EPOCHS": "20",
    "AUGMENT": "shift,rotate",
    "LEARNING_RATE": "0.01",
    "HOLD_OUT": "0.3",
    # A few dozen images to test with show no more.
    "MIN_ACCURACY": "0.5",
    "DEVICE": "cpu",
}
SETTINGS: dict[str, Any] = {
    "REVIEW": 1,
    "REVIEW_SHARE": "0.05",
    "REVIEW_PER_HOUR": 100_000,
    "CONFIDENCE_THRESHOLD": "0.95",
    "BATCH_SIZE": 8,
    # However slow a write is, what is stored together is a small part of all.
    "QUEUE_SIZE": 16,
    "MODEL_RELOAD_S": "0.5",
    "SWAP_GATE": 100,
    "DEVICE": "cpu",
}
POINTS = (
    *(("file", 3), ("document", 2), ("review_image", 1)),
    *(("review_document", 2), ("commit", 1)),
)
LEAST_RISE = 0.10


@dataclass
class Story:
    """What all chapters need: the servers, the model's files, and where the images lie."""

    scenario: Scenario
    folder: Path
    photos: Path
    model: Model
    started: float = field(default_factory=time.monotonic)

    @property
    def stored(self) -> WithReview:
        assert isinstance(self.scenario.stored, WithReview)
        return self.scenario.stored

    def train(self, *arguments: str) -> Child:
        """Start a training."""
        return script(
            "train.py",
            arguments=arguments,
            env={
                **TRAINING,
                **self.model.settings(),
                "DATASET_PATH": str(self.photos),
                "MONGO_URI": self.scenario.mongod.uri,
                "DB_NAME": self.scenario.database,
                "STORAGE_PATH": str(self.scenario.images),
            },
            log=self.folder / f"train{'-'.join(arguments)}.log",
        )

    def consumer(self, hooks: dict[str, Any]) -> Child:
        """Start a consumer with the model."""
        hooks = {**hooks, "own_model": True}
        settings = SETTINGS | self.model.settings()
        return self.scenario.consumer(hooks, **settings)

    def account(self) -> None:
        """Wait until all is committed; then every record is accounted for exactly once."""
        oracle = self.scenario.oracle
        oracle.wait_until_caught_up(LIMIT_S)
        oracle.check(files=False)
        oracle.check_kept()

    def tell(self, what: str) -> None:
        """Say what has happened, and when."""
        print(f"{time.monotonic() - self.started:6.1f} s  {what}")


@contextmanager
def stream(scenario: Scenario, records: Iterable[Sent]) -> Iterator[None]:
    """Send records at a steady rate in the background."""
    stop = threading.Event()

    def send() -> None:
        for record in records:
            scenario.sender.send(record)
            if stop.wait(1 / RATE):
                return

    thread = threading.Thread(target=send, name="stream", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        scenario.sender.finish()


def counted(consumer: Child) -> tuple[float, float]:
    """Of the images with a truth, how many a consumer has called right, and how many there are."""
    right = sum(
        metric(consumer, f'velox_predictions_total{{label="{each}",truth="{each}"}}')
        for each in NAMES.values()
    )
    return right, metric(consumer, "velox_predictions_total")


def share(documents: Sequence[dict[str, object]]) -> float:
    """How many of these are called what they are."""
    right = sum(each["predicted_label"] == each["ground_truth"] for each in documents)
    return right / len(documents)


def classified(story: Story, records: Sequence[Sent]) -> Child:
    """Let consumers classify records, each but the last one killed between two of its writes."""
    story.scenario.send(records)
    for point in POINTS:
        victim = story.consumer({"kill_after": point})
        assert victim.wait(LIMIT_S) == KILLED, str(victim)
    last = story.consumer({})
    story.account()
    killed = f"{len(POINTS)} consumers were killed at it"
    story.tell(f"{len(records)} images are classified, and {killed}")
    return last


def labelled(story: Story) -> float:
    """Let a person label while the page is killed three times; the moment of the first verdict."""
    with browser() as window:
        person = Labelling(story.scenario, window, CLASSES_PATH=str(story.model.classes))
        person.come(kill=("before", 5))
        began = time.monotonic()
        while person.saved < 4:
            person.judge()
        person.judge_as_it_dies(written=False)
        person.come(kill=("after", 5))
        while person.saved < 8:
            person.judge()
        person.judge_as_it_dies(written=True)
        person.come()
        while person.saved < VERDICTS:
            person.judge()
        person.kill()
        person.come()
        person.check()
        person.leave()
    story.tell(f"{len(story.stored.verdicts())} verdicts are given, and three pages were killed")
    return began


def learned(story: Story, consumer: Child) -> str:
    """Train on what was said; the digest of the new model, once it has earned its place."""
    training = story.train("--from-review")
    assert training.wait(LIMIT_S) == 0, str(training)
    story.tell(training.wait_for_line(r"verdicts=\d+ images=\d+ judging=\d+ alike=\d+", 1)[0])
    decided = consumer.wait_for_line(r"new model (\w+).* digest=(\w+) (reason=.*)", LIMIT_S)
    assert decided[1] == "taken", decided[0]
    story.tell(f"as a shadow the new model has earned its place: {decided[3]}")
    swapped = consumer.wait_for_line(r"model swapped from=\w+ to=(\w+)", LIMIT_S)
    assert swapped[1] == decided[2]
    return swapped[1]


def live_share(story: Story, consumer: Child, records: Sequence[Sent], model: str) -> float:
    """How many of new images a consumer calls right, by its metrics, which the store confirms."""
    before = counted(consumer)
    known = {each["_id"] for each in story.stored.documents()}
    story.scenario.send(records)
    story.account()
    fresh = [each for each in story.stored.documents() if each["_id"] not in known]
    assert len(fresh) == len(records)
    assert {each["model"] for each in fresh} == {model}
    now = eventually(
        lambda: found if (found := counted(consumer))[1] == before[1] + len(records) else None,
        LIMIT_S,
        lambda: f"{len(records)} more counted: {counted(consumer)}, {before} before",
    )
    live = (now[0] - before[0]) / len(records)
    assert live == pytest.approx(share(fresh))
    return live


@pytest.mark.long
@pytest.mark.timeout(900)
def test_what_people_say_makes_a_better_model_and_nothing_is_lost(
    make_scenario: MakeScenario, tmp_path: Path
) -> None:
    scenario = make_scenario(review=True)
    scenario.sample()
    found = Digits.read(tmp_path / "digits")
    photos = found.taught(tmp_path / "photos")
    story = Story(scenario, tmp_path, photos, Model.within(tmp_path / "model"))
    first = story.train()
    assert first.wait(LIMIT_S) == 0, str(first)
    story.tell(f"a model is trained that knows only half of {HALF_KNOWN!r}")

    before = mixed(found.before, "before")
    half = len(before) // 2
    consumer = classified(story, before[:half])
    with stream(scenario, before[half:]):
        began = labelled(story)
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    documents = story.stored.documents()
    old = share(documents)
    story.tell(f"live accuracy was {old:.1%} of {len(documents)} images")

    trial = (
        Sent(f"trial-{number}", each.value, DOCUMENT, label=each.label, source="desk")
        for number, each in enumerate(itertools.cycle(mixed(found.trial, "trial")))
    )
    with stream(scenario, trial):
        model = learned(story, consumer)
        minutes = (time.monotonic() - began) / 60
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    after = mixed(found.after, "after")
    new = live_share(story, consumer, after, model)
    story.tell(f"live accuracy is {new:.1%} of {len(after)} images")
    story.tell(f"{minutes:.1f} minutes from the first verdict to the better model at work")
    records = len(scenario.oracle.records())
    story.tell(f"{records} records in all: none lost, none there twice, none committed too early")
    assert new >= old + LEAST_RISE
    scenario.stop(consumer)
