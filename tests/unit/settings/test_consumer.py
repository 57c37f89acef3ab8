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
    assert settings.confidence_threshold.of(["a", "b"]) == (0.90, 0.90)
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


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ("", set()),
        ("red", {"red"}),
        (" red , green ", {"red", "green"}),
        (r"tench\, Tinca tinca,goldfish", {"tench, Tinca tinca", "goldfish"}),
        (r"a\,b\,c", {"a,b,c"}),
        (r"back\slash", {r"back\slash"}),
        ('["red"]', {'["red"]'}),
    ],
)
def test_labels_may_hold_commas(given: str, labels: set[str]) -> None:
    assert ConsumerSettings.load({"TARGET_LABELS": given}).target_labels == labels


@pytest.mark.parametrize("given", [",", "red,", "red,,green", " "])
def test_a_label_is_not_empty(given: str) -> None:
    with pytest.raises(SettingError, match=r"TARGET_LABELS=.*a comma in one: \\,"):
        ConsumerSettings.load({"TARGET_LABELS": given})


@pytest.mark.parametrize(
    ("text", "share"), [("", None), ("auto", 0.01), ("0.001", 0.001), ("0.02", 0.02), ("0.1", 0.1)]
)
def test_so_many_known_images_may_be_called_unknown(text: str, share: float | None) -> None:
    assert ConsumerSettings.load({"UNKNOWN": text}).unknown == share


@pytest.mark.parametrize("text", ["1", "0", "0.0005", "0.2", "yes", "nan"])
def test_no_other_share_may_be(text: str) -> None:
    with pytest.raises(SettingError, match=r"UNKNOWN=.*auto, or a number from 0\.001 to 0\.1"):
        ConsumerSettings.load({"UNKNOWN": text})
