"""The promises that need a control plane alone: validation, scheduling, scaling, eviction."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from tests.k8s import overlay
from tests.k8s.cluster import Cluster, deployments
from tests.rig.manifests import FOLDER, OPTIONAL, files, of_kind
from tests.rig.waiting import eventually
from tests.stack.report import say, wait

SLICES = 8
GPU = "nvidia.com/gpu"
SECOND_NODE = "velox-test-second"
CRDS = Path(__file__).parent / "optional-crds.yaml"
LOADED, IDLE = "600m", "5m"
UP_LIMIT_S, DOWN_LIMIT_S = 300.0, 1200.0


def accepted(cluster: Cluster) -> None:
    """The API server takes every file, strictly, and finds no pod that is not restricted."""
    done = cluster.attempt("apply", "--dry-run=server", "--validate=strict", "-f", FOLDER)
    assert done.returncode == 0, done.stderr
    assert "would violate" not in done.stderr, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(files()), done.stdout
    for name in (path.name for path in overlay.OVERLAYS.iterdir()):
        with tempfile.TemporaryDirectory(prefix="velox-k8s-") as folder:
            mine = overlay.write(Path(folder) / name, name, "own-images", "train-again")
            for each in (overlay.OVERLAYS / name, mine):
                done = cluster.attempt("apply", "--dry-run=server", "--validate=strict", "-k", each)
                assert done.returncode == 0, done.stderr
                assert "would violate" not in done.stderr, done.stderr
    say(f"files={len(lines)} accepted by the server, strictly, in a namespace of restricted pods")


def comes_up(cluster: Cluster) -> None:
    """One command on an empty namespace brings everything up; a second changes nothing."""
    cluster.apply()
    for name in deployments():
        cluster.kubectl("rollout", "status", f"deployment/{name}", "--timeout=120s")
    cluster.kubectl("wait", "--for=condition=Complete", "job/model-trainer", "--timeout=120s")
    cluster.kubectl("rollout", "status", "statefulset/kafka", "--timeout=120s")
    claims = cluster.items("persistentvolumeclaims")
    wait(
        lambda: {each["status"]["phase"] for each in cluster.items("pvc")} == {"Bound"},
        "all claims are bound",
    )
    before = generations(cluster)
    cluster.apply()
    assert generations(cluster) == before
    assert not cluster.items("networkpolicies"), "the plain command applied optional/"
    say(f"deployments={len(deployments())} available, claims={len(claims)} bound, applied twice")


def generations(cluster: Cluster) -> dict[str, int]:
    """How often the wish of each object that makes pods was changed."""
    return {
        f"{each['kind']}/{each['metadata']['name']}": each["metadata"]["generation"]
        for each in cluster.items("deployments,statefulsets,jobs,poddisruptionbudgets")
    }


def fits(cluster: Cluster) -> None:
    """As many consumers as slices run; one more waits; a new training takes a consumer's slice."""
    cluster.kubectl("delete", "hpa", "consumer-hpa")
    cluster.kubectl("scale", "deployment/consumer", f"--replicas={SLICES + 1}")
    wait(lambda: len(cluster.in_phase("consumer", "Running")) == SLICES, f"{SLICES} consumers run")
    wait(lambda: len(cluster.in_phase("consumer", "Pending")) == 1, "one waits")
    (waiting,) = cluster.in_phase("consumer", "Pending")
    reason = cluster.get("pod", waiting)["status"]["conditions"][0]["message"]
    assert GPU in reason, reason
    say(f"slices={SLICES} consumers={SLICES} pending=1 ({reason})")
    cluster.kubectl("delete", "job", "model-trainer")
    cluster.apply(FOLDER / "train-model.yaml")
    cluster.kubectl("wait", "--for=condition=Complete", "job/model-trainer", "--timeout=120s")
    events = cluster.items("events", "--field-selector", "reason=Preempted")
    assert events
    assert all("consumer" in each["involvedObject"]["name"] for each in events)
    say("a new training beside a full house took the slice of one consumer")


def shares_one_node(cluster: Cluster) -> None:
    """On two nodes, all that uses the claim goes to one: it can be mounted there alone."""
    first = cluster.items("nodes")[0]
    name, labels = first["metadata"]["name"], first["metadata"]["labels"]
    second = {
        **first,
        "metadata": {
            "name": SECOND_NODE,
            "labels": {**labels, "kubernetes.io/hostname": SECOND_NODE},
            "annotations": json.loads(
                json.dumps(first["metadata"]["annotations"]).replace(name, SECOND_NODE)
            ),
        },
    }
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(second))
    try:
        cluster.kubectl("wait", "--for=condition=Ready", f"node/{SECOND_NODE}", "--timeout=60s")
        cluster.kubectl("delete", "job/model-trainer", "deployment/consumer", "--wait")
        cluster.apply(FOLDER / "consumer-deployment.yaml")
        cluster.kubectl("scale", "deployment/consumer", "--replicas=4")
        wait(lambda: cluster.replicas() == 4, "four consumers are ready")
        # After them: a training that has ended holds no claim any more, and here it ends at once.
        cluster.apply(FOLDER / "train-model.yaml")
        cluster.kubectl("wait", "--for=condition=Complete", "job/model-trainer", "--timeout=60s")
        pods = [*cluster.pods("consumer"), *cluster.pods("model-trainer")]
        nodes = {each["spec"]["nodeName"] for each in pods}
        assert len(nodes) == 1, nodes
    finally:
        cluster.kubectl("cordon", SECOND_NODE)
        cluster.kubectl("delete", "pods", "--selector=app=consumer", "--wait")
        wait(lambda: cluster.replicas() == 4, "the consumers are back on the first node")
        cluster.kubectl("delete", "node", SECOND_NODE)
    say(f"nodes=2 pods={len(pods)} that share the claim, all on one")


def drains(cluster: Cluster) -> None:
    """A drain takes one consumer and no second before the first is back."""
    consumers = 4
    cluster.kubectl("scale", "deployment/consumer", f"--replicas={consumers}")
    wait(lambda: cluster.replicas() == consumers, f"{consumers} consumers are ready")
    (node,) = {each["spec"]["nodeName"] for each in cluster.pods("consumer")}
    drain = ("drain", node, "--pod-selector=app=consumer", "--delete-emptydir-data")
    try:
        done = cluster.attempt(*drain, "--timeout=20s")
        assert done.returncode != 0
        assert "violate the pod's disruption budget" in done.stderr, done.stderr
        running = len(cluster.in_phase("consumer", "Running"))
        assert running == consumers - 1
    finally:
        cluster.kubectl("uncordon", node)
    wait(lambda: cluster.replicas() == consumers, "all are back")
    say(f"drain of the node: consumers={consumers} evicted={consumers - running}, the rest kept")


def scales(cluster: Cluster) -> None:
    """Load brings all consumers, calm brings one."""
    cluster.kubectl("scale", "deployment/consumer", "--replicas=1")
    cluster.apply()
    wait(lambda: cluster.replicas() == 1, "one consumer")
    most = int(of_kind("HorizontalPodAutoscaler")["consumer-hpa"]["spec"]["maxReplicas"])
    up = seconds_until(cluster, LOADED, most, UP_LIMIT_S)
    down = seconds_until(cluster, IDLE, 1, DOWN_LIMIT_S)
    say(f"autoscaler 1 -> {most} in {up:.0f} s, {most} -> 1 in {down:.0f} s")


def seconds_until(cluster: Cluster, cpu: str, replicas: int, limit: float) -> float:
    """How long the autoscaler takes to a number of consumers at a simulated CPU usage of each."""
    usage = {"template": {"metadata": {"annotations": {"kwok.x-k8s.io/usage-cpu": cpu}}}}
    started = time.monotonic()
    cluster.kubectl("patch", "deployment", "consumer", "--patch", json.dumps({"spec": usage}))
    what = f"{replicas} consumers at {cpu} of CPU each"
    eventually(lambda: cluster.replicas() == replicas, limit, what, every=2.0)
    return time.monotonic() - started


def takes_options(cluster: Cluster) -> None:
    """optional/ applies where its custom resources exist."""
    cluster.apply(CRDS)
    try:
        cluster.kubectl("wait", "--for=condition=Established", "-f", CRDS, "--timeout=60s")
        applied = cluster.apply(OPTIONAL).splitlines()
        assert len(applied) == len(files(OPTIONAL))
        cluster.kubectl("delete", "-f", OPTIONAL)
    finally:
        cluster.kubectl("delete", "-f", CRDS)
    say(f"optional/: files={len(applied)} accepted beside the custom resources")
