import threading

import pytest

from tests.rig.waiting import eventually
from velox.base.errors import BrokerUnavailable
from velox.consumer.polling.topic_identity import TopicWatch

LIMIT_S = 20.0


class Topic:
    """A topic whose identity is told in turn, or is not known."""

    def __init__(self, *identities: str | None) -> None:
        self.identities = list(identities)

    def identity(self) -> str:
        found = self.identities.pop(0) if len(self.identities) > 1 else self.identities[0]
        if found is None:
            raise BrokerUnavailable("no such topic")
        return found


def known(*identities: str | None) -> list[str]:
    """What is known after each look."""
    watch, seen = TopicWatch(Topic(*identities).identity), []
    for _ in identities:
        watch.look()
        seen.append(watch.known)
    return seen


def test_each_look_may_find_another_topic() -> None:
    assert known("a", "a", "b", "c") == ["a", "a", "b", "c"]


def test_what_is_known_stays_while_the_broker_does_not_say() -> None:
    assert known(None, "a", None, "b") == ["", "a", "a", "b"]


def test_it_counts_the_partitions_also_of_a_topic_that_is_gone() -> None:
    counts = [3, 0]
    seen: list[tuple[int | None, str]] = []
    watch = TopicWatch(Topic("a", None).identity, partitions=lambda: counts.pop(0))
    while len(seen) < 3:
        seen.append((watch.count, watch.known))
        if counts:
            watch.look()
    assert seen == [(None, ""), (3, "a"), (0, "a")]


def test_an_old_number_of_partitions_is_none() -> None:
    counts: list[int] = [3]

    def partitions() -> int:
        if not counts:
            raise BrokerUnavailable("away")
        return counts.pop()

    watch = TopicWatch(Topic("a").identity, partitions=partitions)
    watch.look()
    watch.look()
    assert (watch.known, watch.count) == ("a", None)


def test_a_late_answer_does_not_replace_a_later_one() -> None:
    asked, answer = threading.Event(), threading.Event()
    answers = iter(("old", "new"))

    def identity() -> str:
        found = next(answers)
        if found == "old":
            asked.set()
            answer.wait(LIMIT_S)
        return found

    watch = TopicWatch(identity)
    looks = [threading.Thread(target=watch.look) for _ in range(2)]
    looks[0].start()
    asked.wait(LIMIT_S)
    looks[1].start()
    answer.set()
    for look in looks:
        look.join(LIMIT_S)
    assert watch.known == "new"


def test_it_looks_until_it_is_closed() -> None:
    watch = TopicWatch(Topic("a", "b").identity, interval=0.001)
    watch.start()
    eventually(lambda: watch.known == "b", LIMIT_S, "a change noticed")
    watch.close()
    eventually(lambda: not watches(), LIMIT_S, "the end of the thread")


def test_it_survives_every_error_and_says_it_once(caplog: pytest.LogCaptureFixture) -> None:
    looks = 0

    def identity() -> str:
        nonlocal looks
        looks += 1
        if looks < 5:
            raise RuntimeError("out of threads")
        return "a"

    watch = TopicWatch(identity, interval=0.001)
    watch.look()
    watch.start()
    eventually(lambda: watch.known == "a", LIMIT_S, "a look that goes well")
    watch.close()
    assert caplog.text.count("RuntimeError: out of threads") == 1


def watches() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == "topic-watch"]
