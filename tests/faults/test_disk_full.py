"""No space for the images: documents go on without files, and say so."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.scenario import Scenario, metric
from tests.faults.sent import mixture
from tests.rig import need

DISK_BYTES = 512 * 1024
CATCH_UP_LIMIT_S = 60.0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little space."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    as_root = [] if shutil.which("sudo") is None else ["sudo", "-n"]
    size = f"size={DISK_BYTES},mode=777"
    mounted = subprocess.run(
        [*as_root, "mount", "-t", "tmpfs", "-o", size, "tmpfs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        need.missing("a small file system", f"mount needs root: {mounted.stderr}")
    yield folder
    subprocess.run([*as_root, "umount", "--lazy", folder], check=True)


def test_documents_go_on_and_files_come_back_with_the_space(
    scenario: Scenario, small_disk: Path
) -> None:
    scenario.nobody_dies()
    filler = small_disk / "filler"
    filler.write_bytes(bytes(DISK_BYTES - 64 * 1024))
    scenario.send(mixture(range(200)))
    consumer = scenario.consumer(STORAGE_PATH=str(small_disk))
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check(files=False)

    without = [each for each in scenario.stored.documents() if each["file_path"] is None]
    assert 0 < len(without) < 180
    assert metric(consumer, "velox_image_write_errors_total") == len(without)
    assert "image not written" in consumer.log
    assert "No space left on device" in consumer.log
    assert not list(small_disk.glob(".*")), "parts of files are left"

    filler.unlink()
    scenario.send(mixture(range(200, 240)))
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check(files=False)
    assert metric(consumer, "velox_image_write_errors_total") == len(without)
    scenario.stop(consumer)
