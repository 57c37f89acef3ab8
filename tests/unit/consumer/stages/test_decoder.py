import threading
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.fakes import record
from velox.base.errors import UndecodableImage
from velox.consumer.sources.rules import Rule, Sources
from velox.consumer.stages.decoder import Decoder
from velox.images.cropping import Crop
from velox.images.preprocessing import Preprocessing

SIZE = 4
MAX_PIXELS = 77
PADDED = Preprocessing(fit="pad")


def fill(
    data: bytes | None,
    *,
    size: int,
    max_pixels: int,
    preprocessing: Preprocessing,
    out: NDArray[np.uint8] | None = None,
    crop: Crop | None = None,
) -> NDArray[np.uint8]:
    """An image of the value's number; what is no number is no image."""
    assert (size, max_pixels, preprocessing) == (SIZE, MAX_PIXELS, PADDED)
    if data is None or not data.isdigit():
        raise UndecodableImage(f"no image: {data!r}")
    image = np.empty((size, size, 3), np.uint8) if out is None else out
    image[:] = int(data) if crop is None else 100 * crop.left
    return image


@pytest.fixture(params=[1, 3])
def decoder(request: pytest.FixtureRequest) -> Iterator[Decoder]:
    made = Decoder(fill, max_pixels=MAX_PIXELS, threads=request.param)
    yield made
    made.close()


def test_images_and_records_stand_in_the_same_order(decoder: Decoder) -> None:
    records = [record(number, value=str(number).encode()) for number in range(20)]
    images, good, dead = decoder.decode(records, SIZE, PADDED)
    assert images.shape == (20, SIZE, SIZE, 3)
    assert images.dtype == np.uint8
    assert images[:, 0, 0, 0].tolist() == list(range(20))
    assert (good, dead) == (records, [])


def test_what_is_no_image_costs_no_neighbour(decoder: Decoder) -> None:
    values = [b"5", b"bad", b"7", None, b"9"]
    records = [record(number, value=value) for number, value in enumerate(values)]
    images, good, dead = decoder.decode(records, SIZE, PADDED)
    assert images[:, 1, 2, 1].tolist() == [5, 7, 9]
    assert [each.offset for each in good] == [0, 2, 4]
    assert [(each.record.offset, each.stage) for each in dead] == [(1, "decode"), (3, "decode")]
    assert str(dead[0].error) == "no image: b'bad'"


def test_nothing_decoded_is_an_empty_batch(decoder: Decoder) -> None:
    images, good, dead = decoder.decode([record(0, value=b"bad")], SIZE, PADDED)
    assert images.shape == (0, SIZE, SIZE, 3)
    assert (good, len(dead)) == ([], 1)
    assert decoder.decode([], SIZE, PADDED)[1:] == ([], [])


def test_an_error_that_has_no_name_is_not_blamed_on_a_record() -> None:
    def broken(data: bytes | None, **_: object) -> NDArray[np.uint8]:
        raise MemoryError("no memory")

    decoder = Decoder(broken, max_pixels=MAX_PIXELS, threads=2)
    with pytest.raises(MemoryError):
        decoder.decode([record(0)], SIZE, PADDED)
    decoder.close()


def test_several_images_are_decoded_at_a_time() -> None:
    together = threading.Barrier(3, timeout=20)

    def meet(data: bytes | None, *, size: int, **_: object) -> NDArray[np.uint8]:
        together.wait()
        return np.zeros((size, size, 3), np.uint8)

    decoder = Decoder(meet, max_pixels=MAX_PIXELS, threads=3)
    assert len(decoder.decode([record(number) for number in range(3)], SIZE, PADDED)[1]) == 3
    decoder.close()


def test_one_image_can_be_tried_alone(decoder: Decoder) -> None:
    assert decoder.refusal(b"5", SIZE, PADDED) is None
    assert str(decoder.refusal(b"bad", SIZE, PADDED)) == "no image: b'bad'"


def test_each_source_has_a_crop_of_its_own(decoder: Decoder) -> None:
    rules = {"half": Rule(crop=Crop(left=0.5)), "all": Rule(threshold=0.1)}
    keys = [b"half", b"all", b"none", None, b"half"]
    records = [record(number, key=key, value=b"7") for number, key in enumerate(keys)]
    images, _, _ = decoder.decode(records, SIZE, PADDED, Sources(rules))
    assert images[:, 0, 0, 0].tolist() == [50, 7, 7, 7, 50]
