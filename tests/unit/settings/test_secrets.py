"""Passwords in settings that are refused are in no error."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from velox.base.errors import SettingError
from velox.kafka.topics import Topics
from velox.settings.consumer import ConsumerSettings
from velox.stores.mongo import MongoStore

PIECES = ("hunter2", "rosebud")
SASL = "security.protocol=SASL_PLAINTEXT,sasl.mechanism=PLAIN,sasl.username=me,sasl.password="


@pytest.mark.parametrize(
    "value",
    [
        f"{SASL}hunter2,acks=0",
        f"{SASL}rosebud,hunter2",
        f"{SASL}rosebud,hunter=hunter2",
        f"{SASL}rosebud,hunter2=rosebud",
        f"{SASL}rosebud,rosebud=hunter",
        f"{SASL}rosebud,no.such.property=hunter2",
        "security.protocol=hunter2",
        "ssl.key.password=hunter2,ssl.key.location=/nowhere,security.protocol=SSL",
        "hunter2",
    ],
)
def test_a_refused_kafka_config_is_not_shown(value: str) -> None:
    with pytest.raises(SettingError) as refused:
        Topics(
            bootstrap="127.0.0.1:1",
            extra=ConsumerSettings.load({"KAFKA_CONFIG": value}).kafka_config,
        )
    hides(refused, "KAFKA_CONFIG")


@pytest.mark.parametrize(
    "value",
    [
        "http://me:hunter2@mongo/",
        "mongodb://me:hunter2@mongo:port/",
        "mongodb://me:hunter2/rosebud@mongo/",
        "mongodb://me:hunter2:rosebud@mongo/",
        "mongodb://me:hunter2@rosebud@mongo/",
        "mongodb://me:hunter2%@mongo/",
        "mongodb://mongo/?tls=hunter2",
        "mongodb://me:rosebud@mongo/?authMechanism=hunter2",
        "mongodb://me:rosebud@mongo/?authMechanismProperties=hunter2:rosebud",
        "mongodb://me@mongo/?tls=true&tlsCertificateKeyFile=/no&tlsCertificateKeyFilePassword=hunter2",
    ],
)
def test_a_refused_mongo_uri_is_not_shown(value: str) -> None:
    with pytest.raises(SettingError) as refused:
        MongoStore(uri=ConsumerSettings.load({"MONGO_URI": value}).mongo_uri, database="any")
    hides(refused, "MONGO_URI")


def hides(refused: pytest.ExceptionInfo[SettingError], variable: str) -> None:
    text = str(refused.value)
    assert text.startswith(variable)
    for piece in PIECES:
        assert piece not in text


def test_what_is_wrong_without_a_secret_is_shown() -> None:
    with pytest.raises(SettingError, match=r"no\.such\.property"):
        Topics(bootstrap="127.0.0.1:1", extra={"no.such.property": "hunter2"})
    with pytest.raises(SettingError, match="Port "):
        MongoStore(uri="mongodb://mongo:port/", database="any")


@pytest.mark.parametrize("password", ["p@ssword", "p:ssword", "p/ssword", "p?ssword", "p%ssword"])
def test_how_mongodb_is_given_such_a_password_is_said(password: str) -> None:
    with pytest.raises(SettingError, match=r"in user and password write %40 for @, .* %25 for %$"):
        MongoStore(uri=f"mongodb://velox:{password}@mongo:27017/", database="any")
    store = MongoStore(uri=f"mongodb://velox:{quote(password, safe='')}@mongo/", database="any")
    assert store.name == "mongodb:mongo/any.shapes_found"
    store.close()


def test_an_option_that_mongodb_does_not_know_is_refused() -> None:
    """Ignored, as pymongo would have it, `tsl=true` connects in plain text."""
    with pytest.raises(SettingError, match=r"^MONGO_URI is not allowed: .*option"):
        MongoStore(uri="mongodb://mongo/?tsl=true", database="any")
