import itertools

import pytest

from tests.unit.fakes import Clock
from velox.base.allowance import Allowance


def taken(allowance: Allowance, clock: Clock, seconds: int, *, first: bool) -> list[float]:
    """The moments at which something was let through that came ten times a second."""
    found = []
    for _ in range(10 * seconds):
        clock.advance(0.1)
        if allowance.take(first=first):
            found.append(clock.now)
    return found


@pytest.mark.parametrize("per_hour", [10, 97, 1000])
@pytest.mark.parametrize("first", [True, False])
def test_no_hour_has_more_and_the_first_has_no_fewer_by_a_tenth(per_hour: int, first: bool) -> None:
    clock = Clock()
    moments = taken(Allowance(per_hour, clock), clock, 3 * 3600, first=first)
    most = max(sum(0 <= other - each < 3600 for other in moments) for each in moments)
    assert most <= per_hour
    assert most >= 0.85 * per_hour - 1


def test_it_is_spread_over_the_hour() -> None:
    clock = Clock()
    moments = taken(Allowance(1000, clock), clock, 3600, first=False)
    assert all(each - other < 10 for other, each in itertools.pairwise(moments))


def test_what_matters_more_finds_room_whatever_else_comes() -> None:
    clock = Clock()
    allowance = Allowance(1000, clock)
    refused = 0
    for turn in range(36_000):
        clock.advance(0.1)
        for _ in range(5):
            allowance.take(first=False)
        if turn % 100 == 0:
            refused += not allowance.take(first=True)
    assert refused == 0
