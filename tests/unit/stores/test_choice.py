"""The settings choose the store, its reader and the folder of images."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from velox.base.errors import SettingError
from velox.stores.choice import Stores, open_image_files
from velox.stores.mongo import MongoStore
from velox.stores.mongo_reader import MongoReader
from velox.stores.sqlite import SQLiteStore
from velox.stores.sqlite_reader import SQLiteReader


def test_no_mongo_uri_means_sqlite_beside_the_images(tmp_path: Path) -> None:
    store = Stores(mongo_uri="", database="db", storage_path=tmp_path).detections()
    assert isinstance(store, SQLiteStore)
    assert store.name == f"sqlite:{tmp_path / 'detections.db'}"


def test_a_mongo_uri_means_mongodb(tmp_path: Path) -> None:
    stores = Stores(mongo_uri="mongodb://u:secret@h:1/", database="db", storage_path=tmp_path)
    assert "secret" not in repr(stores)
    store = stores.detections()
    assert isinstance(store, MongoStore)
    assert store.name == "mongodb:h:1/db.shapes_found"
    store.close()


def test_images_for_review_lie_beside_the_detections(tmp_path: Path) -> None:
    file = Stores(mongo_uri="", database="db", storage_path=tmp_path).review()
    assert file.name == f"sqlite:{tmp_path / 'review.db'}"
    server = Stores(
        mongo_uri="mongodb://u:secret@h:1/", database="db", storage_path=tmp_path
    ).review()
    assert server.name == "mongodb:h:1/db.review"
    server.close()


def test_a_storage_path_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match=r"STORAGE_PATH='.*file' cannot be used: .*; it must"):
        open_image_files(tmp_path / "file", keep=1)


def test_a_storage_path_without_permission_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SettingError, match="no permission to write there"):
        open_image_files(tmp_path, keep=1)


def test_a_storage_path_that_no_document_can_name_is_refused(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    with pytest.raises(SettingError, match=r"STORAGE_PATH=.* it is not UTF-8"):
        open_image_files(folder, keep=1)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("mongo_uri", "kind"), [("", SQLiteReader), ("mongodb://u:secret@h:1/", MongoReader)]
)
def test_what_is_read_is_what_was_written(mongo_uri: str, kind: type, tmp_path: Path) -> None:
    stores = Stores(mongo_uri=mongo_uri, database="db", storage_path=tmp_path)
    store = stores.detections()
    if not mongo_uri:
        store.open()
    store.close()
    with closing(stores.reader()) as reader:
        assert isinstance(reader, kind)
        assert reader.name == store.name
