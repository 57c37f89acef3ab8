import threading
from collections.abc import Callable, Collection
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from tests.rig.waiting import eventually
from velox.consumer.polling import commit_lookup
from velox.consumer.polling.commit_lookup import CommitLookup, Commits, told_of

LIMIT_S = 20.0


class Coordinator:
    """Answers when told to, with the offset 30 of every partition it knows."""

    def __init__(self) -> None:
        self.knows: set[int] = set()
        self.asked: list[set[int]] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def commits(self, numbers: Collection[int]) -> Commits:
        self.asked.append(set(numbers))
        self.meanwhile()
        if not self.knows:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return {each: TopicPartition("t", each, 30) for each in self.knows & set(numbers)}


@pytest.fixture
def coordinator(monkeypatch: pytest.MonkeyPatch) -> Coordinator:
    monkeypatch.setattr(commit_lookup, "EVERY_S", 0.001)
    return Coordinator()


def told(lookup: CommitLookup) -> set[int]:
    return set(eventually(lookup.told, LIMIT_S, "an answer"))


def test_it_asks_until_every_partition_is_told(coordinator: Coordinator) -> None:
    lookup = CommitLookup(coordinator.commits)
    lookup.want({0: 1, 1: 2})
    eventually(lambda: len(coordinator.asked) > 2, LIMIT_S, "more than two questions")
    assert lookup.told() == {}
    coordinator.knows = {0}
    assert told(lookup) == {0}
    eventually(lambda: coordinator.asked[-1] == {1}, LIMIT_S, "a question for the other one")
    coordinator.knows = {0, 1}
    assert told(lookup) == {1}
    eventually(lambda: not threads(), LIMIT_S, "the end of its thread")
    lookup.want({2: 3})
    coordinator.knows = {2}
    assert told(lookup) == {2}


def test_an_answer_of_an_earlier_assignment_is_none(coordinator: Coordinator) -> None:
    """Others may have committed in between."""
    lookup = CommitLookup(coordinator.commits)
    coordinator.knows = {0}

    def come_back() -> None:
        if len(coordinator.asked) == 1:
            lookup.forget([0])
            lookup.want({0: 2})

    coordinator.meanwhile = come_back
    lookup.want({0: 1})
    assert told(lookup) == {0}
    assert len(coordinator.asked) == 2


def test_what_is_given_up_is_not_asked_for(coordinator: Coordinator) -> None:
    lookup = CommitLookup(coordinator.commits)
    lookup.want({0: 1})
    lookup.forget([0, 9])
    eventually(lambda: not threads(), LIMIT_S, "the end of its thread")
    lookup.want({1: 1})
    lookup.close()
    eventually(lambda: not threads(), LIMIT_S, "the end of its thread")
    assert lookup.told() == {}


def test_only_an_answer_without_an_error_tells_something() -> None:
    known = SimpleNamespace(partition=0, error=None)
    unstable = SimpleNamespace(partition=1, error=KafkaError(KafkaError.UNSTABLE_OFFSET_COMMIT))
    assert told_of([known, unstable]) == {0: known}  # type: ignore[list-item]


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == "commit-lookup"]
