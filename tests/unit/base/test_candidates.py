from dataclasses import replace

import pytest

from tests.unit.fakes import candidate
from velox.base.candidates import RANDOM_RANK, UNSURE_RANK, Candidate, chance_of


def test_a_chance_is_the_same_for_the_same_id_and_evenly_spread() -> None:
    chances = [chance_of(f"image_data:0:{number}:1700000000123") for number in range(20_000)]
    assert chances == [chance_of(f"image_data:0:{each}:1700000000123") for each in range(20_000)]
    assert all(0 <= each < 1 for each in chances)
    tenths = [sum(each // 0.1 == tenth for each in chances) for tenth in range(10)]
    assert all(1800 < each < 2200 for each in tenths), tenths


@pytest.mark.parametrize("threshold", [0.9, None])
def test_a_document_holds_all_of_it(threshold: float | None) -> None:
    one = replace(candidate(3, random=True), threshold=threshold)
    document = one.document()
    assert document["_id"] == one.id
    assert "id" not in document
    assert Candidate.of({**document, "rank": 1, "verdict": None}) == one
    assert Candidate.of({**document, "random": 1}) == one, "SQLite has no truth values"


def test_the_random_share_goes_after_the_others() -> None:
    assert candidate(1).rank == UNSURE_RANK < RANDOM_RANK == candidate(1, random=True).rank
