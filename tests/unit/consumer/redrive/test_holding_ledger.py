"""What is left holds the commit back, and what was done behind it is remembered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.fakes import record
from velox.base.records import Record
from velox.consumer.redrive.holding_ledger import MOST_BYTES, HoldingLedger


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


@pytest.mark.parametrize("every", [2, 3, 5000], ids=["each other", "each third", "long runs"])
@pytest.mark.parametrize("in_flight", [1, 400])
def test_what_is_remembered_has_a_bound_that_a_broker_takes(every: int, in_flight: int) -> None:
    """Kafka refuses more than offset.metadata.max.bytes, 4096 by default; most of it is used."""
    mine = HoldingLedger(max_images=10**6, max_bytes=2**40)
    mine.assign([0])
    flight: list[Record] = []
    for offset in range(10**9, 10**9 + 4_000_000):
        if offset % every > 1 and every > 100:
            continue
        (letter,) = letters(mine, 1, first=offset)
        if mine.is_full(letter):
            break
        if offset % every == 0:
            mine.leave(letter)
        flight.append(letter)
        if len(flight) == in_flight:
            mine.finish(flight)
            flight.clear()
    mine.finish(flight)
    assert MOST_BYTES - 20 < len(mine.written(0)) < 3_900


def test_an_end_before_what_earlier_redrives_have_done_forgets_none_of_it() -> None:
    mine = ledger()
    mine.read({0: ";done=0+5-5+10-20"})
    made = letters(mine, 22)
    mine.finish(made[:3])
    assert (mine.uncommitted(), mine.written(0)) == ({0: 3}, ";done=3+2-5+10-20")
    mine.leave(made[3])
    mine.finish(made[3:7])
    assert (mine.uncommitted(), mine.written(0)) == ({0: 3}, ";done=3+1-3+0-3+10-20")
    later = ledger()
    later.read({0: mine.written(0)})
    done = [each.offset for each in letters(later, 50) if later.is_done(each)]
    assert done == [*range(4, 10), *range(20, 40)]
    mine.finish(made[7:])
    assert mine.written(0) == ";done=3+1-18+0-18"
    redriven = ledger()
    redriven.read({0: ";done=0+5-5"})
    redriven.finish(letters(redriven, 10))
    assert (redriven.uncommitted(), redriven.written(0)) == ({0: 10}, "")


def test_where_nothing_is_left_no_earlier_redrive_fills_it() -> None:
    mine = ledger()
    mine.read({0: ";done=0" + "+1-1" * 1000})
    (letter,) = letters(mine, 1)
    assert not mine.is_full(letter)
    mine.leave(letter)
    assert mine.is_full(letters(mine, 1, first=1)[0])


def test_what_is_left_under_an_earlier_assignment_is_forgotten() -> None:
    mine = ledger()
    old = letters(mine, 2)
    mine.leave(old[0])
    mine.assign([0])
    mine.finish(old)
    assert mine.uncommitted() == {}
