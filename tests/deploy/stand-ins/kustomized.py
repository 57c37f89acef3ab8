"""What `kubectl apply -k FOLDER --selector 'app in (A,B)'` takes; its arguments: FOLDER SELECTOR.

The real kubectl, $KUBECTL, builds the folder. Each object goes into $OBJECTS, its kind and name
into $APPLIED, in kubectl's order. Where nothing is selected kubectl ends with "no objects passed to
apply" (k8s.io/kubectl, pkg/cmd/apply/apply.go), which this does too.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml


def main(folder: Path, selector: str) -> int:
    """Write down what is applied; returns the exit code."""
    chosen = re.fullmatch(r"app in \(([a-z,-]+)\)", selector)
    if chosen is None:
        return _refused(f"unable to parse requirement: {selector}")
    apps = chosen[1].split(",")
    taken = [each for each in built(folder) if each["metadata"]["labels"].get("app") in apps]
    if not taken:
        return _refused("no objects passed to apply")
    with Path(os.environ["APPLIED"]).open("a") as applied:
        for each in taken:
            kind, name = each["kind"], each["metadata"]["name"]
            applied.write(f"{kind}/{name}\n")
            (Path(os.environ["OBJECTS"]) / f"{kind}-{name}.json").write_text(json.dumps(each))
    return 0


def built(folder: Path) -> list[dict[str, Any]]:
    """The objects of a folder, kept for the next one with the same kustomization."""
    key = hashlib.sha256((folder / "kustomization.yaml").read_bytes()).hexdigest()
    kept = Path(os.environ["BUILT"]) / key
    if not kept.exists():
        done = subprocess.run(
            [os.environ["KUBECTL"], "kustomize", folder], capture_output=True, check=True
        )
        partial = kept.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(list(yaml.safe_load_all(done.stdout))))
        partial.rename(kept)
    return list(json.loads(kept.read_text()))


def _refused(reason: str) -> int:
    print(f"error: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
