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


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("BATCH_SIZE=16\r\n".encode("utf-16"), "UTF-16, as PowerShell's > writes it"),
        ("BATCH_SIZE=16\r\n".encode("utf-16-be"), "UTF-16, as PowerShell's > writes it"),
        ("BATCH_SIZE=16\n# f\u00fcr\n".encode("latin-1"), "another encoding: see its line 2"),
    ],
)
def test_a_file_in_another_encoding_is_named(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(SettingError) as refused:
        environment(tmp_path)
    expected = f"{tmp_path / '.env'} is not in UTF-8 but in {words}; save it as UTF-8"
    assert str(refused.value) == expected


def test_the_first_line_counts_where_an_editor_marked_the_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BATCH_SIZE", raising=False)
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfBATCH_SIZE=16\r\nQUEUE_SIZE=64\r\n")
    assert environment(tmp_path)["BATCH_SIZE"] == "16"


@pytest.mark.parametrize("line", ['SOURCE="photos', "=x", "a note without its sign", "A B=c"])
def test_a_line_of_the_file_that_is_no_setting_is_named_and_not_left_out(
    line: str, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"# A comment\n\nexport BATCH_SIZE=16\n{line}\nQUEUE_SIZE=64\n")
    with pytest.raises(SettingError, match=r"\.env: line 4 is not NAME=value; a closing"):
        environment(tmp_path)


def test_a_line_for_another_shell_is_named_and_not_left_out(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('BATCH_SIZE=16\n$env:QUEUE_SIZE="64"\n')
    with pytest.raises(SettingError, match=r"\.env: line 2 sets '\$env:QUEUE_SIZE', which is no"):
        environment(tmp_path)


def test_names_of_other_programs_may_be_in_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("log.level=info\nspring-profile=x\n_X1=y\n")
    assert environment(tmp_path)["log.level"] == "info"


def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_file: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    (tmp_path / ".env").write_text("BATCH_SIZE=16\n")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(SettingError, match=r"\.env cannot be read: Permission denied$"):
        environment(tmp_path)
