from tests.unit.fakes import Clock
from velox.consumer.polling.gone_partitions import GRACE_S, GonePartitions


class Topic:
    """A topic whose number of partitions may be known."""

    def __init__(self, count: int | None) -> None:
        self.count = count
        self.clock = Clock()
        self.gone = GonePartitions(lambda: self.count, clock=self.clock)


def test_partitions_beyond_the_topics_are_gone() -> None:
    topic = Topic(2)
    assert topic.gone.among({0, 1, 2, 7}) == {2, 7}
    topic.count = 0
    assert topic.gone.among({0, 1}) == {0, 1}
    topic.count = None
    assert topic.gone.among({0, 1}) == set()


def test_only_what_lasts_is_overdue_and_then_again_after_as_long() -> None:
    topic = Topic(2)
    seen = []
    for _ in range(5):
        seen.append(topic.gone.overdue({0, 2}))
        topic.clock.advance(GRACE_S / 2)
    assert seen == [False, False, True, False, False]


def test_a_moment_is_not_overdue() -> None:
    topic = Topic(2)
    assert not topic.gone.overdue({2})
    topic.count = 3
    topic.clock.advance(GRACE_S)
    assert not topic.gone.overdue({2})
    topic.count = 2
    topic.clock.advance(GRACE_S)
    assert not topic.gone.overdue({2})
