"""What can be added to an overlay, built by a real kubectl: own images, and training again."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate.utils import all_versions

from tests.rig.kubectl import kubectl
from tests.rig.manifests import ROOT
from tests.rig.yaml_text import all_yaml_of
from velox.settings.consumer import ConsumerSettings
from velox.settings.programs import ProducerSettings

FOLDERS = ("k8s-manifests", "k8s-overlays", "k8s-components")
OVERLAYS = sorted(path.name for path in (ROOT / "k8s-overlays").iterdir())
OWN_IMAGES, SOURCES, TRAIN_AGAIN, WATCH = COMPONENTS = (
    "own-images",
    "sources",
    "train-again",
    "watch",
)
SHARING = ("data", "producer", "model-trainer")
LIMIT_S = 60
Objects = dict[tuple[str, str], dict[str, Any]]


def built(folder: Path) -> Objects:
    done = subprocess.run(
        [kubectl(), "kustomize", folder],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = all_yaml_of(done.stdout)
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def with_components(folder: Path, overlay: str, *components: str) -> Objects:
    """What an overlay of one's own makes, beside a copy of those that there are."""
    for each in FOLDERS:
        shutil.copytree(ROOT / each, folder / each, dirs_exist_ok=True)
    mine = folder / "mine"
    mine.mkdir(exist_ok=True)
    kustomization = {
        "resources": [f"../k8s-overlays/{overlay}"],
        "components": [f"../k8s-components/{each}" for each in components],
    }
    (mine / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return built(mine)


def pods(found: Objects) -> dict[str, dict[str, Any]]:
    """The templates of the pods by the names of what makes them."""
    return {
        name: each["spec"]["template"]
        for (_, name), each in found.items()
        if "template" in each.get("spec", {})
    }


def at_data(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """How a pod mounts /data."""
    (container,) = pod["spec"]["containers"]
    claims = {
        each["name"]: each["persistentVolumeClaim"]
        for each in pod["spec"]["volumes"]
        if "persistentVolumeClaim" in each
    }
    found = [each for each in container["volumeMounts"] if each["mountPath"] == "/data"]
    assert all(claims[each["name"]]["claimName"] == "data" for each in found)
    return found


def test_every_component_is_tested() -> None:
    assert {path.name for path in (ROOT / "k8s-components").iterdir()} == set(COMPONENTS)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_objects_follow_the_schema_on_every_overlay(tmp_path: Path, overlay: str) -> None:
    for found in with_components(tmp_path, overlay, *COMPONENTS).values():
        kubernetes_validate.validate(found, all_versions()[-1], strict=True)


def test_training_and_producer_read_what_was_copied(tmp_path: Path) -> None:
    plain, found = with_components(tmp_path, "cpu"), with_components(tmp_path, "cpu", OWN_IMAGES)
    changed = {key for key in plain | found if plain.get(key) != found.get(key)}
    assert changed == {
        ("PersistentVolumeClaim", "data"),
        ("Deployment", "data"),
        ("Deployment", "producer"),
        ("Job", "model-trainer"),
        ("ConfigMap", "consumer-env"),
    }
    settings = found["ConfigMap", "consumer-env"]["data"]
    added = settings.items() - plain["ConfigMap", "consumer-env"]["data"].items()
    # A Deployment starts again what ends: so the images have no end.
    assert dict(added) == {"DATASET_PATH": "/data", "SOURCE": "/data", "SOURCE_LOOP": "1"}
    mounts = {name: at_data(pod) for name, pod in pods(found).items() if at_data(pod)}
    assert mounts.keys() == set(SHARING)
    writing = {name for name, (mount,) in mounts.items() if not mount.get("readOnly")}
    assert writing == {"data"}


def test_a_watching_producer_remembers_in_a_claim_that_it_may_write(tmp_path: Path) -> None:
    before = with_components(tmp_path, "cpu", OWN_IMAGES)
    found = with_components(tmp_path, "cpu", OWN_IMAGES, WATCH)
    changed = {key for key in before | found if before.get(key) != found.get(key)}
    assert changed == {
        ("PersistentVolumeClaim", "producer-state"),
        ("Deployment", "producer"),
        ("ConfigMap", "consumer-env"),
    }
    settings = ProducerSettings.load(found["ConfigMap", "consumer-env"]["data"])
    assert settings.source == ("watch:/data",)
    assert not settings.source_loop
    producer = pods(found)["producer"]["spec"]
    (container,) = producer["containers"]
    (state,) = [each for each in container["volumeMounts"] if each["name"] == "state"]
    assert state == {"name": "state", "mountPath": str(settings.watch_state)}
    assert at_data(pods(found)["producer"]), "what is watched is there"
    # A new claim is root's: the group makes it the script's.
    assert producer["securityContext"]["fsGroup"] == producer["securityContext"]["runAsGroup"]
    (volume,) = [each for each in producer["volumes"] if each["name"] == "state"]
    claim = volume["persistentVolumeClaim"]["claimName"]
    assert ("PersistentVolumeClaim", claim) in found
    # As in the image and in the Compose file.
    assert "/state" in (ROOT / "Dockerfile").read_text().partition("install --directory")[2]


def test_who_uses_the_claims_of_one_node_goes_to_one_node(tmp_path: Path) -> None:
    """The training uses both, so that what uses either is on the node of the other."""
    found = pods(with_components(tmp_path, "cpu", OWN_IMAGES))
    for name in (*SHARING, "consumer"):
        assert found[name]["metadata"]["labels"]["claim"] == "discoveries"
        affinity = found[name]["spec"]["affinity"]["podAffinity"]
        (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
        assert term["labelSelector"]["matchLabels"] == {"claim": "discoveries"}


def test_on_several_nodes_one_line_brings_own_images(tmp_path: Path) -> None:
    with_components(tmp_path, "multi-node")
    folder = tmp_path / "k8s-overlays" / "multi-node"
    file = folder / "kustomization.yaml"
    text = file.read_text()
    file.write_text(text.replace("# components:", "components:"))
    assert file.read_text() != text
    found = built(folder)
    claim = found["PersistentVolumeClaim", "data"]["spec"]
    assert claim["accessModes"] == ["ReadWriteMany"]
    assert claim["storageClassName"] == "nfs"
    for name in (*SHARING, "consumer"):
        assert "affinity" not in pods(found)[name]["spec"]
    assert "registry.example.com" in pods(found)["data"]["spec"]["containers"][0]["image"]


def test_the_pod_for_copying_is_restrained_as_the_others(tmp_path: Path) -> None:
    found = pods(with_components(tmp_path, "cpu", OWN_IMAGES))
    data, trainer = found["data"]["spec"], found["model-trainer"]["spec"]
    for key in ("securityContext", "automountServiceAccountToken", "enableServiceLinks"):
        assert data[key] == trainer[key]
    (container,), (other,) = data["containers"], trainer["containers"]
    for key in ("image", "imagePullPolicy", "securityContext"):
        assert container[key] == other[key]


def test_what_sources_have_of_their_own_is_mounted_so_that_changes_are_seen(tmp_path: Path) -> None:
    """As a folder: what is mounted by `subPath` stays as it was when the pod started."""
    plain, found = with_components(tmp_path, "cpu"), with_components(tmp_path, "cpu", SOURCES)
    changed = {key for key in plain | found if plain.get(key) != found.get(key)}
    assert changed == {("ConfigMap", "consumer-env"), ("Deployment", "consumer")}
    settings = ConsumerSettings.load(found["ConfigMap", "consumer-env"]["data"])
    assert settings.sources_path == Path("/sources/sources.json")
    consumer = pods(found)["consumer"]["spec"]
    mounts = consumer["containers"][0]["volumeMounts"]
    assert {"name": "sources", "mountPath": "/sources", "readOnly": True} in mounts
    assert {"name": "sources", "configMap": {"name": "sources"}} in consumer["volumes"]


def test_training_again_keeps_no_model(tmp_path: Path) -> None:
    found = pods(with_components(tmp_path, "gpu", TRAIN_AGAIN))
    assert found["model-trainer"]["spec"]["containers"][0]["args"] == ["train"]
