"""The variables of the project's scripts in a test: loopback, free ports, folders of the test."""

from __future__ import annotations

from pathlib import Path


def producer(bootstrap: str, topic: str, **more: str | int) -> dict[str, str]:
    """A producer's; images come fast."""
    return {
        "KAFKA_BOOTSTRAP_SERVER": bootstrap,
        "KAFKA_TOPIC": topic,
        "PRODUCER_INTERVAL": "0.005",
        **{name: str(value) for name, value in more.items()},
    }


def consumer(bootstrap: str, topic: str, storage: Path, **more: str | int) -> dict[str, str]:
    """A consumer's, with the embedded store; every image is a match and stays on disk."""
    return {
        "KAFKA_BOOTSTRAP_SERVER": bootstrap,
        "KAFKA_TOPIC": topic,
        "KAFKA_CONSUMER_GROUP": f"group-of-{topic}",
        "MONGO_URI": "",
        "STORAGE_PATH": str(storage),
        "CONFIDENCE_THRESHOLD": "0",
        "MAX_STORED_FILES": "1000000",
        "METRICS_PORT": "0",
        "STARTUP_TIMEOUT_S": "60",
        **{name: str(value) for name, value in more.items()},
    }
