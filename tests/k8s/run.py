"""Put the manifests through their promises in the cluster of the current kubectl context.

    python -m tests.k8s.run      # KUBECTL may name a wrapper of kubectl
    python -m tests.k8s.run --set EPOCHS=1 --set MIN_ACCURACY=0 --set CONFIDENCE_THRESHOLD=0
    python -m tests.k8s.run --overlay cpu

The second form is for a slow machine: it trains a poor model whose every answer counts as a match.
The third applies an overlay of kustomize instead of the manifests as they are.

All is made in a namespace of its own that goes at the end. On a node that kwok simulates the
promises of the control plane are tried: validation, scheduling, eviction, scaling. On a real node
the system itself is: the node needs the images of the manifests and two `nvidia.com/gpu`, but for
the overlay `cpu`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.k8s import brokers, overlay, passwords, real, simulated
from tests.k8s.cluster import Cluster, current_program, in_own_namespace
from tests.stack.report import promise, say

Promise = Callable[[Cluster], None]

SIMULATED: Sequence[Promise] = (
    simulated.accepted,
    simulated.comes_up,
    simulated.fits,
    simulated.shares_one_node,
    simulated.drains,
    simulated.takes_options,
    simulated.scales,
)
REAL: Sequence[Promise] = (
    simulated.accepted,
    real.comes_up,
    real.detects,
    real.is_watched,
    real.is_restrained,
    passwords.given_later,
    real.survives,
    real.takes_own_images,
    brokers.three_lose_one,
)


def main() -> int:
    """Run all of it; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        *("--set", "-s"), action="append", default=[], metavar="NAME=VALUE", help="another setting"
    )
    parser.add_argument("--overlay", metavar="NAME", help="one of k8s-overlays/")
    arguments = parser.parse_args()
    settings = dict(each.split("=", 1) for each in arguments.set)
    with (
        tempfile.TemporaryDirectory(prefix="velox-k8s-") as folder,
        in_own_namespace(current_program(), Path(folder)) as cluster,
    ):
        promises = SIMULATED if cluster.simulated() else REAL
        if arguments.overlay:
            mine = Path(folder) / "mine"
            cluster.use_overlay(overlay.write(mine, arguments.overlay, settings=settings))
        elif settings:
            cluster.change_settings(settings, Path(folder) / "manifests")
        kind = "simulated" if cluster.simulated() else "real"
        say(f"Kubernetes {cluster.version()}, a {kind} node")
        try:
            for each in promises:
                with promise(f"{each.__module__.rpartition('.')[2]}.{each.__name__}"):
                    each(cluster)
        except BaseException:
            print(cluster.attempt("get", "pods,jobs,hpa,pvc,events").stdout, file=sys.stderr)
            raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
