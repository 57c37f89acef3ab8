"""The consumer's settings: defaults as documented, and what does not go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from velox.base.errors import SettingError
from velox.settings.consumer import ConsumerSettings


def test_the_defaults_are_those_of_the_reference() -> None:
    settings = ConsumerSettings.load({})
    assert settings.kafka_bootstrap_server == "kafka:29092"
    assert settings.kafka_topic == "image_data"
    assert settings.kafka_consumer_group == "gpu_cluster_h100"
    assert settings.batch_size == 8
    assert settings.queue_size == 200
    assert settings.metrics_port == 8000
    assert settings.mongo_uri == "mongodb://mongo:27017/"
    assert settings.db_name == "lab_discovery_db"
    assert settings.storage_path == Path("discoveries")
    assert settings.model_path == Path("model.pth")
    assert settings.classes_path == Path("classes.json")
    assert settings.confidence_threshold == 0.90
    assert settings.max_stored_files == 100
    assert settings.target_labels == frozenset()
    assert settings.kafka_partitions == 8


@pytest.mark.parametrize(
    ("results", "words"),
    [("mine", "is the topic of the images"), ("mine-dlt", "is that of their dead letters")],
)
def test_results_need_a_topic_of_their_own(results: str, words: str) -> None:
    with pytest.raises(SettingError) as refused:
        ConsumerSettings.load({"KAFKA_TOPIC": "mine", "KAFKA_RESULTS_TOPIC": results})
    assert f"KAFKA_RESULTS_TOPIC='{results}' {words} (KAFKA_TOPIC='mine')" in str(refused.value)
    others = {"KAFKA_TOPIC": "mine", "KAFKA_RESULTS_TOPIC": "mine-results"}
    assert ConsumerSettings.load(others).kafka_results_topic == "mine-results"
