"""The promises of the running system, on a node that runs containers."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.k8s import overlay
from tests.k8s.cluster import Cluster, deployments
from tests.rig.manifests import of_kind, pods
from tests.rig.waiting import eventually
from tests.stack.own_images import SETTINGS, photographs
from tests.stack.report import say, wait

START_LIMIT = "900s"
SETTLE_LIMIT_S = 300.0
TOPIC = "faults"
CONSUMERS = 2
# Every record becomes a document, so that the documents can be compared with the log.
ALL_MATCH = {
    "CONFIDENCE_THRESHOLD": "0",
    "KAFKA_TOPIC": TOPIC,
    "PRODUCER_INTERVAL": "0.05",
    "IMG_HEIGHT": "128",
    "IMG_WIDTH": "128",
}
OFFSETS = "/opt/kafka/bin/kafka-get-offsets.sh --bootstrap-server localhost:29092 --topic"
IDS = f"db.shapes_found.find({{_id: /^{TOPIC}:/}}, {{_id: 1}}).map(each => each._id).toArray()"
COUNT = "db.shapes_found.countDocuments({})"
LOGGED_IN = (
    'mongosh --quiet -u "$MONGO_INITDB_ROOT_USERNAME" -p "$MONGO_INITDB_ROOT_PASSWORD" '
    "--authenticationDatabase admin lab_discovery_db"
)
# The topic has a name of its own, and every photograph counts as a match.
PHOTOS = {**SETTINGS, "MIN_ACCURACY": "0.8"}
OF_PHOTOS = f"{{_id: /^{PHOTOS['KAFKA_TOPIC']}:/}}"
LABELS = (
    f"db.shapes_found.find({OF_PHOTOS}).map(x => [x.ground_truth, x.predicted_label]).toArray()"
)

Position = tuple[int, int]


def comes_up(cluster: Cluster) -> None:
    """One command starts the whole system."""
    started = time.monotonic()
    cluster.apply()
    cluster.kubectl(
        "wait", "--for=condition=Complete", "job/model-trainer", f"--timeout={START_LIMIT}"
    )
    trained = time.monotonic() - started
    for name in deployments():
        cluster.kubectl("rollout", "status", f"deployment/{name}", f"--timeout={START_LIMIT}")
    cluster.kubectl("rollout", "status", "statefulset/kafka", f"--timeout={START_LIMIT}")
    everything = time.monotonic() - started
    say(f"model trained after {trained:.0f} s, everything available after {everything:.0f} s")


def detects(cluster: Cluster) -> None:
    """Partitions as promised, matches in the log, in MongoDB and on the volume."""
    wanted = int(of_kind("ConfigMap")["consumer-env"]["data"]["KAFKA_PARTITIONS"])
    partitions = len(log_ends(cluster, "image_data"))
    assert partitions == wanted
    documents = wait(lambda: number_of_documents(cluster), "documents")
    files = wait(lambda: images_on_the_volume(cluster), "images on the volume")
    assert "MATCH: " in cluster.kubectl("logs", "deployment/consumer", "--container=consumer")
    say(f"partitions={partitions} documents={documents} files={files}")


def number_of_documents(cluster: Cluster) -> int:
    """In MongoDB."""
    return int(mongosh(cluster, COUNT))


def images_on_the_volume(cluster: Cluster) -> int:
    """Where consumers store matched images."""
    listed = cluster.kubectl(
        "exec", "deployment/consumer", "--container=consumer", "--", "ls", "/discoveries"
    )
    return sum(line.endswith(".jpg") for line in listed.splitlines())


def is_watched(cluster: Cluster) -> None:
    """Prometheus has one target a consumer, named after its pod, and Grafana its dashboards."""
    names = {each["metadata"]["name"] for each in cluster.pods("consumer")}

    def seen() -> bool:
        found = targets(cluster)
        return found == dict.fromkeys(names, "up")

    wait(seen, lambda: f"targets {names}, there are {targets(cluster)}")
    say(f"targets={len(names)} up, one a pod, label pod={sorted(names)}")


def targets(cluster: Cluster) -> dict[str, str]:
    """The health of each consumer as Prometheus sees it, by the label `pod`."""
    answer = cluster.kubectl(
        *("exec", "deployment/prometheus", "--", "wget", "-q", "-O", "-"),
        "http://localhost:9090/api/v1/targets",
    )
    active = json.loads(answer)["data"]["activeTargets"]
    return {
        each["labels"]["pod"]: each["health"] for each in active if each["labels"]["job"] == "velox"
    }


def is_restrained(cluster: Cluster) -> None:
    """No container restarted, runs as root, or can write to its root."""
    users: dict[str, str] = {}
    for name in pods().keys() - {"model-trainer"}:
        for each in cluster.pods(name):
            restarts = [status["restartCount"] for status in each["status"]["containerStatuses"]]
            assert restarts == [0], f"{name}: {restarts}"
            run = ("exec", each["metadata"]["name"], f"--container={name}", "--")
            users[name] = cluster.kubectl(*run, "id", "-u").strip()
            assert users[name] != "0"
            refused = cluster.attempt(*run, "touch", "/written")
            assert "Read-only file system" in refused.stderr, f"{name}: {refused}"
    say(f"restarts=0, roots read-only, users {json.dumps(users, sort_keys=True)}")


def survives(cluster: Cluster) -> None:
    """Consumers deleted, rolled out anew, and the broker deleted, under load: nothing is lost."""
    cluster.kubectl(
        "patch", "configmap", "consumer-env", "--patch", json.dumps({"data": ALL_MATCH})
    )
    cluster.kubectl(
        "patch", "hpa", "consumer-hpa", "--patch", f'{{"spec": {{"minReplicas": {CONSUMERS}}}}}'
    )
    cluster.kubectl("rollout", "restart", "deployment/consumer", "deployment/producer")
    cluster.kubectl("rollout", "status", "deployment/consumer", f"--timeout={START_LIMIT}")
    cluster.kubectl("rollout", "status", "deployment/producer", f"--timeout={START_LIMIT}")
    progress(cluster, "documents of the new topic")
    cluster.kubectl("delete", "pod", "--selector=app=consumer")
    progress(cluster, "documents after all consumers were deleted")
    cluster.kubectl("rollout", "restart", "deployment/consumer")
    cluster.kubectl("rollout", "status", "deployment/consumer", f"--timeout={START_LIMIT}")
    progress(cluster, "documents after a rollout")
    cluster.kubectl("delete", "pod", "kafka-0")
    cluster.kubectl("rollout", "status", "statefulset/kafka", f"--timeout={START_LIMIT}")
    progress(cluster, "documents after the broker was deleted")
    cluster.kubectl("scale", "deployment/producer", "--replicas=0")
    wait(lambda: not cluster.items("pods", "--selector=app=producer"), "the producer is gone")
    compare(cluster)


def takes_own_images(cluster: Cluster) -> None:
    """Images that are copied into a claim are trained on, streamed and classified."""
    with tempfile.TemporaryDirectory(prefix="velox-k8s-") as folder:
        kind = "cpu" if not slices(cluster) else "gpu"
        components = ("own-images", "train-again")
        mine = overlay.write(Path(folder) / "mine", kind, *components, settings=PHOTOS)
        there = photographs(Path(folder) / "photos")
        cluster.kubectl("apply", "-k", mine, "-l", "app in (settings, data)")
        cluster.kubectl("rollout", "status", "deployment/data", f"--timeout={START_LIMIT}")
        (pod,) = (each["metadata"]["name"] for each in cluster.pods("data"))
        for label in there:
            cluster.kubectl("cp", Path(folder) / "photos" / label, f"{pod}:/data")
        cluster.kubectl("delete", "job", "model-trainer")
        cluster.kubectl("apply", "-k", mine)
        cluster.kubectl(
            "wait", "--for=condition=Complete", "job/model-trainer", f"--timeout={START_LIMIT}"
        )
        cluster.kubectl("rollout", "restart", "deployment/consumer")
        answers = wait(lambda: labelled(cluster, 2 * sum(there.values())), "enough photographs")
    assert {truth for truth, _ in answers} == set(there)
    right = sum(truth == found for truth, found in answers)
    assert right > 0.8 * len(answers)
    say(f"photographs={len(answers)} labels={','.join(there)} right={right}")


def slices(cluster: Cluster) -> int:
    """How many slices of a GPU the node offers."""
    return int(cluster.items("nodes")[0]["status"]["allocatable"].get("nvidia.com/gpu", 0))


def labelled(cluster: Cluster, least: int) -> list[list[str]]:
    """Truth and answer of each photograph, once there are so many."""
    found: list[list[str]] = json.loads(mongosh(cluster, f"JSON.stringify({LABELS})"))
    return found if len(found) >= least else []


def progress(cluster: Cluster, what: str) -> None:
    """Wait until more documents are there than now."""
    before = len(stored(cluster))
    eventually(lambda: len(stored(cluster)) > before, SETTLE_LIMIT_S, what, every=2.0)


def compare(cluster: Cluster) -> None:
    """Every record of the log is one document, and there are no others."""
    log = {
        (partition, offset)
        for partition, end in log_ends(cluster, TOPIC).items()
        for offset in range(end)
    }
    eventually(
        lambda: set(stored(cluster)) >= log, SETTLE_LIMIT_S, "every record is stored", every=2.0
    )
    found = Counter(stored(cluster))
    assert set(found) == log
    assert set(found.values()) == {1}
    say(f"under deletions and a rollout: records={len(log)} lost=0 doubled=0")


def log_ends(cluster: Cluster, topic: str) -> dict[int, int]:
    """The next offset of each partition; nothing was ever deleted from a log this young."""
    shown = cluster.kubectl("exec", "statefulset/kafka", "--", *OFFSETS.split(), topic)
    lines = re.findall(rf"^{re.escape(topic)}:(\d+):(\d+)$", shown, re.M)
    return {int(partition): int(end) for partition, end in lines}


def stored(cluster: Cluster) -> list[Position]:
    """Partition and offset of each document of the topic."""
    return list(positions(json.loads(mongosh(cluster, f"JSON.stringify({IDS})"))))


def positions(ids: Iterable[str]) -> Iterable[Position]:
    """Of documents' ids, `<topic>:<partition>:<offset>:<timestamp>`."""
    for each in ids:
        _, partition, offset, _ = each.rsplit(":", 3)
        yield int(partition), int(offset)


def mongosh(cluster: Cluster, script: str) -> str:
    """What mongosh prints for a script on the database, with the login that there may be."""
    command = ("bash", "-c", f'{LOGGED_IN} --eval "$0"', script)
    return cluster.kubectl("exec", "deployment/mongo", "--", *command).strip()
