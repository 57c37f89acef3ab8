"""The Kubernetes manifests, as objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.rig.yaml_text import all_yaml_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "k8s-manifests"
OPTIONAL = FOLDER / "optional"
PATCHES = FOLDER / "patches"

Object = dict[str, Any]


class Pod(NamedTuple):
    """The pods of one Deployment, StatefulSet or Job."""

    name: str
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def containers(self) -> list[dict[str, Any]]:
        """All of them, those that run first included."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def main(self) -> dict[str, Any]:
        """The one that the pod is named after."""
        (container,) = self.spec["containers"]
        return dict(container)


def files(folder: Path = FOLDER) -> list[Path]:
    """What `kubectl apply -f` takes from a folder, in its order."""
    return sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml", ".json"})


def objects(folder: Path = FOLDER) -> Iterator[Object]:
    """Every object of a folder."""
    for path in files(folder):
        yield from (each for each in all_yaml_of(path.read_text()) if each)


def of_kind(*kinds: str, folder: Path = FOLDER) -> dict[str, Object]:
    """The objects of some kinds by name."""
    return {each["metadata"]["name"]: each for each in objects(folder) if each["kind"] in kinds}


def pods() -> dict[str, Pod]:
    """What runs, by the name of what runs it."""
    return {
        name: Pod(name, each["spec"]["template"]["metadata"]["labels"], template["spec"])
        for name, each in of_kind("Deployment", "StatefulSet", "Job").items()
        for template in [each["spec"]["template"]]
    }
