"""To which topic a partition's position belongs."""

from velox.consumer.polling.topic_identity import Origins


class Topic:
    """A topic whose identity, and that of its cluster, may be known."""

    def __init__(self, identity: str, cluster: str = "") -> None:
        self.identity = identity
        self.cluster = cluster
        self.origins = Origins(lambda: self.identity, lambda: self.cluster)


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


def test_a_commit_names_cluster_and_topic() -> None:
    origins = Topic("a", cluster="north").origins
    origins.assign([0, 1], {0: "cluster-id=north;topic-id=a", 1: "cluster-id=north;topic-id=b"})
    assert origins.foreign() == {1}
    assert origins.metadata(0) == "cluster-id=north;topic-id=a"
    assert origins.metadata(1) == "cluster-id=north;topic-id=b"


def test_a_commit_of_an_earlier_version_names_the_topic_alone() -> None:
    origins = Topic("a", cluster="north").origins
    origins.assign([0, 1], {0: "topic-id=a", 1: "topic-id=b"})
    assert origins.foreign() == {1}
    assert origins.metadata(0) == "cluster-id=north;topic-id=a"


def test_a_commit_of_another_cluster_is_gone_on_from() -> None:
    """Whoever mirrored the topic carried the offset over, and the metadata with it."""
    topic = Topic("b", cluster="south")
    topic.origins.assign([0], {0: "cluster-id=north;topic-id=a"})
    assert topic.origins.foreign() == set()
    assert topic.origins.metadata(0) == "cluster-id=south;topic-id=b"
    topic.identity = "c"
    assert topic.origins.foreign() == {0}, "from now on it is as any other"


def test_while_a_commit_is_not_known_nothing_may_be_committed() -> None:
    topic = Topic("b")
    topic.origins.ask([0])
    assert topic.origins.foreign() == set()
    assert topic.origins.metadata(0) is None
    topic.origins.assign([0], {0: "topic-id=a"})
    assert topic.origins.foreign() == {0}
    topic.origins.begin_anew({0})
    assert topic.origins.metadata(0) == "topic-id=b"


def test_what_others_wrote_into_a_commit_is_no_origin() -> None:
    origins = Topic("a").origins
    origins.assign([0, 1, 2], {0: "=;;=", 1: "cluster-id=x", 2: "topic-id="})
    assert origins.foreign() == set()
