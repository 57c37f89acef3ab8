"""The workflow of CI: valid, pinned, bounded, and running what developers run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs import changelog
from tests.rig.yaml_text import yaml_of

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
TEXT = WORKFLOW.read_text()
JOBS: dict[str, Any] = yaml_of(TEXT)["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]


@pytest.mark.parametrize(
    "command",
    [
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", WORKFLOW],
        ["check-jsonschema", "--builtin-schema", "vendor.renovate", ROOT / "renovate.json"],
        ["zizmor", "--offline", "--quiet", WORKFLOW],
    ],
    ids=lambda command: f"{command[0]} {Path(command[-1]).name}",
)
def test_linters_find_nothing(command: list[str | Path]) -> None:
    tool, *arguments = command
    done = subprocess.run([TOOLS / tool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_lints_the_code_looks_at_all_of_it() -> None:
    shown = subprocess.run(
        ["make", "--dry-run", "--always-make", "lint"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for command in ("ruff check .", "ruff format --check .", "flake8 . --max-line-length=120"):
        assert f".venv/bin/{command}\n" in shown.stdout


def test_actionlint_finds_nothing() -> None:
    """It comes from no registry of Python packages; the workflow itself runs it."""
    tool = shutil.which("actionlint")
    if tool is None:
        pytest.skip("actionlint is not on the PATH")
    done = subprocess.run([tool, WORKFLOW], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_five_jobs() -> None:
    names = [job["name"].partition(" (")[0] for job in JOBS.values()]
    assert names == [
        "Lint & Validate",
        "Integration Tests",
        "Build Image",
        "Security Scan",
        "Release Info",
    ]
    assert set(JOBS["release"]["needs"]) == JOBS.keys() - {"release"}


def test_every_action_is_pinned_by_the_digest_of_a_named_version() -> None:
    used = re.findall(r"uses: (.*)", TEXT)
    assert used
    for each in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} +# v\d+\.\d+\.\d+", each), each


@pytest.mark.parametrize("name", JOBS)
def test_a_job_has_a_limit_and_its_own_permissions(name: str) -> None:
    job = JOBS[name]
    assert 0 < job["timeout-minutes"] <= 60
    writing = {scope for scope, access in job["permissions"].items() if access == "write"}
    allowed = {
        "build": {"packages", "security-events"},
        "security": {"security-events"},
        "release": {"attestations", "contents", "id-token", "packages"},
    }
    assert writing == allowed.get(name, set())


def test_the_workflow_itself_may_do_nothing() -> None:
    assert yaml_of(TEXT)["permissions"] == {}


def test_no_step_is_allowed_to_fail() -> None:
    assert "continue-on-error" not in TEXT
    assert "|| true" not in TEXT
    scans = [step["with"] for step in STEPS if "trivy-action" in step.get("uses", "")]
    assert len(scans) == 2
    for scan in scans:
        assert re.fullmatch(r"\d+m0s", scan["timeout"]), "5 minutes do not do for 6 GB"
        assert scan["exit-code"] == "1"
        assert scan["severity"] == "CRITICAL"
        assert (ROOT / scan["trivyignores"]).exists()


@pytest.mark.parametrize("job", ["test", "build"])
def test_what_needs_room_makes_it_first(job: str) -> None:
    first, second, *_ = JOBS[job]["steps"]
    assert first["uses"].startswith("actions/checkout@")
    assert second == {"run": ".ci/free-disk"}


def test_pytorch_is_without_cuda_and_no_index_is_named() -> None:
    assert yaml_of(TEXT)["env"]["TORCH_BACKEND"] == "cpu"
    assert not re.findall(r"https?://", TEXT)


def test_both_ends_of_python_are_tested_as_developers_run_them() -> None:
    runs = JOBS["test"]["strategy"]["matrix"]["include"]
    versions = [run["python"] for run in runs if run["command"] == ".ci/run"]
    (image,) = re.findall(r"^FROM python:([\d.]+)-", (ROOT / "Dockerfile").read_text(), re.M)
    assert versions == ["3.11", image]


def test_the_audit_installs_none_of_the_locked_packages() -> None:
    shown = subprocess.run(
        ["make", "--dry-run", "--always-make", "audit"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "requirements.txt" not in shown.stdout
    assert "--disable-pip --require-hashes -r requirements.lock" in shown.stdout


def test_nothing_is_removed_where_no_runner_of_github_is() -> None:
    path = os.environ["PATH"]
    for environment in ({}, {"GITHUB_ACTIONS": "true", "RUNNER_ENVIRONMENT": "self-hosted"}):
        shown = subprocess.run(
            [ROOT / ".ci/free-disk"],
            env={"PATH": path, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        assert shown.stdout == "this is not a GitHub runner: nothing is removed\n"


def test_every_make_target_of_the_workflow_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    used = set(re.findall(r"(?:command|run): make ([a-z0-9-]+)", TEXT))
    assert {"lint", "test", "test-stack", "test-lowest", "coverage", "audit"} <= used <= targets


def test_accepted_findings_have_a_reason_and_a_day() -> None:
    accepted = yaml_of((ROOT / ".trivyignore.yaml").read_text())
    for kind in accepted.values():
        for each in kind:
            assert each["id"]
            assert each["statement"]
            assert each["expired_at"]


def test_the_notes_of_a_release_come_from_the_changelog() -> None:
    text = changelog.FILE.read_text()
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", text, re.M)
    assert versions
    for version in versions:
        assert changelog.notes(version, text).startswith("### ")
    with pytest.raises(LookupError, match="says nothing of"):
        changelog.notes("0.0.0", text)
