import pytest

from tests.unit.fakes import CAPTURED_MS, Clock, record
from velox.base.freshness import ALWAYS_FRESH, Freshness

MAX_AGE_S = 10.0


@pytest.fixture
def freshness() -> Freshness:
    return Freshness(MAX_AGE_S, wall_clock=Clock(CAPTURED_MS / 1000 + 100))


@pytest.mark.parametrize(
    ("timestamp_ms", "stale"),
    [
        (CAPTURED_MS + 90_000, False),
        (CAPTURED_MS + 89_999, True),
        (1, True),
        (0, False),
        (CAPTURED_MS + 86_400_000, False),
        (10**15, False),
    ],
    ids=["just fresh", "just stale", "ancient", "none", "from the future", "no date"],
)
def test_what_is_older_is_stale_and_what_has_no_time_never_is(
    freshness: Freshness, timestamp_ms: int, stale: bool
) -> None:
    one = record(timestamp_ms=timestamp_ms)
    assert freshness.stale_rows([one]) == [stale]
    assert freshness.parted([one]) == (([], [one]) if stale else ([one], []))


def test_the_order_stays(freshness: Freshness) -> None:
    old = {1, 3}
    records = [record(n, timestamp_ms=1 if n in old else 0) for n in range(5)]
    fresh, stale = freshness.parted(records)
    assert [each.offset for each in fresh] == [0, 2, 4]
    assert [each.offset for each in stale] == [1, 3]


def test_without_a_limit_nothing_is_stale() -> None:
    ancient = record(timestamp_ms=1)
    assert not ALWAYS_FRESH.limited
    assert ALWAYS_FRESH.parted([ancient]) == ([ancient], [])
    assert ALWAYS_FRESH.stale_rows([ancient]) == [False]
