"""What a setting's text may be: what is not allowed is refused by the setting's name."""

from __future__ import annotations

import pytest

from velox.base.errors import SettingError
from velox.settings.consumer import ConsumerSettings
from velox.settings.programs import ProducerSettings


@pytest.mark.parametrize(
    ("variable", "low", "high", "below", "above"),
    [
        ("BATCH_SIZE", "1", "4096", "0", "4097"),
        ("QUEUE_SIZE", "1", "1000000", "0", "1000001"),
        ("QUEUE_BYTES", "1048576", "1099511627776", "1048575", "1099511627777"),
        ("METRICS_PORT", "0", "65535", "-1", "65536"),
        ("MAX_STORED_FILES", "0", "100000000", "-1", "100000001"),
        ("CONFIDENCE_THRESHOLD", "0", "1", "-0.001", "1.001"),
        ("BATCH_TIMEOUT_MS", "0", "60000", "-1", "60001"),
        ("MAX_POLL_INTERVAL_S", "6", "86400", "5.9", "86401"),
        ("DRAIN_TIMEOUT_S", "0", "3600", "-1", "3601"),
        ("GPU_MEMORY_FRACTION", "0.01", "1", "0", "1.01"),
        ("KAFKA_PARTITIONS", "1", "10000", "0", "10001"),
        ("KAFKA_REPLICATION_FACTOR", "1", "100", "0", "101"),
        ("MAX_IMAGE_PIXELS", "1", "1073741824", "0", "1073741825"),
        ("DECODE_THREADS", "0", "256", "-1", "257"),
        ("STARTUP_TIMEOUT_S", "1", "86400", "0.9", "86401"),
    ],
)
def test_the_bounds_of_a_number(variable: str, low: str, high: str, below: str, above: str) -> None:
    ConsumerSettings.load({variable: low})
    ConsumerSettings.load({variable: high})
    for bad in (below, above):
        with pytest.raises(SettingError, match=rf"^{variable}='{bad}' is not allowed: .* from "):
            ConsumerSettings.load({variable: bad})


@pytest.mark.parametrize("bad", ["", "abc", "1.5", "1_000", " 8", "8 ", "0x10", "٣", "1e3", "--1"])
def test_a_whole_number_is_written_in_digits(bad: str) -> None:
    with pytest.raises(SettingError, match=r"^BATCH_SIZE="):
        ConsumerSettings.load({"BATCH_SIZE": bad})


@pytest.mark.parametrize("bad", ["", "abc", "nan", "inf", "-inf", "1e999"])
def test_a_decimal_number_is_finite(bad: str) -> None:
    with pytest.raises(SettingError, match=r"^CONFIDENCE_THRESHOLD="):
        ConsumerSettings.load({"CONFIDENCE_THRESHOLD": bad})


@pytest.mark.parametrize(
    "bad", ["", "circle;rm", "dodecahedron", "circle,circle", "circle,", "['circle']", "Circle"]
)
def test_shapes_are_words_of_a_list(bad: str) -> None:
    with pytest.raises(SettingError, match=r"^SHAPES=.* is not allowed: .*circle, square"):
        ProducerSettings.load({"SHAPES": bad})


def test_lists_may_have_spaces_after_their_commas() -> None:
    settings = ProducerSettings.load({"SHAPES": "star, cross", "COLORS": " blue,red "})
    assert (settings.shapes, settings.colors) == (("star", "cross"), ("blue", "red"))
    labels = ConsumerSettings.load({"TARGET_LABELS": "red circle, b"}).target_labels
    assert labels == {"red circle", "b"}


@pytest.mark.parametrize(
    ("variable", "bad"),
    [
        ("KAFKA_TOPIC", ""),
        ("KAFKA_TOPIC", ".."),
        ("KAFKA_TOPIC", "a/b"),
        ("KAFKA_TOPIC", "a" * 246),
        ("KAFKA_BOOTSTRAP_SERVER", "kafka"),
        ("KAFKA_BOOTSTRAP_SERVER", "kafka:9092,"),
        ("KAFKA_CONSUMER_GROUP", ""),
        ("KAFKA_GROUP_PROTOCOL", "new"),
        ("KAFKA_RESULTS_TOPIC", "a b"),
        ("TARGET_LABELS", "a,,b"),
        ("DB_NAME", "a.b"),
        ("DB_NAME", ""),
        ("MONGO_URI", "postgres://x"),
        ("DEVICE", "gpu"),
        ("DEVICE", "cuda:x"),
        ("MODEL_PATH", ""),
        ("STORAGE_PATH", "a\0b"),
        ("METRICS_ADDRESS", "localhost"),
        ("LOG_LEVEL", "info"),
    ],
)
def test_text_that_is_not_allowed(variable: str, bad: str) -> None:
    with pytest.raises(SettingError, match=f"^{variable}=.* is not allowed: "):
        ConsumerSettings.load({variable: bad})


def test_text_is_taken_as_it_is_written() -> None:
    settings = ConsumerSettings.load({"KAFKA_TOPIC": "mine", "LOG_LEVEL": "DEBUG"})
    assert (settings.kafka_topic, settings.log_level) == ("mine", "DEBUG")


def test_a_switch_is_on_or_off() -> None:
    assert ProducerSettings.load({"SOURCE_LOOP": "1"}).source_loop is True
    assert ProducerSettings.load({"SOURCE_LOOP": "0"}).source_loop is False
    with pytest.raises(SettingError, match=r"^SOURCE_LOOP='yes' is not allowed: 0 or 1"):
        ProducerSettings.load({"SOURCE_LOOP": "yes"})
