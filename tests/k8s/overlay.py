"""An overlay of one's own, as docs/kubernetes.md says to write it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.rig.manifests import ROOT

OVERLAYS, COMPONENTS = ROOT / "k8s-overlays", ROOT / "k8s-components"


def write(
    folder: Path, overlay: str, *components: str, settings: Mapping[str, str] | None = None
) -> Path:
    """Write one into a folder; the folder.

    Args:
        folder: is made.
        overlay: of k8s-overlays/.
        components: of k8s-components/.
        settings: other values in the ConfigMap.
    """
    folder.mkdir()
    changed = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "consumer-env"},
        "data": dict(settings or {}),
    }
    kustomization = {
        "resources": [os.path.relpath(OVERLAYS / overlay, folder)],
        "components": [os.path.relpath(COMPONENTS / each, folder) for each in components],
        "patches": [{"patch": yaml.safe_dump(changed)}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return folder
