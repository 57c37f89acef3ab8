"""Reading the detections in MongoDB, summed up by the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.errors import PyMongoError

from velox.base.errors import StoreUnavailable
from velox.base.records import Detection
from velox.stores.interface import DETECTIONS, HOUR_CHARACTERS, Totals, filled
from velox.stores.mongo_client import OnDatabase


class MongoReader(OnDatabase):
    """Reads the collection that `MongoStore` writes; see `velox.stores.interface.Reader`.

    Documents that others wrote may lack fields, and old ones hold dates where new ones hold text.
    The figures are not of one moment while a consumer is at work.
    """

    collection = DETECTIONS
    timeout_ms = 300_000

    def totals(self) -> Totals:
        """See Reader."""
        known = {"$gt": ["$ground_truth", None]}
        correct = {"$and": [known, {"$eq": ["$ground_truth", "$predicted_label"]}]}
        rows = self._aggregate(
            {
                "$group": {
                    "_id": None,
                    "detections": {"$sum": 1},
                    "first": {"$min": _TIME},
                    "last": {"$max": _TIME},
                    "labelled": {"$sum": {"$cond": [known, 1, 0]}},
                    "correct": {"$sum": {"$cond": [correct, 1, 0]}},
                    "lowest_confidence": {"$min": _CONFIDENCE},
                }
            },
            {"$unset": "_id"},
        )
        return Totals(**rows[0]) if rows else Totals()

    def by_label(self, limit: int) -> list[tuple[str, int]]:
        """See Reader."""
        rows = self._aggregate(*_frequent(_LABEL, limit))
        return [(row["_id"], row["found"]) for row in rows]

    def by_hour(self, hours: int, limit: int) -> list[tuple[str, str, int]]:
        """See Reader."""
        recent = self._since(hours)
        labels = [row["_id"] for row in self._aggregate(*recent, *_frequent(_LABEL, limit))]
        rows = self._aggregate(
            *recent,
            {"$group": {"_id": {"hour": _HOUR, "label": _LABEL}, "found": {"$sum": 1}}},
            {"$match": {"_id.label": {"$in": labels}}},
        )
        kept = sorted({row["_id"]["hour"] for row in rows})[-hours:]
        found = [(row["_id"]["hour"], row["_id"]["label"], row["found"]) for row in rows]
        return sorted(each for each in found if each[0] in kept)

    def _since(self, hours: int) -> list[Mapping[str, Any]]:
        """What leaves the documents of the latest hours that have any, as far as the index tells.

        Each look finds one hour. Dates, which are no text, come before it in the index.
        """
        before: dict[str, Any] = {}
        first = ""
        for _ in range(hours):
            latest = self._aggregate(
                {"$match": before}, {"$sort": {"timestamp": -1}}, {"$limit": 1}, _ONLY_TIMESTAMP
            )
            if not latest:
                break
            moment = latest[0].get("timestamp")
            if not isinstance(moment, str):
                return []
            first = moment[:HOUR_CHARACTERS]
            before = {"timestamp": {"$lt": first}}
        return [{"$match": {"timestamp": {"$gte": first}}}]

    def by_confidence(self, low: float, bins: int) -> list[int]:
        """See Reader."""
        place = {"$multiply": [{"$subtract": [_CONFIDENCE, low]}, bins / (1 - low)]}
        bounded = {"$max": [0, {"$min": [bins - 1, {"$floor": place}]}]}
        rows = self._aggregate({"$group": {"_id": {"$toInt": bounded}, "found": {"$sum": 1}}})
        return filled([(row["_id"], row["found"]) for row in rows], bins)

    def confusion(self, limit: int) -> list[tuple[str, str, int]]:
        """See Reader."""
        rows = self._aggregate(
            {"$match": {"ground_truth": {"$ne": None}}},
            {
                "$group": {
                    "_id": {"truth": _text("$ground_truth"), "label": _LABEL},
                    "found": {"$sum": 1},
                }
            },
            {"$sort": {"found": -1, "_id": 1}},
            {"$limit": limit},
        )
        return [(row["_id"]["truth"], row["_id"]["label"], row["found"]) for row in rows]

    def models(self, limit: int) -> list[tuple[str, int, str, str]]:
        """See Reader."""
        rows = self._aggregate(
            {
                "$group": {
                    "_id": _text("$model"),
                    "found": {"$sum": 1},
                    "first": {"$min": _TIME},
                    "last": {"$max": _TIME},
                }
            },
            {"$sort": {"last": -1}},
            {"$limit": limit},
        )
        return [(row["_id"], row["found"], row["first"], row["last"]) for row in rows]

    def latest(self, limit: int) -> list[Detection]:
        """See Reader."""
        rows = self._aggregate(
            {"$sort": {"timestamp": -1}},
            {"$limit": max(1, limit)},
            {
                "$project": {
                    "_id": 0,
                    "id": _text("$_id"),
                    "timestamp": _TIME,
                    "predicted_label": _LABEL,
                    "confidence": _CONFIDENCE,
                    "ground_truth": _text("$ground_truth", None),
                    "file_path": _text("$file_path", None),
                    "source": _text("$source", None),
                    "latency_ms": _number("$latency_ms"),
                    "model": _text("$model"),
                }
            },
        )
        return [Detection(**row) for row in rows[:limit]]

    def _aggregate(self, *stages: Mapping[str, Any]) -> list[dict[str, Any]]:
        try:
            return list(self._collection.aggregate(list(stages), allowDiskUse=True))
        except PyMongoError as error:
            raise StoreUnavailable(f"{self.name}: {error}") from error


def _frequent(what: Mapping[str, Any], limit: int) -> list[Mapping[str, Any]]:
    return [
        {"$group": {"_id": what, "found": {"$sum": 1}}},
        {"$sort": {"found": -1, "_id": 1}},
        {"$limit": limit},
    ]


def _text(field: str, missing: str | None = "") -> dict[str, Any]:
    """A field as text, whatever it holds."""
    return {"$convert": {"input": field, "to": "string", "onError": missing, "onNull": missing}}


def _number(field: str) -> dict[str, Any]:
    """A field as a number, 0 where it is none."""
    return {"$convert": {"input": field, "to": "double", "onError": 0.0, "onNull": 0.0}}


_ONLY_TIMESTAMP = {"$project": {"_id": 0, "timestamp": 1}}
_TIME = _text("$timestamp")
_LABEL = _text("$predicted_label")
_HOUR = {"$substrCP": [_TIME, 0, HOUR_CHARACTERS]}
_CONFIDENCE = _number("$confidence")
