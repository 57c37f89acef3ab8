"""What is left holds the commit back, and what was done behind it is remembered."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.fakes import record
from velox.base.records import Record
from velox.consumer.redrive.holding_ledger import MOST_RUNS, HoldingLedger


def ledger() -> HoldingLedger:
    made = HoldingLedger(max_images=10_000, max_bytes=2**30)
    made.assign([0])
    return made


def letters(of: HoldingLedger, count: int, first: int = 0) -> list[Record]:
    made = [replace(record(first + n), epoch=of.epoch(0)) for n in range(count)]
    of.admit(made)
    return made


def test_no_commit_passes_what_is_left() -> None:
    mine = ledger()
    made = letters(mine, 6)
    mine.leave(made[2])
    mine.finish(made[:2])
    assert (mine.uncommitted(), mine.written(0)) == ({0: 2}, "")
    mine.finish(made[2:])
    assert (mine.uncommitted(), mine.written(0)) == ({0: 2}, ";done=2+1-3")


def test_a_later_redrive_reads_what_this_one_wrote() -> None:
    mine = ledger()
    made = letters(mine, 10)
    for number in (3, 4, 7):
        mine.leave(made[number])
    mine.finish(made)
    later = ledger()
    later.read({0: "cluster-id=a;topic-id=b" + mine.written(0)})
    again = [replace(each, epoch=later.epoch(0)) for each in made]
    assert [each.offset for each in again if later.is_done(each)] == [5, 6, 8, 9]


def test_what_cannot_be_read_is_nothing() -> None:
    mine = ledger()
    (letter,) = letters(mine, 1)
    for text in ("", "done=", "done=1+x-2", "topic-id=done"):
        mine.read({0: text})
        assert not mine.is_done(letter)


def test_what_is_remembered_has_a_bound_that_a_broker_takes() -> None:
    mine = ledger()
    made = letters(mine, 2 * MOST_RUNS, first=10**9)
    for letter in made[::2]:
        mine.leave(letter)
    mine.finish(made)
    assert mine.is_full(0)
    assert len(mine.written(0)) < 3500


def test_what_is_left_under_an_earlier_assignment_is_forgotten() -> None:
    mine = ledger()
    old = letters(mine, 2)
    mine.leave(old[0])
    mine.assign([0])
    mine.finish(old)
    assert mine.uncommitted() == {}
