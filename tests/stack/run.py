"""Put the real stack through its promises, with the documented commands.

    python -m tests.stack.run            # needs Docker, Compose and the images that the stack names
    python -m tests.stack.run --keep     # leaves a stack that failed up, to be looked at

The stack runs from a clone of HEAD, as a Compose project of its own, on the documented ports:
stop your own stack first. Each promise that holds is one line; one that does not ends the run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.stack.alive import comes_up, detects, shows, stays_on_this_machine
from tests.stack.asked_for import is_judged
from tests.stack.compose import IMAGE, Stack, leftovers, run
from tests.stack.lasting import fits, keeps, restarts, shares, survives
from tests.stack.own_images import classifies_photographs, watches_a_camera
from tests.stack.passwords import from_the_start, given_later
from tests.stack.report import promise, say

ROOT = Path(__file__).parents[2]
PASSWORD = "stack-test"  # noqa: S105 - of a Grafana that lives for this run


def main() -> int:
    """Run all of it; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", action="store_true", help="leave a stack that failed up")
    keep = parser.parse_args().keep
    folder = Path(tempfile.mkdtemp(prefix="velox-stack-"))
    checkout = folder / "velox"
    run("git", "clone", "--quiet", ROOT, checkout)
    stack = Stack(checkout, {"GRAFANA_ADMIN_PASSWORD": PASSWORD})
    try:
        put_to_the_test(stack, checkout)
    except BaseException:
        if keep:
            print(f"the stack is still up: {checkout}", file=sys.stderr)
        else:
            print(stack.compose("logs", "--tail=30"), file=sys.stderr)
            stack.compose("down", "--volumes")
        raise
    run("rm", "--recursive", "--force", folder)
    return 0


def put_to_the_test(stack: Stack, checkout: Path) -> None:
    """The promises, in the order of a stack's life."""
    with promise("docker build"):
        build(IMAGE, checkout)
    say(f"image_gb={image_bytes() / 1e9:.2f}")
    with promise("up --wait: all healthy, the trainer ended with 0"):
        comes_up(stack)
    detects(stack)
    shows(checkout, PASSWORD)
    with promise("asked for: an image judged on the page, a shadow, every panel with data"):
        is_judged(stack, checkout)
    stays_on_this_machine(stack)
    with promise("three consumers share the partitions"):
        shares(stack)
    with promise("every container fits its memory limit"):
        fits(stack)
    with promise("kill -9 of broker, database and consumers under load"):
        survives(stack)
    with promise("restart consumer under load: exit code 0, no record done twice"):
        restarts(stack)
    with promise("down, then up: documents and model are kept"):
        keeps(stack)
    with promise("trains on photographs of /data, and classifies them"):
        classifies_photographs(stack, checkout)
    with promise("streams a camera of the network"):
        watches_a_camera(stack, checkout)
    with promise("a code change rebuilds the code alone"):
        code_change(checkout)
    with promise("a database that has run without passwords gets them"):
        given_later(stack)
    with promise("passwords from the first start on"):
        from_the_start(stack)
    with promise("down --volumes leaves nothing"):
        stack.compose("down", "--volumes")
        assert leftovers() == []


def build(image: str, checkout: Path) -> None:
    """Build as the documents say; the environment may name another PyTorch or package index."""
    names = ("PIP_INDEX_URL", "TORCH_BACKEND", "TORCH_INDEX_URL")
    indexes = [f"--build-arg={name}" for name in names]
    run("docker", "build", *indexes, "--tag", image, ".", cwd=checkout)


def image_bytes() -> int:
    """The size of the image as Docker counts it."""
    return int(run("docker", "image", "inspect", "--format", "{{.Size}}", IMAGE))


def code_change(checkout: Path) -> None:
    """Of all layers only those after the packages differ."""
    changed = f"{IMAGE}-changed"
    script = checkout / "consumer.py"
    script.write_text(script.read_text() + "# changed\n")
    build(changed, checkout)
    pairs = list(zip(layers(IMAGE), layers(changed), strict=True))
    run("docker", "image", "rm", changed)
    rebuilt = sum(before != after for before, after in pairs)
    assert 1 <= rebuilt <= 2, f"{rebuilt} of {len(pairs)} layers were built again"
    say(f"layers={len(pairs)} rebuilt={rebuilt}")


def layers(image: str) -> list[str]:
    """The digests of an image's layers."""
    form = '{{join .RootFS.Layers " "}}'
    return run("docker", "image", "inspect", "--format", form, image).split()


if __name__ == "__main__":
    sys.exit(main())
