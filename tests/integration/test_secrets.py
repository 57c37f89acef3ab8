"""Passwords in settings that are refused, or that lead nowhere, reach no log at any level."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rig import settings
from tests.rig.model import Model
from tests.rig.ports import HOST, free_port
from tests.rig.processes import script

LIMIT_S = 120
SASL = "security.protocol=SASL_PLAINTEXT,sasl.mechanism=PLAIN,sasl.username=me,sasl.password="


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KAFKA_CONFIG", f"{SASL}hunter2,acks=0"),
        ("KAFKA_CONFIG", f"{SASL}hunter2,no.such.property=hunter2,debug=all"),
        ("MONGO_URI", "mongodb://me:hunter2/hunter2@mongo/"),
    ],
)
def test_a_refused_setting_is_not_shown(variable: str, value: str, tmp_path: Path) -> None:
    env = settings.consumer(f"{HOST}:{free_port()}", "any", tmp_path / "images")
    child = script(
        "consumer.py", env=env | {"LOG_LEVEL": "DEBUG", variable: value}, log=tmp_path / "log"
    )
    assert child.wait(LIMIT_S) == 2, str(child)
    assert child.log.splitlines()[-1].startswith(f"error: {variable}"), child.log
    assert "Traceback" not in child.log
    assert "hunter2" not in child.log


@pytest.mark.parametrize("missing", ["database", "broker"])
def test_a_connection_that_fails_shows_no_password(
    missing: str, anything: Model, tmp_path: Path
) -> None:
    nowhere = f"{HOST}:{free_port()}"
    env = settings.consumer(
        nowhere,
        "any",
        tmp_path / "images",
        MONGO_URI=f"mongodb://me:hunter2@{nowhere}/" if missing == "database" else "",
        KAFKA_CONFIG=f"{SASL}hunter2,debug=all",
        LOG_LEVEL="DEBUG",
        STARTUP_TIMEOUT_S=2,
        **anything.settings(),
    )
    child = script("consumer.py", env=env, log=tmp_path / "log")
    assert child.wait(LIMIT_S) == 1, str(child)
    assert nowhere in child.log.splitlines()[-1] or "topic any" in child.log.splitlines()[-1]
    assert "hunter2" not in child.log
