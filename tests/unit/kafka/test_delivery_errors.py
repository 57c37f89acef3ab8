"""The table of errors of a delivery report."""

import pytest
from confluent_kafka import KafkaError

from velox.kafka.delivery_errors import KAFKA


@pytest.mark.parametrize("code", sorted(KAFKA))
def test_codes_of_kafka_are_those_of_its_client(code: int) -> None:
    assert KafkaError(code).name() == KAFKA[code].name.partition(":")[0]
