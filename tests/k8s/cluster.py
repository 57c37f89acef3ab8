"""A cluster, driven by the commands that a user types, in a namespace of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.rig.manifests import FOLDER, of_kind
from tests.rig.yaml_text import yaml_of

NAMESPACE = "velox-test"
# Longer than any --timeout that is given to kubectl.
COMMAND_LIMIT_S = 1200
RESTRICTED = "pod-security.kubernetes.io"
CLUSTER_WIDE = ("configmap/time-slicing-config", "priorityclass/velox-consumer")


class Cluster:
    """What the current context of kubectl leads to.

    Args:
        program: kubectl, or a wrapper of it.
        kubeconfig: a copy of the current context that names the namespace.
    """

    def __init__(self, program: str, kubeconfig: Path) -> None:
        self._program = program
        self._kubeconfig = kubeconfig
        self._manifests: tuple[str, Path] = ("-f", FOLDER)

    def use_overlay(self, folder: Path) -> None:
        """Apply an overlay instead of the manifests as they are."""
        self._manifests = ("-k", folder)

    def change_settings(self, settings: Mapping[str, str], folder: Path) -> None:
        """Apply the manifests from a copy in a folder, with other settings in it."""
        self._manifests = ("-f", Path(shutil.copytree(FOLDER, folder)))
        path = folder / "env-configmap.yaml"
        found = yaml_of(path.read_text())
        found["data"].update(settings)
        path.write_text(yaml.safe_dump(found))

    def attempt(
        self, *arguments: str | Path, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """One kubectl command, whatever comes of it."""
        return subprocess.run(
            [self._program, "--kubeconfig", str(self._kubeconfig), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT_S,
            check=False,
            input=stdin,
        )

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """One kubectl command; its standard output. A failure says what kubectl said."""
        done = self.attempt(*arguments, stdin=stdin)
        words = " ".join(map(str, arguments))
        assert done.returncode == 0, f"kubectl {words}: {done.stdout}{done.stderr}"
        return done.stdout

    def apply(self, path: Path | None = None) -> str:
        """`kubectl apply -f` of a folder or a file, else of the manifests or their overlay."""
        return self.kubectl("apply", *(("-f", path) if path else self._manifests))

    def get(self, *what: str) -> dict[str, Any]:
        """What the API server holds."""
        return dict(json.loads(self.kubectl("get", *what, "--output=json")))

    def items(self, *what: str) -> list[dict[str, Any]]:
        """A list of objects."""
        return list(self.get(*what)["items"])

    def pods(self, app: str) -> list[dict[str, Any]]:
        """The pods of an app that nobody has asked to end."""
        found = self.items("pods", "--selector", f"app={app}")
        return [each for each in found if "deletionTimestamp" not in each["metadata"]]

    def in_phase(self, app: str, phase: str) -> list[str]:
        """The names of an app's pods in a phase."""
        return [
            each["metadata"]["name"] for each in self.pods(app) if each["status"]["phase"] == phase
        ]

    def replicas(self) -> int:
        """Consumers that are ready."""
        return int(self.get("deployment", "consumer")["status"].get("readyReplicas", 0))

    def simulated(self) -> bool:
        """Whether kwok plays the nodes: then no container runs."""
        kubelets = {
            each["status"]["nodeInfo"]["kubeletVersion"].partition("-")[0]
            for each in self.items("nodes")
        }
        return kubelets == {"kwok"}

    def version(self) -> str:
        """The API server's."""
        return str(
            json.loads(self.kubectl("version", "--output=json"))["serverVersion"]["gitVersion"]
        )


@contextmanager
def in_own_namespace(program: str, folder: Path) -> Iterator[Cluster]:
    """A cluster whose context's namespace is empty, admits restricted pods only, and goes again.

    Args:
        program: kubectl, or a wrapper of it.
        folder: of this run.
    """
    kubeconfig = folder / "kubeconfig"
    shown = subprocess.run(
        [program, "config", "view", "--raw", "--minify", "--flatten"],
        capture_output=True,
        text=True,
        check=True,
    )
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(shown.stdout)
    cluster = Cluster(program, kubeconfig)
    cluster.kubectl("config", "set-context", "--current", "--namespace", NAMESPACE)
    there = {
        each for each in CLUSTER_WIDE if cluster.attempt(*_system("get", each)).returncode == 0
    }
    cluster.kubectl("create", "namespace", NAMESPACE)
    try:
        for mode in ("enforce", "warn"):
            cluster.kubectl("label", "namespace", NAMESPACE, f"{RESTRICTED}/{mode}=restricted")
        yield cluster
    finally:
        cluster.kubectl("delete", "namespace", NAMESPACE)
        for each in set(CLUSTER_WIDE) - there:
            cluster.kubectl(*_system("delete", each, "--ignore-not-found"))


def _system(verb: str, what: str, *more: str) -> tuple[str, ...]:
    return (verb, what, "--namespace", "kube-system", *more)


def deployments() -> set[str]:
    """The names of the Deployments of the manifests."""
    return set(of_kind("Deployment"))


def current_program() -> str:
    """kubectl, or what KUBECTL names."""
    return os.environ.get("KUBECTL", "kubectl")
