"""The commands for Kubernetes: every name, path and container in them exists."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import yaml

from tests.docs.pages import text
from tests.rig import broker_disk
from tests.rig.kubectl import kubectl
from tests.rig.manifests import ROOT, files, objects, of_kind, pods
from tests.rig.yaml_text import all_yaml_of
from velox.settings.programs import ProducerSettings

TEXT = text()
COMMANDS = [
    line.partition(" #")[0].strip()
    for block in re.findall(r"^```bash\n(.*?)^```", TEXT, re.M | re.S)
    for line in block.replace("\\\n", "").splitlines()
]
COMPONENTS = ROOT / "k8s-components"
SHORT = {"hpa": "horizontalpodautoscaler", "svc": "service", "pvc": "persistentvolumeclaim"}
# The last is the user's own.
OF_THE_CLUSTER = {"nvidia-device-plugin-daemonset", "metrics-server", "sources"}


def names() -> set[tuple[str, str]]:
    """Kind and name of every object of the manifests."""
    found = [*objects(), *objects(COMPONENTS / "own-images")]
    return {
        (each["kind"].lower(), each["metadata"]["name"]) for each in found if "metadata" in each
    }


def test_there_are_commands() -> None:
    assert len([each for each in COMMANDS if each.startswith("kubectl ")]) > 20


def test_objects_that_commands_name_exist() -> None:
    there = names()
    kinds = "deployment|statefulset|job|svc|hpa|configmap|pvc"
    for command in COMMANDS:
        for kind, name in re.findall(rf"\b({kinds})[/ ]([a-z][a-z-]+)", command):
            if name not in OF_THE_CLUSTER:
                assert (SHORT.get(kind, kind), name) in there, command


def test_the_node_that_is_needed_holds_what_the_pods_ask_for() -> None:
    requests = [pod.main["resources"]["requests"] for pod in pods().values()]
    cpu = sum(int(each["cpu"].removesuffix("m")) for each in requests) / 1000
    units = {"Mi": 1 / 1024, "Gi": 1}
    memory = sum(int(each["memory"][:-2]) * units[each["memory"][-2:]] for each in requests)
    assert f"{cpu:.2f} CPUs and {memory:.1f} GiB of memory" in TEXT


def test_partitions_keep_what_the_brokers_claim_holds() -> None:
    heads, figures = (
        [int(each) for each in re.findall(r"\d+", row)]
        for row in re.findall(r"^\| (?:Partitions|MiB that each keeps) \|.*\d \|$", TEXT, re.M)
    )
    (claim,) = of_kind("StatefulSet")["kafka"]["spec"]["volumeClaimTemplates"]
    disk = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) * 2**30
    kept = [broker_disk.retention(partitions, disk) for partitions in heads]
    assert figures == [each // 2**20 for each in kept]
    (by_hand,) = re.findall(r"set env statefulset/kafka KAFKA_LOG_RETENTION_BYTES=(\d+)", TEXT)
    assert int(by_hand) == kept[heads.index(16)]
    assert "More than 20 partitions need" in TEXT
    # No less than a segment: Kafka deletes whole ones.
    assert broker_disk.retention(20, disk) > 64 * 2**20


def test_files_that_are_named_exist() -> None:
    for path in re.findall(r"k8s-manifests/[\w./-]*\w\.(?:yaml|py)", TEXT):
        assert (ROOT / path).is_file(), path
    for path in re.findall(r"`((?:optional|patches)/[\w.-]+\.yaml)`", TEXT):
        assert (ROOT / "k8s-manifests" / path).is_file(), path


def test_every_manifest_is_in_the_table() -> None:
    (table,) = re.findall(r"^\| In `k8s-manifests/` .*?\n\n", TEXT, re.M | re.S)
    listed = set()
    for row in table.strip().splitlines()[2:]:
        first = ""
        for word in re.findall(r"`([^`]+)`", row.split("|")[1]):
            first = first if word.startswith("-") else word
            listed.add(first.rpartition("-")[0] + word if word.startswith("-") else word)
    for path in files():
        found = any(
            path.stem.startswith(each[:-1]) if each.endswith("*") else each == path.stem
            for each in listed
        )
        assert found, f"{path.stem} is not in {sorted(listed)}"


def test_ports_that_are_forwarded_are_served() -> None:
    services = of_kind("Service")
    for name, port in re.findall(r"port-forward svc/(\w+) \d+:(\d+)", TEXT):
        assert int(port) in [each["port"] for each in services[name]["spec"]["ports"]]


def test_secrets_have_the_keys_that_pods_read() -> None:
    made = {
        name: set(re.findall(r"--from-literal=(\w+)=", command))
        for command in COMMANDS
        for name in re.findall(r"create secret generic ([\w-]+)", command)
    }
    text = yaml.safe_dump([pod.spec for pod in pods().values()])
    assert made.keys() == {"mongo-root", "velox-secrets", "grafana-admin"}
    for name in made:
        assert f"name: {name}\n" in text
    assert "key: password" in text
    assert made["grafana-admin"] == {"password"}


# Answers the questions that the commands ask; builds what `apply -k` is given, and writes all down.
KUBECTL = """#!/usr/bin/env bash
set -euo pipefail
echo "$* in ${PWD##*/}" >>"$CALLS"
case "$*" in
  "apply -k "*) "$REAL" kustomize "$3" >"$BUILT" ;;
  "get pods "*) echo data-7d9c5 ;;
esac
"""


def test_own_images_are_brought_by_an_overlay_of_ones_own(tmp_path: Path) -> None:
    (block,) = (
        each
        for each in re.findall(r"^```bash\n(.*?)^```", TEXT, re.M | re.S)
        if "mkdir -p mine" in each
    )
    for folder in ("k8s-manifests", "k8s-overlays", "k8s-components"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "photos").mkdir()
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    calls, built = tmp_path / "calls", tmp_path / "built"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "REAL": kubectl(),
            "CALLS": str(calls),
            "BUILT": str(built),
        },
        check=True,
    )
    said = calls.read_text().splitlines()
    assert "cp . data-7d9c5:/data in photos" in said
    assert said[-1] == f"apply -k mine in {tmp_path.name}"
    found = {each["kind"]: each for each in all_yaml_of(built.read_text())}
    (container,) = found["Job"]["spec"]["template"]["spec"]["containers"]
    assert "/data" in [each["mountPath"] for each in container["volumeMounts"]]


def test_the_address_of_a_camera_reaches_the_producer() -> None:
    patches = {
        kind: (name, json.loads(patch))
        for command in COMMANDS
        for kind, name, patch in re.findall(r"patch (configmap|secret) ([\w-]+) -p '(.*)'", command)
    }
    producer = pods()["producer"].main
    name, patch = patches["configmap"]
    assert {"configMapRef": {"name": name}} in producer["envFrom"]
    assert patch["data"].keys() == {ProducerSettings.declared()["source"].variable}
    name, patch = patches["secret"]
    (key,) = patch["stringData"]
    secrets = [each.get("valueFrom", {}).get("secretKeyRef") for each in producer["env"]]
    assert {"name": name, "key": key, "optional": True} in secrets
    assert key == ProducerSettings.declared()["source"].variable


def test_overlays_that_are_named_exist() -> None:
    named = set(re.findall(r"k8s-overlays/([\w-]+)", TEXT))
    assert named == {path.name for path in (ROOT / "k8s-overlays").iterdir()}


def test_components_that_are_named_exist() -> None:
    named = set(re.findall(r"k8s-components/([\w-]+)", TEXT))
    assert named == {path.name for path in COMPONENTS.iterdir()}
