"""The file's rules in use: taken anew however the file changes, kept while it is bad."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from velox.base.errors import SettingError
from velox.consumer.sources.rules import Sources
from velox.consumer.sources.watch import SourcesWatch


def says(seconds: int) -> str:
    return f'{{"door": {{"expect_s": {seconds}}}}}'


class Watched:
    """A watch whose looks a test takes itself."""

    def __init__(self, path: Path, log: pytest.LogCaptureFixture) -> None:
        self.watch = SourcesWatch(path)
        self.taken: list[Sources] = []
        self._log = log
        self.watch._taken = self.taken.append

    @property
    def seconds(self) -> float | None:
        rule = self.watch.current.of_name("door")
        return None if rule is None else rule.expect_s

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.watch.look()

    def errors(self) -> list[str]:
        return [each.getMessage() for each in self._log.records if each.levelname == "ERROR"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "sources.json"
    made.write_text(says(10))
    return made


@pytest.fixture
def watched(path: Path, caplog: pytest.LogCaptureFixture) -> Watched:
    return Watched(path, caplog)


def test_what_is_written_in_place_is_taken_also_at_the_same_size_and_time(
    path: Path, watched: Watched
) -> None:
    """As through a bind mount of the file alone."""
    at = os.stat(path)
    path.write_text(says(20))
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
    watched.look(3)
    assert watched.seconds == 20
    assert watched.taken == [watched.watch.current]


def test_a_link_that_points_elsewhere_is_followed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A ConfigMap's volume: `..data` is replaced by renaming a link to another folder.

    pkg/volume/util/atomic_writer.go of Kubernetes, `AtomicWriter.Write`.
    """
    for number in (1, 2):
        folder = tmp_path / f"..{number}"
        folder.mkdir()
        (folder / "sources.json").write_text(says(number))
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "sources.json").symlink_to("..data/sources.json")
    watched = Watched(tmp_path / "sources.json", caplog)
    assert watched.seconds == 1
    (tmp_path / "..data_tmp").symlink_to("..2")
    os.rename(tmp_path / "..data_tmp", tmp_path / "..data")
    watched.look()
    assert watched.seconds == 2


def test_what_is_bad_is_refused_once_and_the_old_rules_stay(
    path: Path, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    path.write_text('{"door":\n {"expect_s": "often"}}')
    watched.look(4)
    reason = (
        f"SOURCES_PATH: {path} line 2: 'door' expect_s=\\\"often\\\" is not allowed: "
        "a number from 1 to 604800"
    )
    assert len(watched.errors()) == 1
    assert watched.errors()[0].startswith("sources refused, keeping the old ones reason=")
    assert reason.replace("\\", "") in watched.errors()[0].replace("\\", "")
    assert watched.seconds == 10
    assert watched.taken == []
    path.write_text(says(30))
    watched.look()
    assert watched.seconds == 30
    assert f"SOURCES_PATH read again path={path} rules=1" in caplog.text
    path.write_text("{")
    watched.look(2)
    assert len(watched.errors()) == 2
    path.write_text(says(30))
    watched.look()
    assert f"SOURCES_PATH is as it was before path={path} rules=1" in caplog.text
    path.write_text("{")
    watched.look(2)
    assert len(watched.errors()) == 3, "it was good between"


def test_a_file_that_is_just_being_written_is_no_trouble(path: Path, watched: Watched) -> None:
    path.write_text(says(40)[:9])
    watched.look()
    path.write_text(says(40))
    watched.look()
    assert watched.seconds == 40
    assert watched.errors() == []


def test_a_file_that_is_gone_changes_nothing(path: Path, watched: Watched) -> None:
    path.unlink()
    watched.look(3)
    assert watched.seconds == 10
    (said,) = watched.errors()
    assert "cannot be read: No such file or directory" in said


def test_what_is_bad_at_the_start_stops_the_start(path: Path) -> None:
    path.write_text("{")
    with pytest.raises(SettingError, match="line 1"):
        SourcesWatch(path)
    path.unlink()
    with pytest.raises(SettingError, match="cannot be read"):
        SourcesWatch(path)


def test_without_a_file_there_are_no_rules() -> None:
    watch = SourcesWatch(None)
    watch.look()
    assert len(watch.current) == 0
