"""What people see of the images in MongoDB, and what they say of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, DESCENDING

from velox.base.candidates import (
    JUDGED,
    RANDOM_RANK,
    RANKS,
    UNSURE_RANK,
    Candidate,
    Judged,
    Tally,
)
from velox.stores.mongo_errors import failing
from velox.stores.mongo_review import MongoReview
from velox.stores.review_interface import MOST_SAID

_SAID = ("verdict", "judged_by", "judged_at")
_OF_CANDIDATES = {"history": False}


class MongoVerdicts(MongoReview):
    """See `velox.stores.review_interface.Verdicts`."""

    def open_to_read(self) -> None:
        """See Verdicts; the first question connects."""

    def unsure(self, limit: int) -> list[Candidate]:
        """See Verdicts."""
        with failing(self.name):
            found = self._collection.find({"rank": UNSURE_RANK}, _OF_CANDIDATES)
            order = [("timestamp", DESCENDING), ("_id", ASCENDING)]
            return [Candidate.of(each) for each in found.sort(order).limit(limit)]

    def random(self, model: str, limit: int) -> list[Candidate]:
        """See Verdicts."""
        with failing(self.name):
            found = self._collection.find({"rank": RANDOM_RANK, "model": model}, _OF_CANDIDATES)
            order = [("chance", ASCENDING), ("_id", ASCENDING)]
            return [Candidate.of(each) for each in found.sort(order).limit(limit)]

    def counts(self) -> Sequence[int]:
        """See Verdicts."""
        with failing(self.name):
            rows = self._collection.aggregate([{"$group": {"_id": "$rank", "images": {"$sum": 1}}}])
            found = {each["_id"]: each["images"] for each in rows}
        return [found.get(rank, 0) for rank in range(RANKS)]

    def newest_model(self) -> str | None:
        """See Verdicts."""
        with failing(self.name):
            newest = self._collection.find_one({}, {"model": 1}, sort=[("kept_at", DESCENDING)])
        return newest["model"] if newest else None

    def labels(self) -> set[str]:
        """See Verdicts."""
        with failing(self.name):
            found = {
                *self._collection.distinct("predicted_label"),
                *self._collection.distinct("verdict"),
            }
        return found - {None}

    def image(self, identity: str) -> bytes | None:
        """See Verdicts."""
        with failing(self.name):
            found = self._images.find_one({"_id": identity})
        return found["image"] if found else None

    def judge(self, ids: Sequence[str], label: str | None, by: str, at: str) -> list[str]:
        """See Verdicts. Each document is changed as a whole, its history with it."""
        said = dict(zip(_SAID, (label, by, at), strict=True))
        chosen = {"_id": {"$in": list(ids)}}
        self._say(chosen, {"or": JUDGED}, said, {"label": label, "by": by, "at": at})
        return self._ids_of(chosen)

    def take_back(self, ids: Sequence[str], by: str, at: str) -> list[str]:
        """See Verdicts."""
        own = {"_id": {"$in": list(ids)}, "judged_by": by}
        there = self._ids_of(own)
        entry = {"taken_back": True, "by": by, "at": at}
        self._say(own, {"and": JUDGED - 1}, dict.fromkeys(_SAID), entry)
        return there

    def _say(
        self,
        chosen: Mapping[str, Any],
        rank: Mapping[str, int],
        said: Mapping[str, str | None],
        entry: Mapping[str, Any],
    ) -> None:
        change = {
            "$bit": {"rank": rank},
            "$set": said,
            "$push": {"history": {"$each": [entry], "$slice": -MOST_SAID}},
        }
        with failing(self.name):
            self._collection.update_many(chosen, change)

    def _ids_of(self, chosen: Mapping[str, Any]) -> list[str]:
        with failing(self.name):
            return [each["_id"] for each in self._collection.find(chosen, {"_id": 1})]

    def judged(self) -> Iterator[Judged]:
        """See Verdicts."""
        with failing(self.name):
            found = self._collection.find({"rank": {"$gte": JUDGED}}, _OF_CANDIDATES)
            for each in found.sort("_id", ASCENDING):
                yield Judged(Candidate.of(each), *(each[name] for name in _SAID))

    def tally(self, model: str) -> list[Tally]:
        """See Verdicts."""
        pair = {"called": "$predicted_label", "label": "$verdict"}
        with failing(self.name):
            rows = self._collection.aggregate(
                [
                    {"$match": {"rank": RANDOM_RANK | JUDGED, "model": model}},
                    {"$group": {"_id": pair, "images": {"$sum": 1}}},
                    {"$sort": {"_id.called": 1, "_id.label": 1}},
                ]
            )
            return [Tally(**each["_id"], images=each["images"]) for each in rows]
