#!/usr/bin/env python3
"""Write what Prometheus, Grafana and MongoDB read, from the files that Compose mounts.

    python k8s-manifests/generate.py           # after a change of what it reads
    python k8s-manifests/generate.py --check   # exit code 1 if a ConfigMap is out of step

All is taken over as it is but the discovery of the consumers: Compose resolves a name, Kubernetes
lists the pods.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
HEADER = "# Written by generate.py; change the files that it reads.\n"

# Each running consumer is one target, named after its pod; one that still waits for the model in
# its init container, or that has ended, is none.
POD_DISCOVERY: dict[str, Any] = {
    "kubernetes_sd_configs": [
        {
            "role": "pod",
            "namespaces": {"own_namespace": True},
            "selectors": [{"role": "pod", "label": "app=consumer"}],
        }
    ],
    "relabel_configs": [
        {
            "source_labels": ["__meta_kubernetes_pod_container_port_name"],
            "regex": "metrics",
            "action": "keep",
        },
        {
            "source_labels": ["__meta_kubernetes_pod_phase"],
            "regex": "Running",
            "action": "keep",
        },
        {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
    ],
}


def main() -> int:
    """Write or check all of them; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = [path for path, text in manifests().items() if not _holds(path, text)]
    for path in stale:
        print(f"{path.name}: {'out of date, run generate.py' if check else 'written'}")
        if not check:
            path.write_text(manifests()[path])
    return 1 if check and stale else 0


def manifests() -> dict[Path, str]:
    """The text of every generated manifest by its path."""
    grafana = ROOT / "grafana"
    rules = (ROOT / "prometheus.rules.yml").read_text()
    config = in_kubernetes((ROOT / "prometheus.yml").read_text())
    provisioning = grafana / "provisioning"
    texts = {
        "prometheus": {"prometheus.yml": config, "prometheus.rules.yml": rules},
        "grafana-datasources": _contents(provisioning / "datasources"),
        "grafana-providers": _contents(provisioning / "dashboards"),
        "grafana-dashboards": _contents(grafana / "dashboards"),
        "mongo-users": _contents(ROOT / "mongo"),
    }
    found = {
        HERE / f"{name}-configmap.yaml": config_map(name, each) for name, each in texts.items()
    }
    return {**found, HERE / "optional/velox-prometheusrule.yaml": prometheus_rule(rules)}


def in_kubernetes(text: str) -> str:
    """Prometheus' configuration with pods in place of resolved names."""
    config: dict[str, Any] = yaml.safe_load(text)
    for job in config["scrape_configs"]:
        if job["job_name"] == "velox" and job.pop("dns_sd_configs", None):
            job.update(POD_DISCOVERY)
    return yaml.safe_dump(config, sort_keys=False)


def config_map(name: str, data: Mapping[str, str]) -> str:
    """A ConfigMap whose values are readable blocks of text."""
    labels = {"app": name.partition("-")[0], "app.kubernetes.io/part-of": "velox"}
    head = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}}
    blocks = [f"  {key}: |\n{textwrap.indent(value, '    ')}" for key, value in data.items()]
    return f"{HEADER}{yaml.safe_dump(head, sort_keys=False)}data:\n{''.join(blocks)}"


def prometheus_rule(rules: str) -> str:
    """The rules as an object of the Prometheus Operator, whose `spec` is the same form."""
    labels = {"app": "prometheus", "app.kubernetes.io/part-of": "velox"}
    head = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "velox", "labels": labels},
    }
    return f"{HEADER}{yaml.safe_dump(head, sort_keys=False)}spec:\n{textwrap.indent(rules, '  ')}"


def _contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())
