"""The backup of docs/operations.md, made, lost and restored by its own lines.

A stand-in of docker-compose runs what a container would run: MongoDB's tools against a mongod, and
tar on folders that stand for the volumes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import kubernetes_validate
import pytest

from tests.rig.manifests import of_kind, pods
from tests.rig.mongod import Mongod
from tests.rig.yaml_text import yaml_of
from tests.unit.fakes import detection
from velox.stores.mongo import MongoStore

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text()
CHAPTER = PAGE.partition("## Backup and restore")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^```bash\n(.*?)^```", CHAPTER, re.M | re.S)
BACKUP, RESTORE, _, K8S_BACKUP, K8S_RESTORE, K8S_MODEL = BLOCKS
Type = Callable[[str], None]
TOOLS = ("mongodump", "mongorestore")
DATABASE = "lab_discovery_db"
LIMIT_S = 60
COMPOSE = """#!/usr/bin/env bash
set -euo pipefail
while [[ "$1" != mongo && "$1" != consumer && "$1" != trainer ]]; do
  if [[ "$1" == stop ]]; then exit 0; fi
  if [[ "$1" == --entrypoint ]]; then program="$2"; shift; fi
  shift
done
shift
if [[ -n "${program:-}" ]]; then set -- "$program" "$@"; fi
if [[ "$1" == tar ]]; then exec tar -C "$VOLUMES" "${@:4}"; fi
exec "$@"
"""
TOOL = """#!/usr/bin/env bash
exec {path} --port {port} "$@"
"""


@pytest.fixture
def typed(tmp_path: Path) -> Type:
    """Types a block of the page where docker-compose is the stand-in."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker-compose").write_text(COMPOSE)
    (folder / "docker-compose").chmod(0o755)

    def run(block: str) -> None:
        path = f"{folder}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tmp_path,
            env={"PATH": path, "VOLUMES": str(tmp_path / "volumes")},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    return run


def lines_of(block: str, what: str) -> str:
    """The commands of a block that name something."""
    commands = re.findall(r"^(?:.*\\\n)*.*$", block, re.M)
    return "\n".join(each for each in commands if what in each)


def test_files_come_back(typed: Type, tmp_path: Path) -> None:
    volumes = tmp_path / "volumes"
    contents = {"discoveries/red.jpg": b"image", "models/model.pth": b"weights"}
    for name, data in contents.items():
        (volumes / name).parent.mkdir(parents=True)
        (volumes / name).write_bytes(data)
    typed(lines_of(BACKUP, " tar "))
    for name in contents:
        (volumes / name).unlink()
    typed(lines_of(RESTORE, " tar "))
    assert {name: (volumes / name).read_bytes() for name in contents} == contents


@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="needs MongoDB's database tools")
def test_detections_and_their_indexes_come_back(
    typed: Type, mongod: Mongod, tmp_path: Path
) -> None:
    for tool in TOOLS:
        wrapper = tmp_path / "bin" / tool
        wrapper.write_text(TOOL.format(path=shutil.which(tool), port=mongod.port))
        wrapper.chmod(0o755)
    store = MongoStore(uri=mongod.uri, database=DATABASE)
    store.open()
    with mongod.client() as client:
        found = client[DATABASE].shapes_found
        store.write([detection(each) for each in range(20)])
        before = list(found.find(sort=[("_id", 1)])), sorted(found.index_information())
        typed(lines_of(BACKUP, "mongodump"))
        client.drop_database(DATABASE)
        typed(lines_of(RESTORE, "mongorestore"))
        assert (list(found.find(sort=[("_id", 1)])), sorted(found.index_information())) == before
        client.drop_database(DATABASE)
    store.close()


def test_kubernetes_runs_the_same_in_its_containers() -> None:
    for compose, kubernetes in ((BACKUP, K8S_BACKUP), (RESTORE, K8S_RESTORE)):
        for tool in ("mongodump", "mongorestore", "tar -C / -cz"):
            wanted = re.findall(rf"{tool}.*$", compose, re.M)
            assert re.findall(rf"{tool}.*$", kubernetes, re.M) == wanted


def test_the_pod_that_restores_is_admitted_and_mounts_what_the_training_mounts() -> None:
    (text,) = re.findall(r"<<POD\n(.*?)^POD$", K8S_MODEL, re.M | re.S)
    pod = yaml_of(text)
    kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
    trainer = pods()["model-trainer"]
    (mount,) = pod["spec"]["containers"][0]["volumeMounts"]
    assert mount in trainer.main["volumeMounts"]
    (volume,) = pod["spec"]["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] in of_kind("PersistentVolumeClaim")
    assert pod["spec"]["affinity"] == trainer.spec["affinity"]
    for name in ("runAsNonRoot", "runAsUser", "seccompProfile"):
        assert pod["spec"]["securityContext"][name] == trainer.spec["securityContext"][name]
