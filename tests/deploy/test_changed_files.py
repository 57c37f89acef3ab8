"""A changed file reaches Prometheus and Grafana by the commands of docs/operations.md."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.rig import need
from tests.rig.http import get
from tests.rig.prometheus import HOW, Prometheus
from tests.rig.waiting import eventually
from tests.rig.yaml_text import yaml_of

ROOT = Path(__file__).parents[2]
LIMIT_S = 30
CONFIG = "{global: {evaluation_interval: 1s}, rule_files: [rules.yml]}\n"
RULES = "groups: [{{name: g, rules: [{{record: {name}, expr: {expression}}}]}}]\n"


def replace(path: Path, text: str) -> None:
    """Save as editors do: under another name, and renamed."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def checked(config: Path) -> bool:
    """Whether promtool lets a configuration pass."""
    command = [need.program("promtool", HOW), "check", "config", str(config)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def recorded(prometheus: Prometheus) -> list[str]:
    """The names of the rules in use."""
    status, body = get(f"{prometheus.address}/api/v1/rules", LIMIT_S)
    assert status == 200, body
    groups = json.loads(body)["data"]["groups"]
    return [rule["name"] for group in groups for rule in group["rules"]]


def test_prometheus_takes_a_changed_rule_and_never_a_broken_one(tmp_path: Path) -> None:
    config, rules = tmp_path / "prometheus.yml", tmp_path / "rules.yml"
    config.write_text(CONFIG)
    rules.write_text(RULES.format(name="before", expression="vector(1)"))
    prometheus = Prometheus(tmp_path / "server", config)
    prometheus.start()
    try:
        assert recorded(prometheus) == ["before"]
        eventually(lambda: prometheus.query("before"), LIMIT_S, "the first rule has a value")
        replace(rules, RULES.format(name="broken", expression="rate("))
        assert not checked(config), "the restart is not reached"
        assert recorded(prometheus) == ["before"]
        replace(rules, RULES.format(name="after", expression="vector(2)"))
        assert checked(config)
        prometheus.stop()
        prometheus.start()
        assert recorded(prometheus) == ["after"]
        assert prometheus.query("last_over_time(before[1h])"), "its history is still there"
    finally:
        prometheus.stop()


def test_files_that_are_mounted_one_by_one_are_taken_by_a_restart() -> None:
    """Docker resolves the path of a mount at each start; until then the old file stays mounted."""
    service = yaml_of((ROOT / "docker-compose.yml").read_text())["services"]["prometheus"]
    single = [each.split(":")[0] for each in service["volumes"] if each.startswith("./")]
    assert single == ["./prometheus.yml", "./prometheus.rules.yml"]
    page = (ROOT / "docs/operations.md").read_text()
    path = "/etc/prometheus/prometheus.yml"
    check = (
        f"docker-compose run --rm --no-deps --entrypoint promtool prometheus check config {path}"
    )
    assert f"{check} &&\n  docker-compose restart prometheus" in page


def test_grafana_looks_for_changed_dashboards_in_a_folder() -> None:
    provider = ROOT / "grafana/provisioning/dashboards/velox.yml"
    (found,) = yaml_of(provider.read_text())["providers"]
    assert found["updateIntervalSeconds"] == 10
    services = yaml_of((ROOT / "docker-compose.yml").read_text())["services"]
    mounted: list[Any] = services["grafana"]["volumes"]
    assert f"./grafana/dashboards:{found['options']['path']}:ro" in mounted
