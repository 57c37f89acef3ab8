"""To which topic a partition's position belongs."""

from velox.origins import Origins


class Topic:
    """A topic whose identity may be known."""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self.origins = Origins(lambda: self.identity)


def test_a_commit_of_the_same_topic_is_of_this_one() -> None:
    origins = Topic("a").origins
    origins.assign([0], {0: "topic-id=a"})
    assert origins.foreign() == set()


def test_a_commit_of_another_topic_is_foreign_until_it_is_begun_anew() -> None:
    origins = Topic("a").origins
    origins.assign([0, 1], {0: "topic-id=b", 1: "topic-id=a"})
    assert origins.foreign() == {0}
    origins.begin_anew({0})
    assert origins.foreign() == set()
    assert origins.metadata(0) == "topic-id=a"


def test_a_commit_that_names_no_topic_is_of_this_one() -> None:
    origins = Topic("a").origins
    origins.assign([0, 1], {0: "another program's"})
    assert origins.foreign() == set()
    assert [origins.metadata(each) for each in (0, 1)] == ["topic-id=a"] * 2


def test_a_topic_that_changes_makes_all_partitions_foreign() -> None:
    topic = Topic("a")
    topic.origins.assign([0, 1], {})
    assert topic.origins.foreign() == set()
    topic.identity = "b"
    assert topic.origins.foreign() == {0, 1}
    assert topic.origins.metadata(0) == "topic-id=a", "until it is begun anew"


def test_while_the_topic_is_unknown_nothing_is_foreign_and_commits_are_kept() -> None:
    topic = Topic("")
    topic.origins.assign([0, 1], {0: "topic-id=a"})
    assert topic.origins.foreign() == set()
    assert [topic.origins.metadata(each) for each in (0, 1)] == ["topic-id=a", ""]
    topic.identity = "b"
    assert topic.origins.foreign() == {0}
    assert topic.origins.metadata(1) == "topic-id=b"


def test_partitions_without_a_commit_are_of_the_topic_that_was_last_read() -> None:
    """Whoever held them: after a topic's deletion, the group hands them out anew."""
    topic = Topic("a")
    topic.origins.assign([0], {})
    assert topic.origins.foreign() == set()
    topic.origins.forget([0])
    topic.identity = "b"
    assert topic.origins.foreign() == set(), "none is held"
    topic.origins.assign([1], {})
    assert topic.origins.foreign() == {1}


def test_a_partition_that_is_gone_is_forgotten() -> None:
    origins = Topic("a").origins
    origins.assign([0], {0: "topic-id=b"})
    origins.forget([0, 1])
    assert origins.foreign() == set()
    assert origins.metadata(0) == ""
