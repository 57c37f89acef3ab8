import os
from pathlib import Path

import pytest

from velox.base.machine import usable_cores


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("content", "cores"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("6400000 100000", 8),
        ("nonsense", 8),
    ],
)
def test_a_quota_bounds_the_cores(tmp_path: Path, content: str, cores: int) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(content + "\n")
    assert usable_cores(quota) == cores


def test_without_a_quota_all_cores_count(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "none") == 8
