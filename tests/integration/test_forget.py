"""`python -m velox.forget` as it is called; what it removes is tested with the faults."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rig.processes import Child, script
from tests.unit.fakes import detection, record
from velox.stores.image_names import file_name
from velox.stores.sqlite import SQLITE_FILE, SQLiteStore
from velox.stores.sqlite_reader import SQLiteReader

LIMIT_S = 60
# Nothing answers there.
NO_BROKER = "127.0.0.1:1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with two documents of one source and one of another; each has its image."""
    made = tmp_path / "discoveries"
    with closing(SQLiteStore(made / SQLITE_FILE)) as store:
        store.open()
        for number, source in enumerate(["line-1", "line-1", "line-2"]):
            path = made / file_name(record(number))
            path.write_bytes(b"image")
            store.write([replace(detection(number), source=source, file_path=str(path))])
    return made


def forget(folder: Path, *arguments: str, **env: str) -> Child:
    settings = {
        "MONGO_URI": "",
        "STORAGE_PATH": str(folder),
        "KAFKA_BOOTSTRAP_SERVER": NO_BROKER,
        **env,
    }
    log = folder.parent / f"forget-{time.monotonic_ns()}" / "log"
    child = script("velox/forget.py", env=settings, log=log, arguments=arguments)
    child.wait(LIMIT_S)
    return child


def left(folder: Path) -> tuple[int, int]:
    """Documents, and documents that name a file."""
    with closing(SQLiteReader(folder / SQLITE_FILE)) as reader:
        found = reader.latest(100)
    return len(found), sum(each.file_path is not None for each in found)


def test_a_broker_that_is_away_leaves_open_what_it_keeps(folder: Path) -> None:
    child = forget(folder, "--source", "line-1", KAFKA_RESULTS_TOPIC="results")
    assert child.returncode == 0, str(child)
    assert "removed source='line-1' shapes_found=2 review=0 withdrawn=0 files=2" in child.log
    topics = "image_data,image_data-dlt,image_data-dlt-parked,results"
    assert f"not known how long Kafka keeps it topics={topics} reason=" in child.log
    assert left(folder) == (1, 1)


def test_documents_forget_what_somebody_deleted(folder: Path) -> None:
    (folder / file_name(record(1))).unlink()
    dry = forget(folder, "--lost-files", "--dry-run")
    assert "documents_with_file=3 file_missing=1 set_to_null=0 folder=" in dry.log, str(dry)
    assert left(folder) == (3, 3)
    child = forget(folder, "--lost-files")
    assert (child.returncode, left(folder)) == (0, (3, 2)), str(child)
    assert "documents_with_file=3 file_missing=1 set_to_null=1 folder=" in child.log


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "one of the arguments --source --lost-files is required"),
        (["--source", "a", "--lost-files"], "not allowed with argument --source"),
        (["--source", "a", "--before", "yesterday"], "'yesterday' is no date or time; write"),
        (["--lost-files", "--before", "2026-01-31"], "--before goes with --source"),
        (["--source", ""], "--source is empty"),
        (["--source", "K\udcf6ln"], "--source is not UTF-8"),
    ],
)
def test_a_wrong_argument_is_said(folder: Path, arguments: list[str], said: str) -> None:
    child = forget(folder, *arguments)
    assert child.returncode == 2, str(child)
    assert said in child.log
    assert left(folder) == (3, 3)


def test_a_folder_that_is_not_the_consumers_is_said(folder: Path) -> None:
    missing = forget(folder / "nowhere", "--source", "line-1")
    assert (missing.returncode, "STORAGE_PATH=" in missing.log) == (2, True), str(missing)
    empty = folder.parent / "empty"
    empty.mkdir()
    child = forget(empty, "--source", "line-1")
    assert child.returncode == 2, str(child)
    assert "MONGO_URI is empty, and STORAGE_PATH=" in child.log
    assert not list(empty.iterdir())
