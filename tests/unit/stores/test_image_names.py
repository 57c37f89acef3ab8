import ast
from pathlib import Path

import pytest

from tests.unit.fakes import CAPTURED_MS, record
from velox.images import header
from velox.stores.image_names import (
    LONGEST_TOPIC,
    captured_ms,
    file_name,
    id_of,
    is_ours,
    names_of,
)


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
        ("report-2026-12-31.jpg", False),
        ("report-2026-01-31.jpg", False),
        ("image_data-0-1-2.pdf", False),
        ("image_data-0-1-٣.jpg", False),
        ("image_data-0-12-31.jpg", True),
        ("", False),
    ],
)
def test_a_name_is_ours_if_it_has_the_form(name: str, ours: bool) -> None:
    assert is_ours(name) is ours


def test_bytes_of_no_known_form_still_have_a_name() -> None:
    assert file_name(record(1, value=None)) == f"image_data-0-1-{CAPTURED_MS}.bin"
    assert is_ours(file_name(record(1, value=b"?", topic="a-b.c_d")))


@pytest.mark.parametrize("topic", ["image_data", "a-b.c-1-2", "t" * LONGEST_TOPIC, "t" * 249])
def test_name_and_id_lead_to_each_other(topic: str) -> None:
    one = record(7, partition=3, topic=topic)
    assert file_name(one) in names_of(one.id)
    assert id_of(file_name(one), topic) == one.id
    assert captured_ms(file_name(one)) == CAPTURED_MS


def test_a_clipped_name_is_not_of_another_topic() -> None:
    other = record(7, topic="u" * 249)
    assert id_of(file_name(other), "t" * 249) != record(7, topic="t" * 249).id


@pytest.mark.parametrize("timestamp", [0, 10**17])
def test_a_record_without_a_usable_time_has_none(timestamp: int) -> None:
    assert captured_ms(file_name(record(1, timestamp_ms=timestamp))) is None


def test_every_extension_is_known() -> None:
    """Each constant of the module that looks like one."""
    tree = ast.parse(Path(header.__file__).read_text())
    constants = {each.value for each in ast.walk(tree) if isinstance(each, ast.Constant)}
    found = {each for each in constants if isinstance(each, str) and each.startswith(".")}
    assert found == set(header.EXTENSIONS)
