from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.fakes import CAPTURED_MS, detection
from velox.base.errors import DocumentRejected
from velox.base.records import Detection
from velox.consumer.stages.agreement import store_agreeing
from velox.stores.gone import Gone
from velox.stores.interface import Rejected


class Store:
    """Keeps what it is told of; refuses some ids; takes files away while it writes."""

    def __init__(self) -> None:
        self.paths: dict[str, str | None] = {}
        self.writes = 0
        self.refuses: set[str] = set()
        self.meanwhile: list[Path] = []

    def __call__(self, detections: Sequence[Detection]) -> Rejected:
        self.writes += 1
        for path in self.meanwhile:
            path.unlink(missing_ok=True)
        refused = [each for each in detections if each.id in self.refuses]
        self.paths |= {each.id: each.file_path for each in detections if each not in refused}
        return [(each, DocumentRejected("no")) for each in refused]


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def gone(tmp_path: Path) -> Gone:
    return Gone(tmp_path, writer="one", topic="image_data")


def found(folder: Path, number: int) -> Detection:
    """A detection whose file is there."""
    path = folder / f"image_data-0-{number}-{CAPTURED_MS}.jpg"
    path.write_bytes(b"image")
    return replace(detection(number), file_path=str(path))


def test_documents_name_their_files(store: Store, gone: Gone, tmp_path: Path) -> None:
    detections = [found(tmp_path, 1), found(tmp_path, 2), detection(3)]
    assert store_agreeing(detections, gone, store) == []
    assert store.paths == {each.id: each.file_path for each in detections}
    assert store.writes == 1


def test_a_file_that_is_gone_before_is_not_named(store: Store, gone: Gone, tmp_path: Path) -> None:
    detections = [found(tmp_path, 1), found(tmp_path, 2)]
    gone.remove([Path(str(detections[0].file_path)).name])
    assert store_agreeing(detections, gone, store) == []
    assert list(store.paths.values()) == [None, detections[1].file_path]
    assert store.writes == 1


def test_a_file_that_goes_meanwhile_is_not_named(store: Store, gone: Gone, tmp_path: Path) -> None:
    """Who removed it may have told the store before the document was there."""
    detections = [found(tmp_path, 1), found(tmp_path, 2)]
    store.meanwhile = [Path(str(detections[1].file_path))]
    assert store_agreeing(detections, gone, store) == []
    assert list(store.paths.values()) == [detections[0].file_path, None]


def test_what_is_refused_leaves_no_file(store: Store, gone: Gone, tmp_path: Path) -> None:
    """No document would lead to it: not when its source is to be forgotten, for instance."""
    detections = [found(tmp_path, 1), found(tmp_path, 2), detection(3)]
    store.refuses = {detections[0].id, detections[2].id}
    refused = store_agreeing(detections, gone, store)
    assert {each.id for each, _ in refused} == store.refuses
    assert store.paths == {detections[1].id: detections[1].file_path}
    assert [path.name for path in tmp_path.glob("image_data*")] == [
        Path(str(detections[1].file_path)).name
    ]
