import threading
from collections import Counter
from itertools import islice

from velox.producer.sources.synthetic import Synthetic


class Shapes:
    """Numbers its images; knows at what quality each was asked for."""

    def __init__(self) -> None:
        self.qualities: list[int] = []

    def encoded(self, label: str | None = None, *, quality: int) -> tuple[bytes, str]:
        self.qualities.append(quality)
        return f"image {len(self.qualities)}".encode(), f"label {len(self.qualities)}"


def test_synthetic_images_spread_evenly_and_each_partition_is_one_source() -> None:
    shapes = Shapes()
    source = Synthetic("synthetic", shapes=shapes, quality=80, partitions=3)
    captures = list(islice(source.items(threading.Event()), 9))
    assert Counter(each.partition for each in captures) == {0: 3, 1: 3, 2: 3}
    assert {(each.partition, each.source) for each in captures} == {
        (0, "synthetic-0"),
        (1, "synthetic-1"),
        (2, "synthetic-2"),
    }
    assert [each.value for each in captures[:2]] == [b"image 1", b"image 2"]
    assert [each.label for each in captures[:2]] == ["label 1", "label 2"]
    assert {each.content_type for each in captures} == {"image/jpeg"}
    assert set(shapes.qualities) == {80}


def test_it_ends_when_told() -> None:
    source = Synthetic("synthetic", shapes=Shapes(), quality=80, partitions=3)
    stop = threading.Event()
    items = source.items(stop)
    next(items)
    stop.set()
    assert list(items) == []
