"""Letters and the records that they were; those that were refused once are judged anew."""

from __future__ import annotations

import threading

import pytest

from tests.unit.fakes import CAPTURED_MS, record
from velox.base.records import Headers, Record
from velox.consumer.redrive.choosing import Choice
from velox.consumer.redrive.holding_ledger import HoldingLedger
from velox.consumer.redrive.letters import letter_of, parked_letter_of
from velox.consumer.redrive.sorting import Sorting

TOPIC = "image_data"
LETTERS, PARKED = f"{TOPIC}-dlt", f"{TOPIC}-dlt-parked"
OWN: Headers = (("source", b"door"), ("__connect.errors.topic", b"what the sender wrote"))
SAID: Headers = (
    ("__connect.errors.topic", TOPIC.encode()),
    ("__connect.errors.partition", b"0"),
    ("__connect.errors.offset", b"5"),
    ("__connect.errors.stage", b"decode"),
    ("velox.record.timestamp.ms", str(CAPTURED_MS).encode()),
)


def refused_once(one: Record) -> Headers:
    """What is added to a letter that is refused."""
    return (
        ("__connect.errors.topic", one.topic.encode()),
        ("__connect.errors.partition", b"0"),
        ("__connect.errors.offset", str(one.offset).encode()),
        ("__connect.errors.stage", b"redrive"),
    )


def sorting(ledger: HoldingLedger, end: int) -> Sorting:
    return Sorting(
        Choice(),
        ledger=ledger,
        topic=TOPIC,
        ends={0: end},
        original=lambda *_: None,
        abort=threading.Event(),
        enough=threading.Event(),
    )


@pytest.mark.parametrize("times", [1, 3])
def test_a_parked_letter_is_the_one_that_was_refused(times: int) -> None:
    headers = OWN + SAID
    for topic in (LETTERS, *[PARKED] * (times - 1)):
        headers += refused_once(record(7, topic=topic))
    found = parked_letter_of(record(3, topic=PARKED, headers=headers), (LETTERS, PARKED))
    assert found == letter_of(record(3, topic=PARKED, headers=OWN + SAID))
    assert (found.own, found.said["__connect.errors.stage"]) == (OWN, b"decode")


def test_a_value_that_was_left_out_on_the_way_is_known_to_be_missing() -> None:
    headers = OWN + SAID + refused_once(record(7, topic=LETTERS))
    omitted = ("velox.value.omitted.bytes", b"5000000")
    one = record(3, topic=PARKED, headers=(*headers, omitted), value=None)
    assert parked_letter_of(one, (LETTERS, PARKED)).said[omitted[0]] == omitted[1]


def test_one_that_is_refused_again_says_nothing_twice_and_one_that_is_not_is_redriven() -> None:
    ledger = HoldingLedger(max_images=10, max_bytes=10**6)
    ledger.assign([0])
    headers = OWN + SAID + refused_once(record(7, topic=LETTERS))
    one = record(3, topic=PARKED, headers=headers, epoch=ledger.epoch(0))
    wanted, refused = sorting(ledger, end=5)([one])
    assert (wanted, len(refused)) == ([], 1)
    assert refused[0].record.headers == OWN + SAID
    assert refused[0].record.id == one.id
    assert "says 5: partition 0 of image_data ends before it" in str(refused[0].error)
    wanted, refused = sorting(ledger, end=6)([one])
    assert refused == []
    assert (wanted[0].id, wanted[0].headers) == (f"{TOPIC}:0:5:{CAPTURED_MS}", OWN)
    on_letters = record(3, topic=LETTERS, headers=headers, epoch=ledger.epoch(0))
    assert len(sorting(ledger, end=6)([on_letters])[1]) == 1, "there nobody parks anything"
