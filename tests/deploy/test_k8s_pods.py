"""What runs in Kubernetes: as in Compose, restrained, probed, and within its means."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.rig import broker_disk, manifests, need
from tests.rig.manifests import PATCHES, ROOT, Pod, of_kind, pods
from tests.rig.yaml_text import yaml_of
from velox.monitoring.health import Health
from velox.monitoring.metrics import Metrics
from velox.monitoring.server import answers
from velox.settings.consumer import ConsumerSettings
from velox.settings.declare import Settings
from velox.settings.programs import LagSettings, ProducerSettings
from velox.settings.training import TrainSettings

PODS = pods()
SETTINGS: dict[str, str] = of_kind("ConfigMap")["consumer-env"]["data"]
SLICING = yaml_of(of_kind("ConfigMap")["time-slicing-config"]["data"]["config.yaml"])
AUTOSCALER = of_kind("HorizontalPodAutoscaler")["consumer-hpa"]["spec"]
COMPOSE: dict[str, Any] = yaml_of((ROOT / "docker-compose.yml").read_text())["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SCRIPTS: dict[str, type[Settings]] = {
    "model-trainer": TrainSettings,
    "consumer": ConsumerSettings,
    "producer": ProducerSettings,
    "lag": LagSettings,
}
IN_COMPOSE = {"model-trainer": "trainer"}
OF_LIBRARIES = {"OMP_NUM_THREADS"}
GPU = "nvidia.com/gpu"
GPU_PODS = {"consumer", "model-trainer"}
# What one process keeps on the device beside PyTorch's memory: its CUDA context and kernels.
CUDA_CONTEXT_GB = 0.5
SMALL_GPU_GB = 8
# kubeadm's control plane, CoreDNS and metrics-server, in thousandths of a CPU.
SYSTEM_CPU = 250 + 200 + 100 + 100 + 100 + 100
DEVICE_PLUGIN = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "nvidia-device-plugin-daemonset", "namespace": "kube-system"},
    "spec": {
        "selector": {"matchLabels": {"name": "nvidia-device-plugin-ds"}},
        "template": {
            "metadata": {"labels": {"name": "nvidia-device-plugin-ds"}},
            "spec": {
                "containers": [
                    {
                        "name": "nvidia-device-plugin-ctr",
                        "image": "nvcr.io/nvidia/k8s-device-plugin:v0.18.0",
                        "env": [{"name": "FAIL_ON_INIT_ERROR", "value": "false"}],
                        "volumeMounts": [
                            {
                                "name": "device-plugin",
                                "mountPath": "/var/lib/kubelet/device-plugins",
                            }
                        ],
                    }
                ],
                "volumes": [
                    {
                        "name": "device-plugin",
                        "hostPath": {"path": "/var/lib/kubelet/device-plugins"},
                    }
                ],
            },
        },
    },
}

all_pods = pytest.mark.parametrize("pod", PODS.values(), ids=PODS)


def quantity(text: str) -> float:
    """A Kubernetes quantity as a number."""
    found = re.fullmatch(r"([0-9.]+)(m|Mi|Gi)?", str(text))
    assert found, text
    return float(found[1]) * {None: 1, "m": 1e-3, "Mi": 2**20, "Gi": 2**30}[found[2]]


def image_variables() -> dict[str, str]:
    """What the image sets for every container."""
    return dict(re.findall(r"\b([A-Z_]+)=(\S+)", DOCKERFILE.partition("USER 10001")[0]))


def variables(container: dict[str, Any]) -> dict[str, str | None]:
    """The variables that a container names itself; None where the value is found at the start."""
    return {each["name"]: each.get("value") for each in container.get("env", [])}


@all_pods
def test_pods_are_restrained(pod: Pod) -> None:
    assert pod.spec["enableServiceLinks"] is False
    assert pod.spec["automountServiceAccountToken"] is (pod.name == "prometheus")
    security = pod.spec["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod.containers:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@all_pods
def test_pods_are_bounded(pod: Pod) -> None:
    for container in pod.containers:
        resources = container["resources"]
        for what in ("cpu", "memory"):
            asked, most = (quantity(resources[each][what]) for each in ("requests", "limits"))
            assert 0 < asked <= most
    for volume in pod.spec["volumes"]:
        assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"]


@all_pods
def test_images_are_those_of_compose(pod: Pod) -> None:
    image = COMPOSE[IN_COMPOSE.get(pod.name, pod.name)]["image"]
    for container in pod.containers:
        assert container["image"] == image
        assert container["imagePullPolicy"] == "IfNotPresent"


@pytest.mark.parametrize("name", ["kafka", "mongo", "prometheus", "grafana"])
def test_servers_are_set_up_as_in_compose(name: str) -> None:
    here, there = PODS[name].main, COMPOSE[name]
    assert here.get("args", []) == there.get("command", [])
    given, wanted = variables(here), dict(there.get("environment", {}))
    # One listener for the pods, addresses that follow the pods, a password from a Secret.
    differs = {
        "kafka": {
            "POD_NAME",
            "POD_NAMESPACE",
            "KAFKA_NODE_ID",
            "KAFKA_CONTROLLER_QUORUM_VOTERS",
            "KAFKA_LISTENERS",
            "KAFKA_ADVERTISED_LISTENERS",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
        },
        "grafana": {"GF_SECURITY_ADMIN_PASSWORD"},
        "mongo": {
            "MONGO_INITDB_ROOT_USERNAME",
            "MONGO_INITDB_ROOT_PASSWORD",
            "MONGO_PASSWORD",
        },
    }.get(name, set())
    assert {key: value for key, value in given.items() if key not in differs} == {
        key: value for key, value in wanted.items() if key not in differs
    }


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_get_settings_that_they_read(name: str) -> None:
    container = PODS[name].main
    given = {**image_variables(), **SETTINGS, **variables(container)}
    known = {each.variable: each for each in SCRIPTS[name].declared().values()}
    resolved = {key: value for key, value in given.items() if key in known and value is not None}
    SCRIPTS[name].load(resolved)
    assert set(variables(container)) <= set(known) | OF_LIBRARIES
    assert container["envFrom"] == [{"configMapRef": {"name": "consumer-env"}}]


def secrets_of(container: dict[str, Any]) -> dict[str, Any]:
    """What a container is given of Secrets: which key of which Secret, by the variable."""
    found = {each["name"]: each.get("valueFrom", {}) for each in container.get("env", [])}
    return {name: each["secretKeyRef"] for name, each in found.items() if "secretKeyRef" in each}


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_given_the_secrets_that_they_read_and_no_others(name: str) -> None:
    """kubelet (pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables) lets a key of `env` win over
    `envFrom`, and leaves what `envFrom` gave where an optional key or its Secret is missing.
    """
    read = {each.variable for each in SCRIPTS[name].declared().values() if each.secret}
    assert secrets_of(PODS[name].main) == {
        variable: {"name": "velox-secrets", "key": variable, "optional": True} for variable in read
    }


def test_servers_are_given_their_own_secrets_alone() -> None:
    password = {"name": "grafana-admin", "key": "password", "optional": True}
    assert secrets_of(PODS["grafana"].main) == {"GF_SECURITY_ADMIN_PASSWORD": password}
    root = {"secretRef": {"name": "mongo-root", "optional": True}}
    whole = {name: pod.main.get("envFrom") for name, pod in PODS.items() if name not in SCRIPTS}
    assert whole == {"mongo": [root], "kafka": None, "prometheus": None, "grafana": None}
    for name in ("mongo", "kafka", "prometheus"):
        assert secrets_of(PODS[name].main) == {}


def test_the_database_makes_the_consumers_user_for_their_database() -> None:
    mongo = PODS["mongo"]
    (given,) = mongo.main["env"]
    key = {"name": "consumer-env", "key": "DB_NAME"}
    assert given == {"name": "DB_NAME", "valueFrom": {"configMapKeyRef": key}}
    (volume,) = (each for each in mongo.spec["volumes"] if "configMap" in each)
    assert volume["configMap"] == {"name": "mongo-users"}
    wanted = {
        "name": volume["name"],
        "mountPath": "/docker-entrypoint-initdb.d",
        "readOnly": True,
    }
    assert wanted in mongo.main["volumeMounts"]
    script = (ROOT / "mongo/users.js").read_text()
    assert of_kind("ConfigMap")["mongo-users"]["data"] == {"users.js": script}


def test_nothing_but_variables_holds_a_secret() -> None:
    for pod in PODS.values():
        assert not [each for each in pod.spec["volumes"] if "secret" in each]
        for container in pod.spec.get("initContainers", []):
            assert secrets_of(container) == {}


def test_every_setting_is_read_by_a_script() -> None:
    read = {each.variable for found in SCRIPTS.values() for each in found.declared().values()}
    assert set(SETTINGS) <= read


def test_settings_are_those_of_compose_but_for_the_shared_gpu() -> None:
    defaults = {
        each.variable: each.default
        for found in SCRIPTS.values()
        for each in found.declared().values()
    }
    differs = {key: value for key, value in SETTINGS.items() if value != defaults[key]}
    assert set(differs) == {"KAFKA_GROUP_PROTOCOL", "GPU_MEMORY_FRACTION"}
    protocol = COMPOSE["consumer"]["environment"]["KAFKA_GROUP_PROTOCOL"]
    assert f":-{SETTINGS['KAFKA_GROUP_PROTOCOL']}}}" in protocol


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("consumer", ["consumer"]),
        ("producer", ["producer"]),
        ("lag", ["lag"]),
        ("model-trainer", ["train", "--if-missing"]),
    ],
)
def test_image_runs_what_it_does_in_compose(name: str, arguments: list[str]) -> None:
    assert PODS[name].main["args"] == arguments
    assert COMPOSE[IN_COMPOSE.get(name, name)]["command"] == arguments
    assert PODS[name].spec["securityContext"]["runAsUser"] == 10001


READY = {"consumer": "/readyz", "producer": "/readyz", "lag": "/healthz"}


def test_probes_ask_what_the_code_answers() -> None:
    paths = answers(Metrics().registry, Health(stall_timeout=1))
    for name, ready in READY.items():
        container = PODS[name].main
        (port,) = container["ports"]
        assert str(port["containerPort"]) == image_variables()["METRICS_PORT"]
        asked = [container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")]
        wanted = ["/healthz", "/healthz", ready]
        assert [each["httpGet"]["path"] for each in asked] == wanted
        assert set(wanted) <= paths.keys()


@all_pods
def test_probed_ports_are_named_and_nothing_is_killed_while_it_starts(pod: Pod) -> None:
    if pod.name == "model-trainer":
        assert not {key for key in pod.main if key.endswith("Probe")}
        return
    names = {port["name"] for port in pod.main["ports"]}
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        probe = pod.main[kind]
        assert (probe.get("httpGet") or probe["tcpSocket"])["port"] in names
    for kind, seconds in (("startup", 180), ("liveness", 60)):
        patience = pod.main[f"{kind}Probe"]
        assert patience["periodSeconds"] * patience["failureThreshold"] >= seconds


def test_consumers_have_time_to_drain() -> None:
    declared = ConsumerSettings.declared()["drain_timeout"]
    drain = float(SETTINGS.get(declared.variable, declared.default))
    assert PODS["consumer"].spec["terminationGracePeriodSeconds"] >= 2 * drain


def test_consumers_wait_for_the_model_and_never_write_it() -> None:
    consumer, trainer = PODS["consumer"], PODS["model-trainer"]
    (waiting,) = consumer.spec["initContainers"]
    assert "$MODEL_PATH" in waiting["command"][-1]
    folder = str(Path(image_variables()["MODEL_PATH"]).parent)

    def mount(container: dict[str, Any]) -> dict[str, Any]:
        (found,) = (each for each in container["volumeMounts"] if each["mountPath"] == folder)
        return dict(found)

    assert mount(waiting) == mount(consumer.main) == {**mount(trainer.main), "readOnly": True}
    paths = {each["mountPath"] for each in consumer.main["volumeMounts"]}
    assert image_variables()["STORAGE_PATH"] in paths


def test_waiting_for_the_model_ends_with_the_model_and_with_sigterm(tmp_path: Path) -> None:
    (waiting,) = PODS["consumer"].spec["initContainers"]
    model = tmp_path / "model.pth"
    started = subprocess.Popen(
        waiting["command"],
        env={"MODEL_PATH": str(model), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert str(model) in started.stdout.readline()
    started.terminate()
    assert started.wait(60) == 143
    model.write_bytes(b"weights")
    assert subprocess.run(waiting["command"], env={"MODEL_PATH": str(model)}).returncode == 0


def test_a_rollout_needs_no_more_gpus_than_there_are() -> None:
    deployment = of_kind("Deployment")["consumer"]["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert "replicas" not in deployment
    assert of_kind("PodDisruptionBudget")["consumer"]["spec"]["maxUnavailable"] == 1
    for name, found in of_kind("Deployment").items():
        claims = [each for each in PODS[name].spec["volumes"] if "persistentVolumeClaim" in each]
        if claims and name != "consumer":
            assert found["spec"]["strategy"] == {"type": "Recreate"}


def test_only_consumers_and_training_take_a_slice_each() -> None:
    taken = {
        name: container["resources"]["limits"][GPU]
        for name, pod in PODS.items()
        for container in pod.containers
        if GPU in container["resources"]["limits"]
    }
    assert taken == dict.fromkeys(GPU_PODS, "1")


def test_gpu_request_is_one_line_that_a_machine_without_a_gpu_leaves_out() -> None:
    for path in manifests.files():
        text = path.read_text()
        lines = [line for line in text.splitlines(keepends=True) if f"{GPU}: " in line]
        without = yaml_of("".join(x for x in text.splitlines(True) if x not in lines))
        assert GPU not in json.dumps(without) or path.name == "gpu-sharing-config.yaml"
        assert len(lines) <= 1


def test_autoscaler_stays_within_partitions_and_slices() -> None:
    (shared,) = SLICING["sharing"]["timeSlicing"]["resources"]
    assert shared == {"name": GPU, "replicas": 8}
    assert AUTOSCALER["minReplicas"] == 1
    assert AUTOSCALER["maxReplicas"] <= min(int(SETTINGS["KAFKA_PARTITIONS"]), shared["replicas"])
    assert AUTOSCALER["scaleTargetRef"]["name"] == "consumer"
    (metric,) = AUTOSCALER["metrics"]
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 50}
    up, down = (AUTOSCALER["behavior"][way] for way in ("scaleUp", "scaleDown"))
    assert up["stabilizationWindowSeconds"] == 0
    assert down["stabilizationWindowSeconds"] >= 300


def test_gpu_memory_holds_a_process_in_every_slice() -> None:
    """The training is one of them: where no slice is free it takes that of a consumer."""
    (shared,) = SLICING["sharing"]["timeSlicing"]["resources"]
    each = float(SETTINGS["GPU_MEMORY_FRACTION"]) * SMALL_GPU_GB + CUDA_CONTEXT_GB
    assert shared["replicas"] * each <= SMALL_GPU_GB


def test_consumers_give_way_to_what_they_need() -> None:
    assert of_kind("PriorityClass")["velox-consumer"]["value"] < 0
    with_class = {name for name, pod in PODS.items() if "priorityClassName" in pod.spec}
    assert with_class == {"consumer"}


def test_one_consumer_and_all_else_fit_a_node_of_two_cpus() -> None:
    asked = sum(quantity(pod.main["resources"]["requests"]["cpu"]) for pod in PODS.values())
    assert SYSTEM_CPU / 1000 + asked <= 2


def test_threads_follow_the_limit_and_not_the_node() -> None:
    for name in GPU_PODS:
        threads = [each for each in PODS[name].main["env"] if "THREADS" in each["name"]]
        assert threads
        for each in threads:
            assert each["valueFrom"] == {"resourceFieldRef": {"resource": "limits.cpu"}}


def test_broker_finds_itself() -> None:
    given = variables(PODS["kafka"].main)
    service = of_kind("StatefulSet")["kafka"]["spec"]["serviceName"]
    ports = {port["name"]: port["containerPort"] for port in PODS["kafka"].main["ports"]}
    assert given["KAFKA_CONTROLLER_QUORUM_VOTERS"] == f"0@kafka-0.{service}:{ports['controller']}"
    advertised = f"INTERNAL://$(POD_NAME).{service}.$(POD_NAMESPACE).svc:{ports['internal']}"
    assert given["KAFKA_ADVERTISED_LISTENERS"] == advertised
    assert SETTINGS["KAFKA_BOOTSTRAP_SERVER"] == f"kafka:{ports['internal']}"


def test_the_brokers_disk_holds_what_it_keeps() -> None:
    (claim,) = of_kind("StatefulSet")["kafka"]["spec"]["volumeClaimTemplates"]
    disk = quantity(claim["spec"]["resources"]["requests"]["storage"])
    given = variables(PODS["kafka"].main)
    partitions = int(SETTINGS["KAFKA_PARTITIONS"])
    assert broker_disk.most(given, partitions) <= disk
    assert int(given["KAFKA_LOG_RETENTION_BYTES"] or 0) == broker_disk.retention(partitions, disk)


def test_device_plugin_is_patched_to_read_the_time_slicing(tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl") or need.missing("kubectl", "see kubernetes.io/docs/tasks")
    addon = tmp_path / "addon.json"
    addon.write_text(json.dumps(DEVICE_PLUGIN))
    patch = ["--patch-file", str(PATCHES / "device-plugin.yaml"), "--type", "strategic"]
    shown = subprocess.run(
        [kubectl, "patch", "--local", "--filename", str(addon), *patch, "--output", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    spec = json.loads(shown.stdout)["spec"]["template"]["spec"]
    (plugin,) = spec["containers"]
    assert variables(plugin) == {
        "FAIL_ON_INIT_ERROR": "false",
        "CONFIG_FILE": "/etc/nvidia-device-plugin/config.yaml",
    }
    mounts = {each["name"]: each["mountPath"] for each in plugin["volumeMounts"]}
    assert mounts == {
        "device-plugin": "/var/lib/kubelet/device-plugins",
        "time-slicing-config": "/etc/nvidia-device-plugin",
    }
    volumes = {each["name"]: each for each in spec["volumes"]}
    assert volumes["time-slicing-config"]["configMap"] == {"name": "time-slicing-config"}
    assert "config.yaml" in of_kind("ConfigMap")["time-slicing-config"]["data"]
    assert "hostPath" in volumes["device-plugin"]


def test_tools_of_kafka_have_bare_names() -> None:
    """As the PATH of the image, which is built on eclipse-temurin, with Kafka's bin before it."""
    path = variables(PODS["kafka"].main)["PATH"]
    assert path is not None
    assert path.split(":")[:2] == ["/opt/kafka/bin", "/opt/java/openjdk/bin"]
    assert COMPOSE["kafka"]["environment"]["PATH"] == path


def test_who_waits_for_the_model_reads_the_consumers_settings() -> None:
    (waiting,) = PODS["consumer"].spec["initContainers"]
    assert waiting["envFrom"] == PODS["consumer"].main["envFrom"]


def test_the_consumers_wait_as_long_as_the_training_may_take() -> None:
    """A Deployment that has passed its deadline counts as failed."""
    probe = PODS["consumer"].main["startupProbe"]
    start = probe["periodSeconds"] * probe["failureThreshold"]
    deadline = of_kind("Deployment")["consumer"]["spec"]["progressDeadlineSeconds"]
    training = of_kind("Job")["model-trainer"]["spec"]["activeDeadlineSeconds"]
    assert deadline > training + start
