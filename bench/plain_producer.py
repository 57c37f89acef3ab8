"""librdkafka alone: images that are in memory already, as messages with nothing else around them.

It is the yardstick of the producer's case, and reads its settings as producer.py does. SOURCE is a
folder of images; what is printed last is how many a second the broker had acknowledged at the end.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from velox.kafka.client import producer_config


def main() -> int:
    """Send PRODUCER_IMAGES images with the producer's own properties."""
    images = [each.read_bytes() for each in sorted(Path(os.environ["SOURCE"]).iterdir())]
    topic, count = os.environ["KAFKA_TOPIC"], int(os.environ["PRODUCER_IMAGES"])
    config: dict[str, Any] = producer_config(
        bootstrap=os.environ["KAFKA_BOOTSTRAP_SERVER"],
        delivery_timeout=300,
        compression="none",
        extra={},
    )
    producer = Producer(config)
    producer.list_topics(topic, timeout=60)
    started = time.monotonic()
    for number in range(count):
        while True:
            try:
                producer.produce(topic, images[number % len(images)], key=str(number))
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush()
    print(f"images_per_s={count / (time.monotonic() - started):.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
