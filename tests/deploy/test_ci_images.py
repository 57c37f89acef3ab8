"""How the workflow publishes images: scanned, then pushed, then named and signed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rig.yaml_text import yaml_of

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
JOBS: dict[str, Any] = yaml_of(TEXT)["jobs"]
DIGEST = "sha256:" + "a" * 64


def index(job: str, **wanted: str) -> int:
    """The one step of a job whose `uses` or `run` holds a word."""
    ((key, word),) = wanted.items()
    (found,) = [i for i, step in enumerate(JOBS[job]["steps"]) if word in step.get(key, "")]
    return found


def test_an_image_is_pushed_after_its_scan_and_without_a_tag() -> None:
    steps = JOBS["build"]["steps"]
    builds = [i for i, step in enumerate(steps) if "build-push-action" in step.get("uses", "")]
    loaded, pushed = builds
    scanned = index("build", uses="trivy-action")
    assert loaded < index("build", run="torch.version.cuda") < scanned < pushed
    assert steps[loaded]["with"]["load"] is True
    assert steps[loaded]["with"]["tags"] == steps[scanned]["with"]["image-ref"]
    assert steps[scanned]["with"]["scanners"] == "vuln"
    push = steps[pushed]
    assert push["if"] == "github.event_name == 'push'"
    assert "push-by-digest=true" in push["with"]["outputs"]
    assert "tags" not in push["with"]
    assert push["with"]["build-args"] == steps[loaded]["with"]["build-args"]
    assert push["with"]["sbom"] is True
    assert push["with"]["provenance"] == "mode=max"
    assert pushed < index("build", run="diff_ids")
    assert TEXT.count("push=true") == 1
    assert "push: " not in TEXT


def test_images_are_for_both_kinds_of_processor_and_named_by_what_they_hold() -> None:
    legs = JOBS["build"]["strategy"]["matrix"]["include"]
    assert {(leg["image"], leg["arch"], leg["backend"]) for leg in legs} == {
        ("cuda", "amd64", ""),
        ("cpu", "amd64", "cpu"),
        ("cpu", "arm64", "cpu"),
    }
    for leg in legs:
        name = f"{leg['image']}-{leg['arch']}"
        assert JOBS["build"]["outputs"][name] == f"${{{{ steps.pushed.outputs.{name} }}}}"
        assert f"needs.build.outputs.{name} }}}}" in TEXT
        assert leg["runner"].endswith("-arm") == (leg["arch"] == "arm64")


def test_every_tagged_image_is_signed() -> None:
    steps = JOBS["release"]["steps"]
    tagged = index("release", run=".ci/tag-image")
    signed = [
        (i, step["with"]["subject-digest"])
        for i, step in enumerate(steps)
        if step.get("uses", "").startswith("actions/attest@")
    ]
    assert all(i > tagged for i, _ in signed)
    assert [digest for _, digest in signed] == [
        "${{ steps.tagged.outputs.cuda }}",
        "${{ steps.tagged.outputs.cpu }}",
    ]


@pytest.fixture
def tag_image(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs .ci/tag-image with a docker that says how it was called and knows one digest."""
    (tmp_path / "docker").write_text(
        f"""#!/usr/bin/env bash
echo "$*" >>{tmp_path}/calls
[[ "$3" != inspect ]] || echo '{{"digest": "{DIGEST}"}}'
"""
    )
    # As `jq --raw-output .digest`.
    (tmp_path / "jq").write_text("#!/usr/bin/env bash\nsed -E 's/.*: \"(.*)\".*/\\1/'\n")
    for name in ("docker", "jq"):
        (tmp_path / name).chmod(0o755)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / ".ci/tag-image", *arguments],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_images_of_two_processors_get_one_name(
    tag_image: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    images = [f"registry.example/velox@{DIGEST}", f"registry.example/velox@{DIGEST}"]
    done = tag_image("registry.example/velox:cpu\nregistry.example/velox:1.0-cpu", *images)
    assert done.stdout == f"{DIGEST}\n"
    tags = "--tag=registry.example/velox:cpu --tag=registry.example/velox:1.0-cpu"
    assert (tmp_path / "calls").read_text().splitlines()[0] == (
        f"buildx imagetools create {tags} {' '.join(images)}"
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["registry.example/velox:cpu", "registry.example/velox@"], 1), (["", "x"], 2), ([], 2)],
    ids=["an image that was not pushed", "no tag", "nothing"],
)
def test_an_image_without_a_digest_gets_no_tag(
    tag_image: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
    arguments: list[str],
    code: int,
) -> None:
    assert tag_image(*arguments).returncode == code
    assert not (tmp_path / "calls").exists()
