"""Every program's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from velox.settings.consumer import ConsumerSettings
from velox.settings.declare import Settings
from velox.settings.programs import DemoSettings, ProducerSettings
from velox.settings.training import TrainSettings

ALL: tuple[type[Settings], ...] = (ProducerSettings, TrainSettings, ConsumerSettings, DemoSettings)


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
                # By hand, a producer and a consumer stand side by side: the port is one's alone.
                own = (settings, declared.variable) == (ProducerSettings, "METRICS_PORT")
                default = "8000" if own else declared.default
                said = f"{default} {declared.meaning} {declared.parser.allowed}"
                assert seen.setdefault(declared.variable, said) == said


@pytest.mark.parametrize("settings", ALL)
def test_help_tells_every_variable(settings: type[Settings]) -> None:
    text = settings.help()
    for declared in settings.declared().values():
        assert f"  {declared.variable} (default: {declared.default or 'empty'})" in text
        assert f"{declared.meaning}.\n      Allowed: {declared.parser.allowed}." in text


def test_the_demo_reads_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("IMAGES=77\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMAGES", raising=False)
    assert DemoSettings.from_environment().images == 0
