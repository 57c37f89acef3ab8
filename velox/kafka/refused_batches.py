"""A batch is refused as a whole: what its messages may be told of by that."""

from __future__ import annotations

from confluent_kafka import KafkaError

from velox.base.sink_errors import Verdict, verdict_of
from velox.kafka.delivery_errors import KAFKA

# Of a batch for its topic's `max.message.bytes` or `segment.bytes`, and of a message alone.
TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})


def may_pass_alone(error: KafkaError) -> bool:
    """Whether a message may pass that was refused together with others."""
    of_another = error.code() == KafkaError._INVALID_DIFFERENT_RECORD
    return of_another or verdict_of(KAFKA, error.code()) is Verdict.NOT_THIS_ONE
