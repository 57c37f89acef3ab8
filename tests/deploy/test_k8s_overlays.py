"""The overlays, built by a real kubectl: valid, and other than the base in what they are for."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate.utils import all_versions

from tests.rig import manifests
from tests.rig.kubectl import kubectl
from tests.rig.manifests import FOLDER, ROOT
from tests.rig.yaml_text import all_yaml_of, yaml_of

OVERLAYS = ROOT / "k8s-overlays"
NAMES = ("cpu", "gpu", "kafka-three", "multi-node")
LIMIT_S = 60
GPU = "nvidia.com/gpu"
Objects = dict[tuple[str, str], dict[str, Any]]


def named(found: list[dict[str, Any]]) -> Objects:
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def base() -> Objects:
    return named(list(manifests.objects()))


def shown(*arguments: str | Path) -> str:
    done = subprocess.run(
        [kubectl(), *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def built(overlay: str) -> Objects:
    return named(list(all_yaml_of(shown("kustomize", OVERLAYS / overlay))))


def changed(overlay: str) -> set[tuple[str, str]]:
    """The objects that an overlay adds, takes away or makes otherwise."""
    before, after = base(), built(overlay)
    return {key for key in before | after if before.get(key) != after.get(key)}


def pod_of(found: dict[str, Any]) -> dict[str, Any]:
    return dict(found["spec"]["template"]["spec"])


def test_every_overlay_is_tested() -> None:
    assert {path.name for path in OVERLAYS.iterdir()} == set(NAMES)


@pytest.mark.parametrize("overlay", NAMES)
def test_objects_of_an_overlay_follow_the_schema(overlay: str) -> None:
    for found in built(overlay).values():
        kubernetes_validate.validate(found, all_versions()[-1], strict=True)


def test_the_base_is_all_that_a_plain_apply_takes() -> None:
    """`apply -f` on a folder takes .json, .yaml and .yml; kustomize knows a file without ending."""
    listed = yaml_of((FOLDER / "Kustomization").read_text())["resources"]
    assert listed == [path.name for path in manifests.files()]
    taken = shown("label", "--local", "-f", FOLDER, "a=b", "-o", "name").split()
    assert len(taken) == len(listed)


def test_gpu_is_the_manifests_as_they_are() -> None:
    assert changed("gpu") == set()


def test_cpu_asks_for_no_gpu_and_changes_nothing_else() -> None:
    consumer, trainer = ("Deployment", "consumer"), ("Job", "model-trainer")
    assert changed("cpu") == {consumer, trainer, ("ConfigMap", "time-slicing-config")}
    before, after = base(), built("cpu")
    assert GPU not in yaml.safe_dump(list(after.values()))
    for key in (consumer, trainer):
        (container,) = pod_of(before[key])["containers"]
        container["resources"]["limits"].pop(GPU)
        assert before[key] == after[key]


def environment(found: dict[str, Any]) -> dict[str, str]:
    (container,) = pod_of(found)["containers"]
    return {each["name"]: each.get("value", "") for each in container["env"]}


def test_three_brokers_can_lose_one() -> None:
    kafka = ("StatefulSet", "kafka")
    assert changed("kafka-three") == {
        kafka,
        ("ConfigMap", "consumer-env"),
        ("PodDisruptionBudget", "kafka"),
    }
    after = built("kafka-three")
    spec, names = after[kafka]["spec"], environment(after[kafka])
    voters = names["KAFKA_CONTROLLER_QUORUM_VOTERS"].split(",")
    assert voters == [f"{n}@kafka-{n}.{spec['serviceName']}:29093" for n in range(spec["replicas"])]
    factors = {name for name in names if name.endswith("REPLICATION_FACTOR")}
    assert len(factors) == 4
    assert {names[name] for name in factors} == {"3"}
    least = {name for name in names if name.endswith(("MIN_ISR", "INSYNC_REPLICAS"))}
    assert {names[name] for name in least} == {"2"}
    assert after["ConfigMap", "consumer-env"]["data"]["KAFKA_REPLICATION_FACTOR"] == "3"


def test_brokers_of_a_quorum_start_together() -> None:
    """One after the other, the first would wait for the others before it is ready: for ever."""
    for found in (base(), built("kafka-three")):
        assert found["StatefulSet", "kafka"]["spec"]["podManagementPolicy"] == "Parallel"
    assert base()["Service", "kafka-brokers"]["spec"]["publishNotReadyAddresses"] is True


def test_who_shares_a_claim_of_one_node_goes_to_that_node() -> None:
    for found in base().values():
        if "template" not in found.get("spec", {}):
            continue
        shares = "claimName: discoveries" in yaml.safe_dump(pod_of(found))
        labels = found["spec"]["template"]["metadata"]["labels"]
        assert shares == (labels.get("claim") == "discoveries")
        if shares:
            affinity = pod_of(found)["affinity"]["podAffinity"]
            (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
            assert term["labelSelector"]["matchLabels"] == {"claim": "discoveries"}
            assert term["topologyKey"] == "kubernetes.io/hostname"
            assert "topologySpreadConstraints" not in pod_of(found)
    assert base()["PersistentVolumeClaim", "discoveries"]["spec"]["accessModes"] == [
        "ReadWriteOnce"
    ]


def test_several_nodes_share_the_claim_the_load_and_the_image() -> None:
    after = built("multi-node")
    claim = after["PersistentVolumeClaim", "discoveries"]["spec"]
    assert claim["accessModes"] == ["ReadWriteMany"]
    assert claim["storageClassName"]
    consumer, trainer = after["Deployment", "consumer"], after["Job", "model-trainer"]
    for found in (consumer, trainer):
        assert "affinity" not in pod_of(found)
    (spread,) = pod_of(consumer)["topologySpreadConstraints"]
    labels = consumer["spec"]["template"]["metadata"]["labels"]
    assert spread["labelSelector"]["matchLabels"].items() <= labels.items()
    assert "ml-inference-app:latest" not in yaml.safe_dump(list(after.values()))
    assert after["StatefulSet", "kafka"]["spec"]["replicas"] == 3
