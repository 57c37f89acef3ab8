"""The Kubernetes manifests: valid, one object a file, and every name in them exists."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from kubernetes_validate.utils import all_versions

from tests.rig import manifests
from tests.rig.manifests import FOLDER, OPTIONAL, ROOT, of_kind, pods
from tests.rig.yaml_text import all_yaml_of, yaml_of

NEWEST = all_versions()[-3:]
GROUPS_OF_OPERATORS = ("keda.sh/", "monitoring.coreos.com/")
FILES = [*manifests.files(), *manifests.files(OPTIONAL)]
PODS = pods()
CHECKOV = shutil.which("checkov")
GENERATOR = FOLDER / "generate.py"


def of(path: Path) -> dict[str, Any]:
    """The one object of a file."""
    (found,) = all_yaml_of(path.read_text())
    return dict(found)


@pytest.mark.parametrize("version", NEWEST)
def test_objects_follow_the_schema(version: str) -> None:
    checked = [path for path in FILES if not of(path)["apiVersion"].startswith(GROUPS_OF_OPERATORS)]
    for path in checked:
        assert kubernetes_validate.validate(of(path), version, strict=True) == version[:4], path
    assert len(FILES) - len(checked) == 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_file_holds_one_object_of_velox(path: Path) -> None:
    assert of(path)["metadata"]["labels"]["app.kubernetes.io/part-of"] == "velox"


def test_plain_apply_takes_no_kustomization_and_nothing_from_below() -> None:
    assert not list(FOLDER.rglob("kustomization.y*ml"))
    below = {path.parent.name for path in FOLDER.rglob("*.yaml")} - {FOLDER.name}
    assert below == {"optional", "patches"}


def test_objects_stay_in_the_namespace_of_the_context() -> None:
    """All but what the GPU's plugin reads where it runs."""
    elsewhere = {
        each["metadata"]["name"]: each["metadata"]["namespace"]
        for each in manifests.objects()
        if "namespace" in each["metadata"]
    }
    assert elsewhere == {"time-slicing-config": "kube-system"}


def test_yaml_is_tidy() -> None:
    tool = Path(sys.executable).parent / "yamllint"
    shown = subprocess.run(
        [tool, "--strict", "."], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert shown.returncode == 0, shown.stdout


@pytest.mark.skipif(CHECKOV is None, reason="needs checkov, in an environment of its own")
def test_checkov_finds_nothing() -> None:
    shown = subprocess.run(
        [str(CHECKOV), "--config-file", ".checkov.yaml"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert shown.returncode == 0, shown.stdout


def test_generated_config_maps_are_in_step() -> None:
    shown = subprocess.run(
        [sys.executable, GENERATOR, "--check"], capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stdout


def test_config_maps_hold_the_files_of_compose() -> None:
    maps = of_kind("ConfigMap")
    rules = (ROOT / "prometheus.rules.yml").read_text()
    assert maps["prometheus"]["data"]["prometheus.rules.yml"] == rules
    for name, folder in (
        ("grafana-datasources", "provisioning/datasources"),
        ("grafana-providers", "provisioning/dashboards"),
        ("grafana-dashboards", "dashboards"),
    ):
        texts = {path.name: path.read_text() for path in (ROOT / "grafana" / folder).iterdir()}
        assert maps[name]["data"] == texts


def test_prometheus_differs_from_compose_in_how_it_finds_consumers_alone() -> None:
    in_compose = yaml_of((ROOT / "prometheus.yml").read_text())
    found = yaml_of(of_kind("ConfigMap")["prometheus"]["data"]["prometheus.yml"])
    for config, discovery in ((in_compose, "dns_sd_configs"), (found, "kubernetes_sd_configs")):
        (job,) = (each for each in config["scrape_configs"] if each["job_name"] == "velox")
        (how,) = job.pop(discovery)
        renamed = job.pop("relabel_configs")
        assert renamed[-1]["target_label"] == "pod"
    assert found == in_compose
    assert how["selectors"] == [{"role": "pod", "label": "app=consumer"}]
    assert {each["action"]: each["regex"] for each in renamed[:-1]} == {"keep": "Running"}
    (port,) = PODS["consumer"].main["ports"]
    assert renamed[0]["regex"] == port["name"]
    services = {
        f"{name}:{port['port']}"
        for name, each in of_kind("Service").items()
        for port in each["spec"]["ports"]
    }
    named = {
        target
        for job in found["scrape_configs"]
        for each in job.get("static_configs", [])
        for target in each["targets"]
    }
    assert named - services == {"localhost:9090"}


def test_the_operator_gets_the_same_rules_and_jobs() -> None:
    rules = yaml_of((ROOT / "prometheus.rules.yml").read_text())
    assert of_kind("PrometheusRule", folder=OPTIONAL)["velox"]["spec"] == rules
    monitors = of_kind("ServiceMonitor", folder=OPTIONAL)
    assert set(monitors) == {"consumer", "lag", "producer"}
    services = of_kind("Service")
    for name, monitor in monitors.items():
        selector = monitor["spec"]["selector"]["matchLabels"]
        assert selector.items() <= services[name]["metadata"]["labels"].items()
        (endpoint,) = monitor["spec"]["endpoints"]
        assert endpoint["port"] in [each["name"] for each in services[name]["spec"]["ports"]]
    jobs = yaml_of((ROOT / "prometheus.yml").read_text())["scrape_configs"]
    for name in ("lag", "producer"):
        (renamed,) = monitors[name]["spec"]["endpoints"][0]["relabelings"]
        assert renamed == {"targetLabel": "job", "replacement": f"velox-{name}"}
        assert f"velox-{name}" in [each["job_name"] for each in jobs]


def test_generator_leaves_other_jobs_alone() -> None:
    in_kubernetes = runpy.run_path(str(GENERATOR))["in_kubernetes"]
    text = "scrape_configs: [{job_name: other, static_configs: [{targets: [a:1]}]}]"
    assert yaml_of(in_kubernetes(text)) == yaml_of(text)


def test_prometheus_may_list_the_pods_and_nothing_else() -> None:
    assert of_kind("Role")["prometheus"]["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    ]
    binding = of_kind("RoleBinding")["prometheus"]
    assert binding["roleRef"]["name"] in of_kind("Role")
    assert [each["name"] for each in binding["subjects"]] == ["prometheus"]
    assert set(of_kind("ServiceAccount")) == {PODS["prometheus"].spec["serviceAccountName"]}


def test_selectors_choose_exactly_the_pods_they_are_meant_for() -> None:
    chosen: dict[str, dict[str, str]] = {}
    for name, each in of_kind("Deployment", "StatefulSet", "PodDisruptionBudget").items():
        chosen[name] = each["spec"]["selector"]["matchLabels"]
    for name, each in of_kind("Service").items():
        chosen[name] = each["spec"]["selector"]
    for name, selector in chosen.items():
        matched = {pod.name for pod in PODS.values() if selector.items() <= pod.labels.items()}
        assert matched == {name.removesuffix("-brokers")}, name


def test_services_lead_to_ports_that_exist() -> None:
    for name, service in of_kind("Service").items():
        ports = PODS[service["spec"]["selector"]["app"]].main["ports"]
        numbers = {port["name"]: port["containerPort"] for port in ports}
        for port in service["spec"]["ports"]:
            assert numbers[port["targetPort"]] == port["port"], name
    assert of_kind("StatefulSet")["kafka"]["spec"]["serviceName"] in of_kind("Service")


def referred(found: Any, key: str) -> set[str]:
    """The names that objects refer to under a key, but for those that may be missing."""
    if isinstance(found, list):
        return {name for each in found for name in referred(each, key)}
    if not isinstance(found, dict):
        return set()
    names = {name for each in found.values() for name in referred(each, key)}
    reference = found.get(key)
    if isinstance(reference, dict) and not reference.get("optional"):
        names.add(reference.get("name") or reference.get("claimName") or reference["secretName"])
    return names


@pytest.mark.parametrize("name", PODS)
def test_everything_that_a_pod_names_exists(name: str) -> None:
    spec = PODS[name].spec
    assert referred(spec, "configMapRef") | referred(spec, "configMap") <= set(of_kind("ConfigMap"))
    claims = of_kind("PersistentVolumeClaim")
    assert referred(spec, "persistentVolumeClaim") <= set(claims)
    for key in ("secretRef", "secretKeyRef", "secret"):
        assert referred(spec, key) == set(), "passwords are made by hand"
    if "priorityClassName" in spec:
        assert spec["priorityClassName"] in of_kind("PriorityClass")
    templates = of_kind("StatefulSet").get(name, {"spec": {}})["spec"]
    volumes = {each["name"] for each in spec.get("volumes", [])} | {
        each["metadata"]["name"] for each in templates.get("volumeClaimTemplates", [])
    }
    mounted = {mount["name"] for each in PODS[name].containers for mount in each["volumeMounts"]}
    assert mounted == volumes


def test_every_object_that_pods_use_is_used() -> None:
    specs = [pod.spec for pod in PODS.values()]
    maps = set(of_kind("ConfigMap")) - {"time-slicing-config"}
    assert referred(specs, "configMapRef") | referred(specs, "configMap") == maps
    assert referred(specs, "persistentVolumeClaim") == set(of_kind("PersistentVolumeClaim"))
