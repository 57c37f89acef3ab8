"""Results for other systems: what every image came to, match or not, as JSON on a topic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from velox.base.records import Outcome, Prediction, Record, usable_timestamp, utc_text
from velox.kafka.acknowledged import AcknowledgedProducer
from velox.kafka.messages import Outgoing
from velox.kafka.outbox import Outbox

SCHEMA = 1
HEADERS = (("content-type", b"application/json"),)


@dataclass(frozen=True, slots=True)
class Result:
    """What one image came to, as others see it.

    Attributes:
        record: the image's record.
        prediction: of its image, None if it was stale.
        model: the checkpoint's digest.
    """

    record: Record
    prediction: Prediction | None
    model: str

    @property
    def outcome(self) -> Outcome:
        """What the image came to."""
        return Outcome.STALE if self.prediction is None else self.prediction.outcome

    def document(self) -> dict[str, object]:
        """The fields of schema 1. A field is added under the same number, never changed."""
        record, prediction = self.record, self.prediction
        captured = usable_timestamp(record.timestamp_ms)
        document: dict[str, object] = {
            "schema": SCHEMA,
            "id": record.id,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp": utc_text(record.timestamp_ms) if captured else None,
            "source": record.source,
            "predicted_label": None if prediction is None else prediction.label,
            "confidence": None if prediction is None else prediction.confidence,
            "match": self.outcome is Outcome.MATCH,
            "outcome": self.outcome,
            "ground_truth": record.header("label"),
            # No model has seen a stale image.
            "model": None if prediction is None else self.model,
        }
        if prediction is not None and (top := prediction.top):
            document["top"] = [{"label": label, "confidence": each} for label, each in top]
        return document


class Results(Outbox[Result]):
    """Sends results, keyed like their images.

    Args:
        topic: where they go.
        bootstrap: broker addresses.
        extra: further librdkafka properties.

    Raises:
        SettingError: when librdkafka refuses a property of KAFKA_CONFIG.
    """

    def __init__(self, *, topic: str, bootstrap: str, extra: Mapping[str, str]) -> None:
        super().__init__(
            AcknowledgedProducer(topic=topic, bootstrap=bootstrap, extra=extra, role="results"),
            name=f"results topic {topic} (KAFKA_RESULTS_TOPIC)",
            identity=lambda result: result.record.id,
            forms=(_message,),
        )


def _message(result: Result) -> Outgoing:
    record = result.record
    content = json.dumps(result.document(), allow_nan=False)
    return Outgoing(record.id, record.key, content.encode(), HEADERS)
