import pytest

from tests.unit.fakes import CAPTURED_MS, record
from velox.stores.image_names import LONGEST_TOPIC, file_name, is_ours


def test_a_name_that_fits_is_not_clipped() -> None:
    topic = "t" * LONGEST_TOPIC
    assert file_name(record(1, topic=topic)).startswith(f"{topic}-0-1-")


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("image_data-0-1-1700000000123.jpg", True),
        ("my-topic.v1-12-345-0.bin", True),
        ("detections.db", False),
        ("image_data-0-1.jpg", False),
        ("image_data-0-x-1.jpg", False),
        (".image_data-0-1-2.jpg.77.part", False),
        ("", False),
    ],
)
def test_a_name_is_ours_if_it_has_the_form(name: str, ours: bool) -> None:
    assert is_ours(name) is ours


def test_bytes_of_no_known_form_still_have_a_name() -> None:
    assert file_name(record(1, value=None)) == f"image_data-0-1-{CAPTURED_MS}.bin"
    assert is_ours(file_name(record(1, value=b"?", topic="a-b.c_d")))
