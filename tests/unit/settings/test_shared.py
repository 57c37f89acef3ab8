"""Settings that several programs read."""

from __future__ import annotations

import pytest

from velox.base.errors import SettingError
from velox.images.shapes import COLORS, SHAPES
from velox.settings.consumer import ConsumerSettings
from velox.settings.programs import ProducerSettings
from velox.settings.shared import COLOR_NAMES, SHAPE_NAMES


def test_the_names_allowed_are_those_that_can_be_drawn() -> None:
    assert set(SHAPE_NAMES) == set(SHAPES)
    assert set(COLOR_NAMES) == set(COLORS)


def test_properties_of_the_kafka_client() -> None:
    given = r"security.protocol=SASL_SSL,sasl.password=a=b\,c,ssl.ca.location="
    assert ConsumerSettings.load({"KAFKA_CONFIG": given}).kafka_config == {
        "security.protocol": "SASL_SSL",
        "sasl.password": "a=b,c",
        "ssl.ca.location": "",
    }
    assert ConsumerSettings.load({"KAFKA_CONFIG": ""}).kafka_config == {}


def test_spaces_before_a_property_do_not_count() -> None:
    given = {"KAFKA_CONFIG": "client.rack=a, fetch.min.bytes=1"}
    assert ConsumerSettings.load(given).kafka_config == {
        "client.rack": "a",
        "fetch.min.bytes": "1",
    }


@pytest.mark.parametrize("bad", ["acks", "=1", "Acks=1", "a b=1", ",", "a=1,,b=2"])
def test_what_are_no_properties(bad: str) -> None:
    with pytest.raises(SettingError, match=r"^KAFKA_CONFIG=<hidden> is not allowed: "):
        ConsumerSettings.load({"KAFKA_CONFIG": bad})


def test_a_property_that_would_break_a_promise_is_named_with_the_reason() -> None:
    for settings in (ConsumerSettings, ProducerSettings):
        with pytest.raises(SettingError) as refused:
            settings.load({"KAFKA_CONFIG": "sasl.password=hunter2,transactional.id=me"})
        assert str(refused.value) == (
            "KAFKA_CONFIG=<hidden> is not allowed: transactional.id cannot be set: "
            "nothing is sent in transactions"
        )


def test_sources_are_a_list_that_may_name_commas() -> None:
    assert ProducerSettings.load({"SOURCE": r"photos, a\,b,synthetic"}).source == (
        "photos",
        "a,b",
        "synthetic",
    )


@pytest.mark.parametrize("bad", ["", "a,,b", "a,", "a\0b"])
def test_a_source_without_a_name_is_refused(bad: str) -> None:
    with pytest.raises(SettingError, match=r"^SOURCE="):
        ProducerSettings.load({"SOURCE": bad})
