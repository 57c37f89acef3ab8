"""Kill -9 between an image, its document, the commit and the verdict on it: all are there once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.faults.conftest import MakeScenario
from tests.faults.labelling import KILLED, Labelling
from tests.faults.sent import picture
from tests.faults.stored import WithReview
from tests.rig.browser import browser

IMAGES = 60
CATCH_UP_LIMIT_S = 60.0
# Every second write to the images' collections is of documents, and one batch is written at once.
POINTS = (("review_image", 3), ("review_document", 2), ("commit", 1))
SETTINGS: dict[str, Any] = {
    "REVIEW": 1,
    "REVIEW_PER_HOUR": 100_000,
    "BATCH_SIZE": 8,
    # However slow a write is, what is stored together is a small part of all.
    "QUEUE_SIZE": 16,
}
# No image is a match, and each is worth a look.
UNSURE = {"confidence": 0.5, "seconds_a_batch": 0.05}


def test_whatever_is_killed_each_image_is_kept_and_each_verdict_counts_once(
    make_scenario: MakeScenario, tmp_path: Path
) -> None:
    scenario = make_scenario(review=True)
    scenario.sample()
    scenario.send(picture(number) for number in range(IMAGES))
    for point in POINTS:
        victim = scenario.consumer({"kill_after": point, **UNSURE}, **SETTINGS)
        assert victim.wait(60) == KILLED
    last = scenario.consumer(UNSURE, **SETTINGS)
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check(files=False)
    scenario.oracle.check_kept()
    stored = scenario.stored
    assert isinstance(stored, WithReview)
    assert len(stored.kept()) == IMAGES
    assert stored.matches() == []
    scenario.stop(last)

    with browser() as window:
        person = Labelling(scenario, window)
        person.come(kill=("before", 2))
        said = [person.judge()]
        person.judge_as_it_dies(written=False)
        assert list(stored.verdicts()) == said
        person.come(kill=("after", 2))
        said.append(person.judge())
        person.judge_as_it_dies(written=True)
        person.come()
        said.append(person.judge())
        person.kill()
        assert stored.verdicts().keys() > set(said)
        person.come()
        said += [person.judge() for _ in range(3)]
    person.check()
    assert len(stored.verdicts()) in (len(set(said)), len(set(said)) + 1)
    person.leave()
