import threading

from tests.rig.waiting import eventually
from velox.errors import BrokerUnavailable
from velox.topic_watch import TopicWatch

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


def changes(*identities: str | None) -> list[int]:
    """How many changes are known after each look."""
    watch, seen = TopicWatch(Topic(*identities).identity), []
    for _ in identities:
        watch.look()
        seen.append(watch.changes)
    return seen


def test_a_topic_that_stays_is_no_change() -> None:
    assert changes("a", "a", "a") == [0, 0, 0]


def test_each_other_identity_is_a_change() -> None:
    assert changes("a", "b", "b", "c") == [0, 1, 1, 2]


def test_a_topic_that_is_away_in_between_is_no_change_by_itself() -> None:
    assert changes(None, "a", None, "a", None, "b") == [0, 0, 0, 0, 0, 1]


def test_it_looks_until_it_is_closed() -> None:
    watch = TopicWatch(Topic("a", "b").identity, interval=0.001)
    watch.start()
    eventually(lambda: watch.changes == 1, LIMIT_S, "a change noticed")
    watch.close()
    eventually(lambda: not watches(), LIMIT_S, "the end of the thread")


def watches() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == "topic-watch"]
