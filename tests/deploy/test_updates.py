"""One version of each component in every file, and Renovate finds them all.

The patterns in which Renovate's managers look without being told are from its source,
lib/modules/manager/*/index.ts: `defaultConfig`. What it finds here, from itself:

    LOG_LEVEL=debug npx renovate --platform=local --dry-run=extract
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CONFIG: dict[str, Any] = json.loads((ROOT / "renovate.json").read_text())
IMAGES = ("apache/kafka", "mongo", "prom/prometheus", "grafana/grafana", "python")
NAMED = re.compile(rf"(?<![\w./-])({'|'.join(IMAGES)}):(v?\d+\.[\w.-]*)")
BUILT_IN = (
    r"(^|/)(?:docker-)?compose[^/]*\.ya?ml$",
    r"(^|/|\.)([Dd]ocker|[Cc]ontainer)file$",
    r"(^|/|\.)pom\.xml$",
)


def tracked() -> list[str]:
    shown = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [each for each in shown.stdout.splitlines() if (ROOT / each).is_file()]


def text(file: str) -> str:
    return (ROOT / file).read_text(errors="replace")


def named() -> dict[str, dict[str, str]]:
    """The version of each image by the file that names it."""
    found: dict[str, dict[str, str]] = {image: {} for image in IMAGES}
    for file in tracked():
        if file.startswith(("tests/", "CHANGELOG")):
            continue
        for image, version in NAMED.findall(text(file)):
            assert found[image].setdefault(file, version) == version, file
    return found


VERSIONS = named()


def patterns(manager: dict[str, Any]) -> list[str]:
    """Renovate's /regular expressions/ as Python's."""
    return [each.strip("/") for each in manager["managerFilePatterns"]]


def in_python(expression: str) -> str:
    return expression.replace("(?<", "(?P<").replace("(?P<!", "(?<!")


def custom() -> dict[str, list[dict[str, str]]]:
    """What the managers of renovate.json find, by file."""
    found: dict[str, list[dict[str, str]]] = {}
    for manager in CONFIG["customManagers"]:
        for file in tracked():
            if not any(re.search(each, file) for each in patterns(manager)):
                continue
            for expression in manager["matchStrings"]:
                for match in re.finditer(in_python(expression), text(file)):
                    name = manager.get("depNameTemplate", "")
                    found.setdefault(file, []).append({"depName": name, **match.groupdict()})
    return found


@pytest.mark.parametrize("image", IMAGES)
def test_every_file_names_the_same_version(image: str) -> None:
    assert len(VERSIONS[image]) >= (1 if image == "python" else 3)
    assert len(set(VERSIONS[image].values())) == 1, VERSIONS[image]


@pytest.mark.parametrize("image", [each for each in IMAGES if each != "python"])
def test_an_image_is_named_by_its_full_version(image: str) -> None:
    """Digests are added by Renovate, which alone can ask the registry for them."""
    assert all(re.fullmatch(r"v?\d+\.\d+\.\d+", each) for each in VERSIONS[image].values())
    assert "docker:pinDigests" in CONFIG["extends"]


def test_the_broker_of_the_tests_is_the_one_of_the_stack() -> None:
    pom = text("tests/rig/pom.xml")
    (version,) = re.findall(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>(.*)<", pom)
    assert set(VERSIONS["apache/kafka"].values()) == {version}


@pytest.mark.parametrize("image", IMAGES)
def test_renovate_looks_into_every_file_that_names_an_image(image: str) -> None:
    looked_into = [*BUILT_IN, *patterns(CONFIG["kubernetes"])]
    for file, version in VERSIONS[image].items():
        by_itself = any(re.search(each, file) for each in looked_into)
        by_pattern = {"depName": image, "currentValue": version} in custom().get(file, [])
        assert by_itself or by_pattern, file


def test_each_pattern_of_ours_finds_something() -> None:
    found = {each["depName"] for matches in custom().values() for each in matches}
    assert found == {*IMAGES, "uv", "github.com/rhysd/actionlint"}
    label = [each for each in custom()["Dockerfile"] if each["depName"] == "python"]
    assert len(label) == 1


def test_an_update_touches_all_places_at_once() -> None:
    groups = {
        name: rule["groupName"]
        for rule in CONFIG["packageRules"]
        if "groupName" in rule
        for name in rule.get("matchPackageNames", [])
    }
    assert set(IMAGES) <= groups.keys()
    assert groups["org.apache.kafka:kafka_2.13"] == groups["apache/kafka"]
    assert groups["torch"] == groups["torchvision"]


def test_versions_lie_on_the_lines_that_renovate_keeps_to() -> None:
    kept = [rule for rule in CONFIG["packageRules"] if "allowedVersions" in rule]
    assert kept
    for rule in kept:
        for image in rule["matchPackageNames"]:
            for version in VERSIONS[image].values():
                assert re.search(rule["allowedVersions"].strip("/"), version), image


def test_the_lock_is_looked_at_through_its_command_and_no_other_way() -> None:
    assert any(re.search(each, "requirements.lock") for each in patterns(CONFIG["pip-compile"]))
    (rule,) = [
        each
        for each in CONFIG["packageRules"]
        if each.get("matchFileNames") == ["requirements.txt", "requirements-onnx.txt"]
    ]
    assert rule["matchManagers"] == ["pip_requirements"]
    assert rule["enabled"] is False
    assert not (ROOT / ".github" / "dependabot.yml").exists()
