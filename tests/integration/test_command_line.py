"""The scripts' command line: help that lists every variable, and one line for a bad setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rig.processes import ROOT, Child, script
from velox.settings.consumer import ConsumerSettings
from velox.settings.declare import Settings
from velox.settings.programs import ForgetSettings, ProducerSettings
from velox.settings.training import TrainSettings

LIMIT_S = 60

SCRIPTS: dict[str, type[Settings]] = {
    "producer.py": ProducerSettings,
    "train.py": TrainSettings,
    "consumer.py": ConsumerSettings,
    "velox/forget.py": ForgetSettings,
}


def ended(name: str, folder: Path, *arguments: str, **env: str) -> Child:
    child = script(name, env=env, log=folder / "log", arguments=arguments)
    child.wait(LIMIT_S)
    return child


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_lists_every_variable(name: str, tmp_path: Path) -> None:
    child = ended(name, tmp_path, "--help")
    assert child.returncode == 0
    for declared in SCRIPTS[name].declared().values():
        assert f"  {declared.variable} (default: {declared.default or 'empty'})" in child.log
        assert declared.meaning in child.log


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("consumer.py", "BATCH_SIZE", "0"),
        ("consumer.py", "CONFIDENCE_THRESHOLD", "1.5"),
        ("consumer.py", "METRICS_PORT", "abc"),
        ("consumer.py", "STORAGE_PATH", "/proc/nowhere"),
        ("consumer.py", "KAFKA_CONFIG", "no.such.property=1"),
        ("consumer.py", "METRICS_ADDRESS", "203.0.113.1"),
        ("consumer.py", "DEVICE", "cuda:99"),
        ("consumer.py", "SOURCES_PATH", "no/such/sources.json"),
        ("producer.py", "SHAPES", "circle;rm"),
        ("producer.py", "SHAPES", "dodecahedron"),
        ("producer.py", "KAFKA_CONFIG", "acks=0"),
        ("train.py", "EPOCHS", "many"),
        ("train.py", "MODEL_ARCH", "no_such_network"),
    ],
)
def test_a_bad_value_ends_the_start(name: str, variable: str, value: str, tmp_path: Path) -> None:
    child = ended(name, tmp_path, **{"METRICS_PORT": "0", variable: value})
    assert child.returncode == 2, str(child)
    errors = [line for line in child.log.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, child.log
    assert variable in errors[0]
    assert "Traceback" not in child.log
    if variable != "KAFKA_CONFIG":
        assert value in errors[0]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_mistyped_setting_is_told_before_torch_is_imported(name: str, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise AssertionError('imported')")
    needed = ["--source", "line-1"] if name == "velox/forget.py" else []
    child = ended(name, tmp_path, *needed, PYTHONPATH=f"{tmp_path}:{ROOT}", LOG_LEVEL="LOUD")
    assert child.returncode == 2, str(child)
    assert child.log.startswith("error: LOG_LEVEL='LOUD' "), child.log


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_unknown_argument_is_refused(name: str, tmp_path: Path) -> None:
    assert ended(name, tmp_path, "--no-such-option").returncode == 2


def test_a_file_of_settings_is_read_and_does_not_override(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BATCH_SIZE=0\nQUEUE_SIZE=0\n")
    child = ended("consumer.py", tmp_path, QUEUE_SIZE="10")
    assert child.returncode == 2
    assert "BATCH_SIZE='0'" in child.log
    assert "QUEUE_SIZE" not in child.log


def test_threads_of_a_training_sleep_while_they_wait(tmp_path: Path) -> None:
    """As OpenMP's own library tells it (OMP_DISPLAY_ENV in the OpenMP specification)."""
    child = ended("train.py", tmp_path, DEVICE="cuda:99", OMP_DISPLAY_ENV="true")
    assert child.returncode == 2, str(child)
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in child.log
