"""To which topic the positions belong: to this one, or to one that had its name before.

Offsets say nothing about that, so each commit carries the topic's identity as its metadata. Who is
assigned a partition whose commit names another topic starts it anew, however short a time ago the
topic was replaced and whoever committed last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

_PREFIX = "topic-id="


class Origins:
    """The identity of the topic that each assigned partition's position was reached in.

    Args:
        identity: of the topic as far as it is known now, empty while it is not.
    """

    def __init__(self, identity: Callable[[], str]) -> None:
        self._identity = identity
        self._origins: dict[int, str] = {}
        self._last = ""

    def assign(self, partitions: Iterable[int], metadata: Mapping[int, str]) -> None:
        """Take partitions with the metadata of the group's commits, where there are any.

        A partition whose commit names no topic, or that has none (the broker deletes a topic's
        commits with it), counts as of the topic that was last read here.
        """
        for partition in partitions:
            found = metadata.get(partition, "")
            named = found.startswith(_PREFIX)
            self._origins[partition] = found.removeprefix(_PREFIX) if named else self._last

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop partitions that are no longer assigned."""
        for partition in partitions:
            self._origins.pop(partition, None)

    def begin_anew(self, partitions: Iterable[int]) -> None:
        """Note that these partitions are read from the start of the present topic."""
        self._origins.update(dict.fromkeys(partitions, self._identity()))

    def metadata(self, partition: int) -> str:
        """What a commit of this partition is to carry."""
        origin = self._origins.get(partition)
        return f"{_PREFIX}{origin}" if origin else ""

    def foreign(self) -> set[int]:
        """The partitions whose positions belong to another topic than the present one."""
        if not (now := self._identity()):
            return set()
        for partition, origin in self._origins.items():
            self._origins[partition] = origin or now
        if self._origins:
            self._last = now
        return {partition for partition, origin in self._origins.items() if origin != now}
