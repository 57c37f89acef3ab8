"""What is installed: ranges for everyone, exact versions with hashes for the image."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
LOCKED = re.compile(
    r"^([a-z0-9-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
)
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


def locked() -> dict[str, str]:
    return {name: version for name, version, _ in LOCKED.findall(LOCK)}


def test_every_package_has_a_lowest_and_a_highest_version() -> None:
    found = requirements("requirements.txt")
    assert found.keys() == RUN_TIME
    for each in found.values():
        assert {one.operator for one in each.specifier} == {">=", "<"}, each


def test_development_packages_are_pinned() -> None:
    for each in requirements("requirements-dev.txt").values():
        assert [one.operator for one in each.specifier] == ["=="], each


def test_the_lock_holds_hashes_for_every_package_and_nothing_else() -> None:
    rest = re.sub(r"^\s*#.*\n", "", LOCKED.sub("", LOCK), flags=re.M)
    assert rest.strip() == ""


def test_the_lock_lies_within_the_ranges() -> None:
    versions = locked()
    for name, each in requirements("requirements.txt").items():
        assert each.specifier.contains(versions[name]), f"{name}: run `make lock`"


def test_the_lock_holds_torch_with_its_cuda_libraries() -> None:
    assert {"nvidia-cublas", "nvidia-cuda-runtime", "triton"} <= locked().keys()


def test_no_package_index_is_named() -> None:
    assert "://" not in LOCK
    assert "index" not in LOCK
