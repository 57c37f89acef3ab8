"""What is installed: ranges for everyone, exact versions with hashes for the image."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
LOCKED = re.compile(
    r"^([a-z0-9-]+==\S+(?: ; [^\n]+?)?) \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", re.M
)
ENVIRONMENTS = [
    {
        "python_version": version,
        "python_full_version": f"{version}.0",
        "sys_platform": "linux",
        "platform_machine": machine,
    }
    for version in ("3.11", "3.12", "3.13")
    for machine in ("x86_64", "aarch64")
]
RUN_TIME = {
    "confluent-kafka",
    "numpy",
    "opencv-python-headless",
    "prometheus-client",
    "pymongo",
    "python-dotenv",
    "torch",
    "torchvision",
}


def requirements(file: str) -> dict[str, Requirement]:
    lines = (ROOT / file).read_text().splitlines()
    parsed = [Requirement(line) for line in lines if line and not line.startswith("-r ")]
    return {each.name: each for each in parsed}


def locked(environment: dict[str, str]) -> dict[str, str]:
    """The versions that are installed on one kind of machine; each package once."""
    parsed = [Requirement(each) for each in LOCKED.findall(LOCK)]
    counting = [each for each in parsed if not each.marker or each.marker.evaluate(environment)]
    versions = {each.name: str(each.specifier).removeprefix("==") for each in counting}
    assert len(versions) == len(counting)
    return versions


def test_every_package_has_a_lowest_and_a_highest_version() -> None:
    found = requirements("requirements.txt")
    assert found.keys() == RUN_TIME
    for each in found.values():
        assert {one.operator for one in each.specifier} == {">=", "<"}, each


def test_the_extra_for_onnx_has_ranges_that_hold_what_is_tested() -> None:
    tested = requirements("requirements-dev.txt")
    for name, each in requirements("requirements-onnx.txt").items():
        assert {one.operator for one in each.specifier} == {">=", "<"}, each
        assert each.specifier.contains(str(tested[name].specifier).removeprefix("==")), each
        assert name not in RUN_TIME


def test_development_packages_are_pinned() -> None:
    for each in requirements("requirements-dev.txt").values():
        assert [one.operator for one in each.specifier] == ["=="], each


def test_the_lock_holds_hashes_for_every_package_and_nothing_else() -> None:
    rest = re.sub(r"^\s*#.*\n", "", LOCKED.sub("", LOCK), flags=re.M)
    assert rest.strip() == ""


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda each: " ".join(each.values()))
def test_the_lock_lies_within_the_ranges_on_every_machine(environment: dict[str, str]) -> None:
    versions = locked(environment)
    wanted = requirements("requirements.txt") | requirements("requirements-onnx.txt")
    for name, each in wanted.items():
        assert each.specifier.contains(versions[name]), f"{name}: run `make lock`"
    assert {"nvidia-cublas", "nvidia-cuda-runtime", "triton"} <= versions.keys()


def test_no_package_index_is_named() -> None:
    assert "://" not in LOCK
    assert "index" not in LOCK


def test_the_lock_says_how_it_is_written_in_words_that_renovate_knows() -> None:
    """It runs the command again (its lib/modules/manager/pip-compile/common.ts: allowedOptions)."""
    (command,) = re.findall(r"^#    (uv pip compile .*)$", LOCK, re.M)
    options = {each.partition("=")[0] for each in command.split() if each.startswith("--")}
    assert options == {"--universal", "--generate-hashes", "--python-version", "--output-file"}
    assert command.endswith(
        " --output-file=requirements.lock requirements.txt requirements-onnx.txt"
    )


@pytest.mark.parametrize(("backend", "torch_first"), [("", False), ("cpu", True)])
def test_make_installs_the_pytorch_that_the_environment_asks_for(
    backend: str, torch_first: bool
) -> None:
    shown = subprocess.run(
        ["make", "--dry-run", "--always-make", "demo"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TORCH_BACKEND": backend},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert ("--torch-backend=cpu" in shown) is torch_first
    if torch_first:
        assert shown.index("--torch-backend=cpu") < shown.index("-r requirements.txt")
