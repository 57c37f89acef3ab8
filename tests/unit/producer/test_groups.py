from collections.abc import Iterator

import pytest

from velox.producer import groups as module
from velox.producer.groups import BYTES_TOGETHER, groups
from velox.producer.sources.capture import Capture, Item, Unreadable


def image(number: int, size: int = 3) -> Capture:
    return Capture(b"x" * size, str(number), "image/jpeg")


def test_items_come_in_their_order_so_many_together() -> None:
    items: list[Item] = [image(0), Unreadable("1", "torn"), *map(image, range(2, 7))]
    found = list(groups(iter(items), most=3))
    assert [len(each) for each in found] == [3, 3, 1]
    assert [each for group in found for each in group] == items


def test_large_images_come_alone() -> None:
    large = [image(number, BYTES_TOGETHER) for number in range(3)]
    assert list(groups(iter(large), most=100)) == [[each] for each in large]


def test_what_is_read_slowly_is_not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_S", 0.0)
    assert list(groups(map(image, range(3)), most=100)) == [[image(n)] for n in range(3)]


def test_what_was_read_before_an_error_is_not_lost() -> None:
    def torn() -> Iterator[Item]:
        yield image(0)
        raise OSError("gone")

    found = groups(torn(), most=100)
    assert next(found) == [image(0)]
    with pytest.raises(OSError, match="gone"):
        next(found)
