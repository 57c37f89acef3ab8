import fcntl
import os
from pathlib import Path

import pytest

from velox.base.errors import SettingError
from velox.producer.sources import journal as journal_source
from velox.producer.sources.journal import MARGIN, Journal, Version, digest_of

ONE, TWO = Version(1, 10), Version(2, 20)


def opened(path: Path) -> Journal:
    journal = Journal(path)
    journal.open()
    return journal


def test_what_was_sent_is_known_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    first = opened(path)
    assert first.clean
    first.begin({0: 5, 1: 7})
    first.add("in/a.jpg", ONE, (0, 1000))
    first.close(clean=True)
    second = opened(path)
    assert second.clean
    assert second.knows("in/a.jpg", ONE)
    assert not second.knows("in/a.jpg", TWO)
    assert not second.knows("in/b.jpg", ONE)
    assert second.places == {0: 1001 - MARGIN, 1: 7}


def test_what_was_killed_is_not_clean_and_half_a_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    first = opened(path)
    first.begin({0: 5})
    first.add("in/a.jpg", ONE, (0, 5))
    first.add("in/b.jpg", ONE, (0, 6))
    assert first.flush()
    path.write_bytes(path.read_bytes()[:-20])
    first.close(clean=False)
    second = opened(path)
    assert not second.clean
    assert second.knows("in/a.jpg", ONE)
    assert not second.knows("in/b.jpg", ONE)
    second.add("in/c.jpg", ONE, None)
    second.close(clean=True)
    assert opened(path).knows("in/c.jpg", ONE)


def test_what_arrived_is_noted_until_it_is_known(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    first = opened(path)
    first.add("in/a.jpg", ONE, (0, 5))
    first.found((0, 5), "in/a.jpg", "known by its place")
    first.found((0, 6), "in/b.jpg", "feed")
    first.close(clean=False)
    second = opened(path)
    assert second.arrived == {"in/b.jpg": {"feed"}}
    second.add("in/b.jpg", ONE, None)
    second.close(clean=False)
    assert opened(path).arrived == {}


def test_where_it_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="set WATCH_STATE to a folder that may be written"):
        opened(tmp_path / "no folder" / "journal")


def test_one_producer_at_a_time(tmp_path: Path) -> None:
    first = opened(tmp_path / "journal")
    with pytest.raises(SettingError, match=r"another producer holds .* as WATCH_STATE"):
        opened(tmp_path / "journal")
    first.close(clean=True)
    opened(tmp_path / "journal").close(clean=True)


def test_a_full_disk_loses_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    journal = opened(tmp_path / "journal")
    journal.add("in/a.jpg", ONE, (0, 1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert not journal.flush()
    assert journal.flush()
    journal.close(clean=True)
    assert (tmp_path / "journal").read_text().count("sent") == 1


def test_of_what_is_gone_the_oldest_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_source, "MOST_GONE", 10)
    journal = opened(tmp_path / "journal")
    journal.begin({0: 0})
    for number in range(30):
        journal.add(f"in/{number}.jpg", ONE, (0, number))
    journal.flush()
    assert journal.crowded
    journal.forget({digest_of("in/0.jpg", ONE)})
    journal.close(clean=True)
    again = opened(tmp_path / "journal")
    kept = {number for number in range(30) if again.knows(f"in/{number}.jpg", ONE)}
    assert kept == {0, *range(25, 30)}
    assert again.places == {0: 0}


def crowded(path: Path) -> Journal:
    journal = opened(path)
    for number in range(30):
        journal.add(f"in/{number}.jpg", ONE, (0, number))
    journal.flush()
    return journal


def test_a_full_disk_does_not_end_who_forgets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, _data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(journal_source, "MOST_GONE", 10)
    journal = crowded(tmp_path / "journal")
    with monkeypatch.context() as patch:
        patch.setattr(journal_source, "write_whole", full)
        journal.forget(set())
    assert "goes on reason='No space left on device'" in caplog.text
    assert not journal.crowded
    journal.add("in/30.jpg", ONE, (0, 30))
    with pytest.raises(SettingError, match="another producer holds"):
        Journal(tmp_path / "journal").open()
    journal.close(clean=True)
    assert opened(tmp_path / "journal").knows("in/30.jpg", ONE)


def test_where_files_cannot_be_locked_what_is_gone_is_forgotten_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(journal_source, "MOST_GONE", 10)
    monkeypatch.setattr(fcntl, "flock", no_locks)
    journal = crowded(tmp_path / "journal")
    journal.forget(set())
    journal.add("in/30.jpg", ONE, (0, 30))
    journal.close(clean=True)
    again = opened(tmp_path / "journal")
    assert again.knows("in/30.jpg", ONE)
    assert not again.knows("in/0.jpg", ONE)


def test_of_a_topic_that_was_created_anew_nothing_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    first = opened(path)
    first.begin({0: 5000})
    first.add("in/a.jpg", ONE, (0, 5000))
    first.add("in/b.jpg", ONE, (1, 7))
    first.close(clean=True)
    second = opened(path)
    second.begin({0: 0, 1: 0})
    second.close(clean=False)
    third = opened(path)
    assert third.places == {0: 0, 1: 0}
    third.found((1, 7), "in/c.jpg", "feed")
    assert third.arrived == {"in/c.jpg": {"feed"}}
    assert third.knows("in/a.jpg", ONE)
