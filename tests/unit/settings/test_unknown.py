"""Variables that look like settings are named, and none that others set for good reasons."""

from __future__ import annotations

from pathlib import Path

import pytest
from dotenv import dotenv_values

from tests.rig.yaml_text import all_yaml_of, yaml_of
from velox.settings.unknown import SETTINGS, _distance, unknown_variables

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP_SERVER"),
        ("BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP_SERVER"),
        ("KAFKA_BROKERS", "KAFKA_BOOTSTRAP_SERVER"),
        ("KAFKA_GROUP_ID", "KAFKA_CONSUMER_GROUP"),
        ("KAFKA_TOPICS", "KAFKA_TOPIC"),
        ("MONGO_URL", "MONGO_URI"),
        ("MONGODB_URI", "MONGO_URI"),
        ("BATCHSIZE", "BATCH_SIZE"),
        ("CONFIDENCE_TRESHOLD", "CONFIDENCE_THRESHOLD"),
        ("CONFIDENCE_THERSHOLD", "CONFIDENCE_THRESHOLD"),
        ("STARTUP_TIMEOUT", "STARTUP_TIMEOUT_S"),
        ("MAX_AGE", "MAX_AGE_S"),
        ("TARGET_LABEL", "TARGET_LABELS"),
        ("COLOURS", "COLORS"),
        ("EPOCH", "EPOCHS"),
        ("PRODUCER_INTERVALL", "PRODUCER_INTERVAL"),
        ("kafka_topic", "KAFKA_TOPIC"),
        ("Batch_Size", "BATCH_SIZE"),
    ],
)
def test_a_mistake_is_named_with_the_setting_that_is_meant(name: str, meant: str) -> None:
    said = unknown_variables({name: "hunter2", "BATCH_SIZE": "8"})
    assert said == f"variables that nothing reads: {name} is no setting, {meant} is"


def test_several_mistakes_are_one_line() -> None:
    said = unknown_variables({"MONGO_URL": "a", "BATCH_SIZ": "4"})
    assert said is not None
    assert said.count(" is no setting, ") == 2
    assert "\n" not in said


def test_a_second_name_with_the_same_value_does_no_harm() -> None:
    both = {"KAFKA_BOOTSTRAP_SERVER": "a:1", "KAFKA_BOOTSTRAP_SERVERS": "a:1"}
    assert unknown_variables(both) is None
    assert unknown_variables({**both, "KAFKA_BOOTSTRAP_SERVERS": "b:1"}) is not None


def test_no_setting_is_near_another_that_only_some_programs_read() -> None:
    assert unknown_variables(dict.fromkeys(SETTINGS, "1")) is None


def test_the_environment_of_compose_is_no_mistake() -> None:
    services = yaml_of((ROOT / "docker-compose.yml").read_text())["services"]
    names = {name for each in services.values() for name in each.get("environment", {})}
    text = (ROOT / ".env").read_text()
    # Variables that are shown there as comments are there to be set.
    shown = {line.split("=")[0].strip("# ") for line in text.splitlines() if "=" in line}
    names |= dotenv_values(ROOT / ".env").keys() | {each for each in shown if each.isupper()}
    assert {"MONGO_PASSWORD", "KAFKA_LOG_DIRS", "DATA_DIR"} <= names
    assert unknown_variables({name: f"value of {name}" for name in names}) is None


def test_the_environment_of_kubernetes_is_no_mistake() -> None:
    """What a pod gets for each service: kubernetes.io, Service, "Environment variables"."""
    environ = {"KUBERNETES_SERVICE_PORT_HTTPS": "443", "POD_NAME": "consumer-0", "HOSTNAME": "x"}
    for file in (ROOT / "k8s-manifests").glob("*.yaml"):
        for each in filter(None, all_yaml_of(file.read_text())):
            if each["kind"] == "Service":
                name = each["metadata"]["name"].upper().replace("-", "_")
                for port in each["spec"]["ports"]:
                    environ |= links(name, port["port"])
            elif each["kind"] == "ConfigMap" and each["metadata"]["name"] == "consumer-env":
                environ |= each["data"]
    assert {"KAFKA_SERVICE_HOST", "MONGO_PORT", "KAFKA_BOOTSTRAP_SERVER"} <= environ.keys()
    # A service of the user's own, one letter from a setting.
    environ |= links("METRIC", 80) | links("MONGO_URL", 80)
    assert unknown_variables(environ) is None


def links(service: str, port: int) -> dict[str, str]:
    address = f"tcp://10.96.0.7:{port}"
    return {
        f"{service}_SERVICE_HOST": "10.96.0.7",
        f"{service}_SERVICE_PORT": str(port),
        f"{service}_SERVICE_PORT_MAIN": str(port),
        f"{service}_PORT": address,
        f"{service}_PORT_{port}_TCP": address,
        f"{service}_PORT_{port}_TCP_PROTO": "tcp",
        f"{service}_PORT_{port}_TCP_PORT": str(port),
        f"{service}_PORT_{port}_TCP_ADDR": "10.96.0.7",
    }


@pytest.mark.parametrize(
    "name",
    ["IMAGE", "PATCH_SIZE", "CLASSPATH", "KAFKA_HOME", "KAFKA_OPTS", "MONGO_HOST", "LOGNAME",
     "SHELL", "PATH", "PWD", "DB_HOST", "COLORTERM", "LANG", "HOME", "MODEL_ID", "DEVICE_ID",
     "source", "images"],
)  # fmt: skip
def test_names_of_other_programs_are_no_mistakes(name: str) -> None:
    assert unknown_variables({name: "x"}) is None


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("abc", "axc", 1), ("abc", "xaby", 2),
     ("kitten", "sitting", 3)],
)  # fmt: skip
def test_the_distance_is_the_fewest_changes(one: str, other: str, distance: int) -> None:
    assert _distance(one, other) == _distance(other, one) == distance
