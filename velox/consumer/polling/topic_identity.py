"""Which topic it is, and to which the positions belong: this one, or one that had its name before.

The classic protocol knows topics by name alone. A consumer that stood at offset 30 of a topic reads
the one that replaced it from offset 30, once it is that long, and its first records would be lost
without a trace. Brokers give each topic an id of its own, so that is looked at (`TopicWatch`).

Offsets say nothing about it, so each commit carries the identity of cluster and topic as its
metadata (`Origins`). Who is assigned a partition whose commit names another topic starts it anew,
however short a time ago the topic was replaced and whoever committed last. A commit that names
another cluster was carried over by whoever mirrors the topic, and its offset with it: that one is
gone on from.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from velox.base.errors import BrokerUnavailable
from velox.base.waiting import Periodic

EVERY_S = 5.0
_CLUSTER, _TOPIC = "cluster-id", "topic-id"

log = logging.getLogger(__name__)


class TopicWatch:
    """Looks at the topic's identity from time to time, in a thread, and when it is told to.

    Args:
        identity: of the topic as it is now; raises BrokerUnavailable while that is not known.
        partitions: how many the topic has, 0 if there is no such topic; raises alike.
        interval: seconds between two looks.

    Attributes:
        known: the identity as it was when last seen, empty before that.
        count: the number of partitions, None while nobody says.
    """

    def __init__(
        self,
        identity: Callable[[], str],
        *,
        partitions: Callable[[], int | None] = lambda: None,
        interval: float = EVERY_S,
    ) -> None:
        self.known = ""
        self.count: int | None = None
        self._identity = identity
        self._partitions = partitions
        self._looking = Periodic(
            self._see,
            every=interval,
            name="topic-watch",
            log=log,
            what="look up the topic's identity",
            at_once=True,
        )

    def start(self) -> None:
        """Look now and from now on."""
        self._looking.start()

    def close(self) -> None:
        """Stop looking."""
        self._looking.close()

    def look(self) -> None:
        """See which topic it is now; never raises, and `known` stays while nobody says."""
        self._looking.now()

    def _see(self) -> None:
        try:
            self.count = self._count()
            self.known = self._identity()
        except BrokerUnavailable as error:
            log.debug("topic identity could not be looked up reason=%r", str(error))

    def _count(self) -> int | None:
        try:
            return self._partitions()
        except BaseException:
            # With an old number, partitions that were added since would count as gone.
            self.count = None
            raise


class _Origin(NamedTuple):
    """Identities of cluster and topic; each is empty where it is not known."""

    cluster: str
    topic: str

    @classmethod
    def named_by(cls, metadata: str) -> _Origin:
        found = dict(part.partition("=")[::2] for part in metadata.split(";"))
        return cls(found.get(_CLUSTER, ""), found.get(_TOPIC, ""))

    def metadata(self) -> str:
        if not self.topic:
            return ""
        cluster = f"{_CLUSTER}={self.cluster};" if self.cluster else ""
        return f"{cluster}{_TOPIC}={self.topic}"


class Origins:
    """The identity of the topic that each assigned partition's position was reached in.

    Args:
        identity: of the topic as far as it is known now, empty while it is not.
        cluster: its cluster's identity, empty while that is not known.
    """

    def __init__(
        self, identity: Callable[[], str], cluster: Callable[[], str] = lambda: ""
    ) -> None:
        self._identity = identity
        self._cluster = cluster
        self._origins: dict[int, _Origin | None] = {}
        self._last = _Origin("", "")

    def assign(self, partitions: Iterable[int], metadata: Mapping[int, str]) -> None:
        """Take partitions with the metadata of the group's commits, where there are any.

        A partition whose commit names no topic, or that has none (the broker deletes a topic's
        commits with it), counts as of the topic that was last read here.
        """
        for partition in partitions:
            found = _Origin.named_by(metadata.get(partition, ""))
            self._origins[partition] = found if found.topic else self._last

    def ask(self, partitions: Iterable[int]) -> None:
        """Take partitions whose commits are not known yet: `assign` follows once they are."""
        self._origins.update(dict.fromkeys(partitions))

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop partitions that are no longer assigned."""
        for partition in partitions:
            self._origins.pop(partition, None)

    def begin_anew(self, partitions: Iterable[int]) -> None:
        """Note that these partitions are read from the start of the present topic."""
        self._origins.update(dict.fromkeys(partitions, self._now()))

    def metadata(self, partition: int) -> str | None:
        """What a commit of this partition is to carry; None where there must be none yet."""
        origin = self._origins.get(partition, _Origin("", ""))
        return None if origin is None else origin.metadata()

    def foreign(self) -> set[int]:
        """The partitions whose positions belong to another topic than the present one."""
        now = self._now()
        if not now.topic:
            return set()
        foreign = set()
        for partition, origin in self._origins.items():
            if origin is None:
                continue
            if origin.topic in ("", now.topic) or _elsewhere(origin, now):
                self._origins[partition] = now
            else:
                foreign.add(partition)
        if self._origins:
            self._last = now
        return foreign

    def _now(self) -> _Origin:
        return _Origin(self._cluster(), self._identity())


def _elsewhere(origin: _Origin, now: _Origin) -> bool:
    return bool(origin.cluster and now.cluster) and origin.cluster != now.cluster
