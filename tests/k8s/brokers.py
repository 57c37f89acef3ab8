"""The overlay kafka-three on a real node: what has been acknowledged outlasts any one broker."""

from __future__ import annotations

import re

from tests.k8s import overlay
from tests.k8s.cluster import Cluster
from tests.stack.report import say, wait

START_LIMIT = "600s"
TOPIC = "three"
SERVER = "--bootstrap-server kafka:29092"
RECORDS = 100
READ_LIMIT_MS = 60_000


def three_lose_one(cluster: Cluster) -> None:
    """Three brokers start together, and go on without one of them."""
    # One broker's quorum does not become one of three: they begin with empty disks.
    cluster.kubectl("delete", "statefulset", "kafka", "--cascade=foreground")
    cluster.kubectl("delete", "pvc", "--selector=app=kafka")
    cluster.kubectl("apply", "-k", overlay.OVERLAYS / "kafka-three", "-l", "app=kafka")
    cluster.kubectl("rollout", "status", "statefulset/kafka", f"--timeout={START_LIMIT}")
    tool(cluster, f"kafka-topics.sh --create --topic {TOPIC} --partitions 3 --replication-factor 3")
    wait(lambda: in_sync(cluster) == 9, "each partition is on three brokers")
    write(cluster, 0)
    cluster.kubectl("delete", "pod", "kafka-1", "--wait=false")
    write(cluster, RECORDS)
    cluster.kubectl("rollout", "status", "statefulset/kafka", f"--timeout={START_LIMIT}")
    wait(lambda: in_sync(cluster) == 9, "the broker has caught up")
    read = f"--from-beginning --max-messages {2 * RECORDS} --timeout-ms {READ_LIMIT_MS}"
    shown = tool(cluster, f"kafka-console-consumer.sh --topic {TOPIC} {read}")
    assert {int(line) for line in shown.split()} == set(range(2 * RECORDS))
    say(f"brokers=3 deleted=1 records={2 * RECORDS} lost=0")


def tool(cluster: Cluster, command: str) -> str:
    """What one of Kafka's tools prints, run beside the first broker."""
    command = f"{command} {SERVER}"
    return cluster.kubectl("exec", "kafka-0", "--", "bash", "-euo", "pipefail", "-c", command)


def write(cluster: Cluster, first: int) -> None:
    """Numbers as records; the tool waits for all replicas in sync (acks -1 is its default)."""
    numbers = f"seq {first} {first + RECORDS - 1}"
    tool(cluster, f"{numbers} | kafka-console-producer.sh --topic {TOPIC}")


def in_sync(cluster: Cluster) -> int:
    """Replicas of all partitions that are up to date."""
    shown = tool(cluster, f"kafka-topics.sh --describe --topic {TOPIC}")
    return sum(len(each.split(",")) for each in re.findall(r"Isr: *([\d,]+)", shown))
