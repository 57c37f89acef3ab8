"""Settings are read from the environment and a file, and secrets are never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from velox.base.errors import SettingError
from velox.settings.consumer import ConsumerSettings
from velox.settings.declare import environment


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


def test_settings_are_read_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("KAFKA_TOPIC=of-the-file\nBATCH_SIZE=16\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAFKA_TOPIC", "of-the-environment")
    monkeypatch.delenv("BATCH_SIZE", raising=False)
    settings = ConsumerSettings.from_environment()
    assert (settings.kafka_topic, settings.batch_size) == ("of-the-environment", 16)
