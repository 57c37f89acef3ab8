"""The network policies: every connection that Velox makes is allowed, and no other."""

from __future__ import annotations

import ipaddress
import itertools
from typing import Any

import pytest

from tests.rig.manifests import OPTIONAL, of_kind, pods

PODS = pods()
POLICIES = [each["spec"] for each in of_kind("NetworkPolicy", folder=OPTIONAL).values()]
CONNECTIONS = {
    ("consumer", "kafka", 29092),
    ("consumer", "mongo", 27017),
    ("producer", "kafka", 29092),
    ("lag", "kafka", 29092),
    ("kafka", "kafka", 29092),
    ("kafka", "kafka", 29093),
    ("prometheus", "consumer", 8000),
    ("prometheus", "lag", 8000),
    ("prometheus", "producer", 8000),
    ("grafana", "prometheus", 9090),
}
PORTS = {
    (pod.name, port["containerPort"]) for pod in PODS.values() for port in pod.main.get("ports", [])
}


def chosen(selector: dict[str, Any], name: str) -> bool:
    return bool(selector["matchLabels"].items() <= PODS[name].labels.items())


def is_peer(rule: dict[str, Any], name: str) -> bool:
    """Whether a rule names a pod; one that names addresses is for what is outside the cluster."""
    return "ipBlock" not in rule and chosen(rule["podSelector"], name)


def allows(direction: str, name: str, peer: str, port: int) -> bool:
    """Whether a pod's policies let it talk to a peer: any rule that fits does."""
    own = [each for each in POLICIES if chosen(each["podSelector"], name)]
    bound = [each for each in own if direction.capitalize() in each["policyTypes"]]
    key = "from" if direction == "ingress" else "to"
    rules = [rule for each in bound for rule in each.get(direction, [])]
    return not bound or any(
        (key not in rule or any(is_peer(each, peer) for each in rule[key]))
        and port in [each["port"] for each in rule["ports"] if each["protocol"] == "TCP"]
        for rule in rules
    )


@pytest.mark.parametrize(("name", "port"), sorted(PORTS))
def test_pods_are_reached_by_those_that_need_them_alone(name: str, port: int) -> None:
    reaching = {
        peer
        for peer in PODS
        if allows("egress", peer, name, port) and allows("ingress", name, peer, port)
    }
    assert reaching == {source for source, *target in CONNECTIONS if target == [name, port]}


def test_every_pod_finds_names() -> None:
    for name, peer in itertools.product(PODS, PODS):
        assert allows("egress", name, peer, 53)


def test_prometheus_alone_reaches_the_api_server() -> None:
    reaching = {name for name in PODS if allows("egress", name, "mongo", 6443)}
    assert reaching == {"prometheus"}
    for port in (port for _, port in PORTS):
        assert not allows("egress", "model-trainer", "kafka", port)


@pytest.mark.parametrize("camera", ["10.0.0.7", "172.16.3.4", "192.168.1.20"])
def test_the_producer_alone_reaches_cameras(camera: str) -> None:
    rules = [
        (each["podSelector"]["matchLabels"], rule)
        for each in POLICIES
        for rule in each.get("egress", [])
        if any("ipBlock" in peer for peer in rule.get("to", []))
    ]
    ((labels, rule),) = rules
    assert labels == {"app": "producer"}
    blocks = [ipaddress.ip_network(each["ipBlock"]["cidr"]) for each in rule["to"]]
    assert any(ipaddress.ip_address(camera) in block for block in blocks)
    assert all(block.is_private for block in blocks)
    ports = {each["port"] for each in rule["ports"]}
    assert {80, 443, 554} <= ports
    # Those ports are none of a pod's: addresses may be pods' too.
    assert ports.isdisjoint(port for _, port in PORTS)
