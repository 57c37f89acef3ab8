"""The settings: defaults as documented, bad values refused by name, secrets never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from velox.base.errors import SettingError
from velox.images.shapes import COLORS, SHAPES
from velox.settings.config import (
    COLOR_NAMES,
    SHAPE_NAMES,
    ConsumerSettings,
    DemoSettings,
    ProducerSettings,
    Settings,
    TrainSettings,
    environment,
)

ALL: tuple[type[Settings], ...] = (ProducerSettings, TrainSettings, ConsumerSettings, DemoSettings)


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


def test_the_default_classes_are_four() -> None:
    settings = TrainSettings.load({})
    assert (settings.colors, settings.shapes) == (("red", "green"), ("circle", "square"))


def test_the_names_allowed_are_those_that_can_be_drawn() -> None:
    assert set(SHAPE_NAMES) == set(SHAPES)
    assert set(COLOR_NAMES) == set(COLORS)


@pytest.mark.parametrize("settings", ALL)
def test_every_default_is_allowed_and_every_meaning_is_given(settings: type[Settings]) -> None:
    settings.load({})
    for declared in settings.declared().values():
        assert declared.meaning, declared
        assert not declared.meaning.endswith("."), declared


def test_one_variable_means_the_same_to_every_script() -> None:
    seen: dict[str, str] = {}
    for settings in ALL:
        for declared in settings.declared().values():
            if settings is not DemoSettings:
                said = f"{declared.default} {declared.meaning} {declared.parser.allowed}"
                assert seen.setdefault(declared.variable, said) == said


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


def test_properties_of_the_kafka_client() -> None:
    given = r"security.protocol=SASL_SSL,sasl.password=a=b\,c,ssl.ca.location="
    assert ConsumerSettings.load({"KAFKA_CONFIG": given}).kafka_config == {
        "security.protocol": "SASL_SSL",
        "sasl.password": "a=b,c",
        "ssl.ca.location": "",
    }
    assert ConsumerSettings.load({"KAFKA_CONFIG": ""}).kafka_config == {}


@pytest.mark.parametrize("bad", ["acks", "=1", "Acks=1", "a b=1", ",", "a=1,,b=2"])
def test_what_are_no_properties(bad: str) -> None:
    with pytest.raises(SettingError, match=r"^KAFKA_CONFIG=<hidden> is not allowed: "):
        ConsumerSettings.load({"KAFKA_CONFIG": bad})


def test_a_property_that_would_break_a_promise_is_named_with_the_reason() -> None:
    for settings in (ConsumerSettings, ProducerSettings):
        with pytest.raises(SettingError) as refused:
            settings.load({"KAFKA_CONFIG": "sasl.password=hunter2,transactional.id=me"})
        assert str(refused.value) == (
            "KAFKA_CONFIG=<hidden> is not allowed: transactional.id cannot be set: "
            "nothing is sent in transactions"
        )


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


def test_a_secret_is_in_no_text() -> None:
    secret = "hunter2"  # noqa: S105
    settings = ConsumerSettings.load(
        {
            "KAFKA_CONFIG": f"sasl.password={secret}",
            "MONGO_URI": f"mongodb://me:{secret}@mongo/",
        }
    )
    assert settings.kafka_config["sasl.password"] == secret
    assert secret in settings.mongo_uri
    assert secret not in repr(settings)
    assert secret not in str(settings)
    with pytest.raises(SettingError) as refused:
        ConsumerSettings.load({"MONGO_URI": f"http://{secret}"})
    assert secret not in str(refused.value)


def test_settings_cannot_be_changed() -> None:
    settings = ConsumerSettings.load({})
    with pytest.raises(AttributeError):
        settings.batch_size = 9  # type: ignore[misc]


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("BATCH_SIZE=16\nQUEUE_SIZE=64\nMONGO_URI=mongodb://file/\n")
    monkeypatch.setenv("QUEUE_SIZE", "32")
    monkeypatch.setenv("MONGO_URI", "")
    monkeypatch.delenv("BATCH_SIZE", raising=False)
    found = environment(tmp_path)
    assert (found["BATCH_SIZE"], found["QUEUE_SIZE"], found["MONGO_URI"]) == ("16", "32", "")


def test_the_demo_reads_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("IMAGES=77\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMAGES", raising=False)
    assert DemoSettings.from_environment().images == 0


@pytest.mark.parametrize("settings", ALL)
def test_help_tells_every_variable(settings: type[Settings]) -> None:
    text = settings.help()
    for declared in settings.declared().values():
        assert f"  {declared.variable} (default: {declared.default or 'empty'})" in text
        assert f"{declared.meaning}.\n      Allowed: {declared.parser.allowed}." in text


def test_text_is_taken_as_it_is_written() -> None:
    settings = ConsumerSettings.load({"KAFKA_TOPIC": "mine", "LOG_LEVEL": "DEBUG"})
    assert (settings.kafka_topic, settings.log_level) == ("mine", "DEBUG")


def test_a_switch_is_on_or_off() -> None:
    assert ProducerSettings.load({"SOURCE_LOOP": "1"}).source_loop is True
    assert ProducerSettings.load({"SOURCE_LOOP": "0"}).source_loop is False
    with pytest.raises(SettingError, match=r"^SOURCE_LOOP='yes' is not allowed: 0 or 1"):
        ProducerSettings.load({"SOURCE_LOOP": "yes"})


def test_sources_are_a_list_that_may_name_commas() -> None:
    assert ProducerSettings.load({"SOURCE": r"photos, a\,b,synthetic"}).source == (
        "photos",
        "a,b",
        "synthetic",
    )


@pytest.mark.parametrize("bad", ["", "a,,b", "a,", "a\0b"])
def test_a_source_without_a_name_is_refused(bad: str) -> None:
    with pytest.raises(SettingError, match=r"^SOURCE="):
        ProducerSettings.load({"SOURCE": bad})


def test_spaces_before_a_property_do_not_count() -> None:
    given = {"KAFKA_CONFIG": "client.rack=a, fetch.min.bytes=1"}
    assert ConsumerSettings.load(given).kafka_config == {
        "client.rack": "a",
        "fetch.min.bytes": "1",
    }


def test_settings_are_read_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("KAFKA_TOPIC=of-the-file\nBATCH_SIZE=16\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAFKA_TOPIC", "of-the-environment")
    monkeypatch.delenv("BATCH_SIZE", raising=False)
    settings = ConsumerSettings.from_environment()
    assert (settings.kafka_topic, settings.batch_size) == ("of-the-environment", 16)
